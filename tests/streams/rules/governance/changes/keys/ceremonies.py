"""A firm whose keys are in shares of five cosigners at three sites, with its custodian's reports of them."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any, Final

from coincurve import PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.ethereum.recovery import address_of
from infra.proofs import base64url, ed25519
from schemas.canonical import destruction_digest, key_vouched_digest
from schemas.events.base import Refusal
from schemas.events.keys import KeyOrdered
from schemas.firm_commands import ProposeKey, ReportKey
from schemas.keys import (
    ActivateKey,
    Cosigner,
    DestroyKey,
    DestructionProof,
    GenerateKey,
    KeyChange,
    KeyVouched,
    RecoverShare,
    RotateKey,
)
from schemas.topics import COSIGNERS
from streams.rules.firm.keys import key_named, shares_named
from tests.streams.rules.governance.changes.specification import Specification, Step, approve, given, step
from tests.world.firm import governance as firm

SITES: Final = ("zurich", "zurich", "london", "london", "new-york")
KEY: Final = "treasury-2"
TOKEN_KEY: Final = "01"
"""The key of the firm's first wallet, which stood in genesis."""
WRONG: Final = Refusal(check="token-full", message="The token is full.", remedy="Free some room.")


def _secret(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def cosigner(place: int, **changes: Any) -> Cosigner:
    """The holder of a place, the same each time."""
    name = COSIGNERS[place - 1]
    key = Ed25519PrivateKey.from_private_bytes(_secret(changes.pop("keys", name)))
    fields = {"cosigner": name, "party": place, "site": SITES[place - 1]}
    signing, agreement = ed25519.public_bytes(key).hex(), _secret(f"agreement of {signing_name(key)}").hex()
    return Cosigner.model_validate(fields | {"signing_key": f"0x{signing}", "agreement_key": f"0x{agreement}"} | changes)


def signing_name(key: Ed25519PrivateKey) -> str:
    return ed25519.public_bytes(key).hex()


FIVE: Final = [cosigner(place) for place in range(1, 6)]


def of_firm(*steps: Step, **changes: Any) -> Specification:
    """The firm with a custodian and five cosigners, after some steps."""
    systems = [*firm.document().systems, firm.system("custodian", "custodian", desks=[])]
    return given(*steps, **({"systems": systems, "cosigners": FIVE} | changes))


@cache
def public_key(name: str) -> str:
    """The public half of a secp256k1 key, the same for the same name."""
    return f"0x{PrivateKey(_secret(name)).public_key.format(compressed=False).hex()}"


def address(name: str) -> str:
    return address_of(bytes.fromhex(public_key(name)[2:]))


# What is proposed ---------------------------------------------------------------------------------------------------


def generate(**changes: Any) -> GenerateKey:
    """A key in shares of all five, of which three sign, from two sites."""
    fields = {"key_id": KEY, "backend": "mpc", "threshold": 3, "cosigners": list(COSIGNERS), "sites_min": 2}
    return GenerateKey.model_validate(fields | changes)


def in_token(key_id: str = KEY, **changes: Any) -> GenerateKey:
    return GenerateKey.model_validate({"key_id": key_id, "backend": "hsm"} | changes)


def activate(**changes: Any) -> ActivateKey:
    """A wallet with the key, at its address."""
    fields = {
        "key_id": KEY,
        "key_backend": "mpc",
        "wallet_id": KEY,
        "desk_id": "newswap",
        "chain_id": firm.CHAIN,
        "address": address(KEY),
    }
    return ActivateKey.model_validate(fields | changes)


def propose_key(by: str, change: KeyChange, **how: Any) -> Step:
    return step(by, lambda _: ProposeKey(change=change, reason="a review"), **how)


def agreed(change: KeyChange) -> tuple[Step, ...]:
    """Proposed, and agreed to by a quorum."""
    return (propose_key("sven", change), approve("cora"), approve("carl"))


def recover(place: int = 3, key_id: str = KEY, **changes: Any) -> RecoverShare:
    return RecoverShare(key_id=key_id, cosigner=cosigner(place, **({"keys": "a new one"} | changes)))


ROTATE: Final = RotateKey(key_id=KEY)
DESTROY: Final = DestroyKey(key_id=KEY)

# What is reported ---------------------------------------------------------------------------------------------------


_SIGNERS: Final[dict[str, tuple[KeyVouched, Ed25519PrivateKey]]] = {}
"""Who signed a word, by its signature."""


def vouched(place: int, epoch: int = 1, **changes: Any) -> KeyVouched:
    """A cosigner's word, signed with its own key or with that of `keys`, for no order yet: `for_order` signs it for one."""
    name = COSIGNERS[place - 1]
    key = Ed25519PrivateKey.from_private_bytes(_secret(changes.pop("keys", name)))
    fields = {"cosigner": name, "key_id": KEY, "epoch": epoch, "address": address(KEY), "public_key": public_key(KEY)}
    unsigned = KeyVouched.model_validate(fields | {"signature": ""} | changes)
    return _signed(unsigned, key, 0)


def for_order(word: KeyVouched, position: int) -> KeyVouched:
    """The word, signed for the order at a position by whoever signed it; what was changed since stays as it is."""
    before, key = _SIGNERS.get(word.signature, (None, None))
    return word if key is None or before != word else _signed(word, key, position)


def _signed(word: KeyVouched, key: Ed25519PrivateKey, position: int) -> KeyVouched:
    signature = base64url.encode(ed25519.sign(key, key_vouched_digest(word, position)))
    signed = word.model_copy(update={"signature": signature})
    _SIGNERS[signature] = signed, key
    return signed


def all_vouched(epoch: int = 1, **changes: Any) -> list[KeyVouched]:
    return [vouched(place, epoch, **changes) for place in range(1, 6)]


def destroyed(place: int, at: int, **changes: Any) -> DestructionProof:
    """A cosigner's word that its shares are gone."""
    name = COSIGNERS[place - 1]
    key = Ed25519PrivateKey.from_private_bytes(_secret(changes.pop("keys", name)))
    fields = {
        "place": name,
        "what": f"{shares_named(KEY)} of epochs: 1; none is left here",
        "digest": "ab" * 32,
        "destroyed_at": at,
    }
    unsigned = DestructionProof.model_validate(fields | changes)
    return unsigned.model_copy(update={"signature": base64url.encode(ed25519.sign(key, destruction_digest(unsigned)))})


def token_destroyed(at: int, key_id: str = KEY, **changes: Any) -> DestructionProof:
    digest = hashlib.sha256(bytes.fromhex(public_key(key_id)[2:])).hexdigest()
    fields = {
        "place": "token",
        "what": f"{key_named(key_id)} which is not found any more",
        "digest": digest,
        "destroyed_at": at,
    }
    return DestructionProof.model_validate(fields | changes)


def order(spec: Specification) -> KeyOrdered:
    """The one order that is open."""
    [found] = [each.open_order for each in spec.firm.keys.values() if each.open_order is not None]
    return found


def report(outcome: str = "generated", by: str = "custodian", **changes: Any) -> Step:
    """The custodian's answer to the open order; what `changes` are is given when it is asked for."""
    how = {name: changes.pop(name) for name in ("name", "signer") if name in changes}

    def body(spec: Specification) -> ReportKey:
        said = {name: each(spec) if callable(each) else each for name, each in changes.items()}
        position = said.pop("ordered_position", None) or order(spec).position
        if "vouched" in said:
            said["vouched"] = [for_order(each, position) for each in said["vouched"]]
        return ReportKey.model_validate({"ordered_position": position, "outcome": outcome} | said)

    return step(by, body, **how)


def made(name: str = KEY, epoch: int = 0, **changes: Any) -> dict[str, Any]:
    """A report's facts about a key."""
    return {"address": address(name), "public_key": public_key(name), "epoch": epoch} | changes


GENERATED: Final = (*agreed(generate()), report(**made(epoch=1, vouched=all_vouched())))
"""A key in shares, made."""
IN_TOKEN: Final = (*agreed(in_token()), report(**made()))
"""A key in a token, made."""
