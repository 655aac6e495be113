// What a person proposes to be done with a key, from the fields of a form. Every field is said, since all of it is signed.
const HOLDER = "holder-";
const SHARED = ["mpc", "hybrid"];

function generate(_, { key_id, backend, rotate_after_days, threshold, sites_min, ...rest }) {
  const shared = SHARED.includes(backend);
  const holders = Object.keys(rest).filter((name) => name.startsWith(HOLDER));
  return {
    kind: "generate",
    key_id,
    backend,
    threshold: shared ? Number(threshold) : 0,
    cosigners: shared ? holders.map((name) => name.slice(HOLDER.length)) : [],
    sites_min: shared ? Number(sites_min) : 1,
    rotate_after_days: Number(rotate_after_days),
  };
}

const activate = ({ key, backend, address }, { wallet_id, desk_id, chain_id, holding }) => ({
  kind: "activate",
  key_id: key,
  key_backend: backend,
  wallet_id,
  desk_id,
  chain_id: Number(chain_id),
  address,
  holding: holding || null,
});

const recover = ({ key }, { cosigner, party, site, signing_key, agreement_key }) => ({
  kind: "recover",
  key_id: key,
  cosigner: { cosigner, party: Number(party), site, signing_key, agreement_key },
});

const plain = (kind) => ({ key }) => ({ kind, key_id: key });

// By what a form's button says.
export const CHANGES = {
  "generate-key": generate,
  "activate-key": activate,
  "rotate-key": ({ key }, { successor }) => ({ kind: "rotate", key_id: key, successor: successor ?? "" }),
  "suspend-key": plain("suspend"),
  "resume-key": plain("resume"),
  "destroy-key": plain("destroy"),
  "recover-share": recover,
};
