// What a person decides on a page: signed with their own FIDO2 key, sent as any other command. An approval is of the hash that
// is computed here from what the server shows in full; one that differs from the hash it asks for is never signed.
import { approvalDigest, base64url, commandDigest, fromBase64url, hex, proposalDigest } from "/assets/digests.js";
import { CHANGES } from "/assets/keys.js";

const PRINCIPAL = "principal";

async function read(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail);
  return said;
}

async function assertion(challenge, principal) {
  const [{ principals }, policy] = await Promise.all([read("/v1/access"), read("/v1/policies/active")]);
  const known = principals.find((each) => each.principal === principal);
  if (!known) throw new Error(`nobody is known as ${principal}`);
  const { response, rawId } = await navigator.credentials.get({
    publicKey: {
      challenge,
      rpId: policy.settings.webauthn_rp_id,
      userVerification: "required",
      allowCredentials: known.credentials.map((each) => ({ type: "public-key", id: fromBase64url(each.credential_id) })),
    },
  });
  return {
    kind: "webauthn",
    credential_id: base64url(rawId),
    authenticator_data: base64url(response.authenticatorData),
    client_data_json: base64url(response.clientDataJSON),
    signature: base64url(response.signature),
  };
}

async function send(path, command, challenge) {
  const { command_id, principal, issued_at, body, ...place } = command;
  const { kind, order_id, proposal_id, ...content } = body;
  const authorization = await assertion(challenge ?? (await commandDigest(command)), principal);
  const answer = await fetch(path, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "Idempotency-Key": command_id,
      "Proofdesk-Principal": principal,
      "Proofdesk-Issued-At": String(issued_at),
    },
    body: JSON.stringify({ ...place, ...content, authorization }),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail);
  return said.message ? `${said.state}: ${said.message}` : said.state;
}

function checked(computed, asked) {
  if (hex(computed) !== asked) throw new Error("what is shown is not what the server asks to sign; sign nothing, and report it");
  return computed;
}

const commanded = (principal, body, place = {}) => ({
  command_id: crypto.randomUUID(),
  ...place,
  principal,
  issued_at: Date.now() * 1000,
  body,
});

async function approveOrder({ id }, { principal }) {
  const order = await read(`/v1/orders/${id}`);
  const challenge = checked(await approvalDigest(order.approval_subject), order.approval_hash);
  const body = { kind: "give_approval", order_id: id, approval_hash: order.approval_hash };
  return send(`/v1/orders/${id}/approvals`, commanded(principal, body, { desk_id: order.desk_id }), challenge);
}

async function approveProposal({ id }, { principal }) {
  const { proposer, change, proposal_hash } = await read(`/v1/proposals/${id}`);
  const challenge = checked(await proposalDigest(id, proposer, change), proposal_hash);
  const body = { kind: "approve_proposal", proposal_id: id, proposal_hash };
  return send(`/v1/proposals/${id}/approvals`, commanded(principal, body), challenge);
}

const ofOrder = (kind, path) => ({ id, desk }, { principal, reason }) =>
  send(`/v1/orders/${id}/${path}`, commanded(principal, { kind, order_id: id, reason }, { desk_id: desk }));

const ofProposal = (kind, path) => ({ id }, { principal, reason }) =>
  send(`/v1/proposals/${id}/${path}`, commanded(principal, { kind, proposal_id: id, reason }));

const ofKey = (changed) => (data, fields) => {
  const { principal, reason } = fields;
  return send("/v1/keys", commanded(principal, { kind: "propose_key", change: changed(data, fields), reason }));
};

const ACTIONS = {
  ...Object.fromEntries(Object.entries(CHANGES).map(([name, changed]) => [name, ofKey(changed)])),
  "approve-order": approveOrder,
  "decline-order": ofOrder("decline_approval", "decline"),
  "withdraw-approval": ofOrder("withdraw_approval", "approvals/withdraw"),
  "approve-proposal": approveProposal,
  "decline-proposal": ofProposal("decline_proposal", "decline"),
  "withdraw-proposal": ofProposal("withdraw_proposal", "withdraw"),
  "trip-breaker": (_, { principal, scope, subject, state, reason }) =>
    send("/v1/breakers", commanded(principal, { kind: "trip_breaker", scope, subject, state, reason })),
  "reset-breaker": ({ scope, subject }, { principal, reason }) =>
    send("/v1/breakers/reset", commanded(principal, { kind: "propose_reset", scope, subject, reason })),
};

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const action = ACTIONS[event.submitter?.value];
  if (!action) return;
  event.preventDefault();
  const said = form.querySelector("output");
  const fields = Object.fromEntries(new FormData(form));
  localStorage.setItem(PRINCIPAL, fields.principal);
  said.className = "";
  said.textContent = "waiting for your key…";
  try {
    said.textContent = await action(form.dataset, fields);
    said.className = "good";
  } catch (error) {
    said.textContent = error.message;
    said.className = "alarm";
  }
});

function remember() {
  for (const field of document.querySelectorAll("input[name=principal]")) field.value ||= localStorage.getItem(PRINCIPAL) ?? "";
}

remember();
document.addEventListener("shown", remember);
