// The bytes that are signed and hashed, as schemas/canonical.py makes them: RFC 8785 of what is said, absent fields left out,
// behind a prefix that names what the digest is for.
const COMMAND = "proofdesk/command/v1\0";
const FIRM_COMMAND = "proofdesk/firm-command/v1\0";
const APPROVAL = "proofdesk/approval/v1\0";
const PROPOSAL = "proofdesk/proposal/v1\0";

export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const names = Object.keys(value).filter((name) => value[name] !== null && value[name] !== undefined).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

async function digest(domain, content) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(domain + canonical(content))));
}

// Of a command without its authorization; with a desk it is the desk's, else governance's.
export const commandDigest = (command) => digest(command.desk_id === undefined ? FIRM_COMMAND : COMMAND, command);
export const approvalDigest = (subject) => digest(APPROVAL, subject);
export const proposalDigest = (proposal_id, proposer, change) => digest(PROPOSAL, { proposal_id, proposer, change });

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export const base64url = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

export function fromBase64url(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}
