"""Selects the keys that may own a planned Safe, and those that may send its transactions. Pure.

Decides what governance and the enclave would refuse later, when the Safe is on the chain and money is in it: keys that are
not there or cannot sign, an executor that is no owner, whose key is in shares, or whose account another wallet sends from
(docs/adr/0014); and a Safe that asks for one signature only, which no Safe is needed for.
Leaves out what the chain says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from schemas.keys import KeyHolder, SafeAccount

SIGNATURES_MIN: Final = 2
IN_SHARES: Final = ("mpc", "hybrid")
HOW_TO_LIST: Final = "proofdesk key list says which keys there are"

Key = Mapping[str, Any]
"""A key as `/v1/keys` shows it."""


class Objection(NamedTuple):
    """Explains one fault of a planned Safe, with its remedy."""

    check: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Wish:
    """The requested Safe; owners and executor by key id."""

    owners: Sequence[str]
    threshold: int
    executor: str
    chain_id: int


def objections(wish: Wish, keys: Sequence[Key]) -> Iterator[Objection]:
    """Yield every objection to the Safe, the most important first."""
    yield from _numbers(wish)
    known = {key["key_id"]: key for key in keys}
    for key_id in dict.fromkeys((*wish.owners, wish.executor)):
        yield from _owner(key_id, known.get(key_id))
    yield from _executor(wish, known.get(wish.executor))


def account(wish: Wish, keys: Sequence[Key]) -> SafeAccount:
    """Return the Safe's owners and executor for the proposal. Requires a wish without objections."""
    known = {key["key_id"]: key for key in keys}
    holders = {key_id: _holder(known[key_id]) for key_id in wish.owners}
    return SafeAccount(threshold=wish.threshold, owners=list(holders.values()), executor=holders[wish.executor])


def _numbers(wish: Wish) -> Iterator[Objection]:
    count = len(wish.owners)
    twice = sorted({key_id for key_id in wish.owners if list(wish.owners).count(key_id) > 1})
    if twice:
        yield Objection("owner-twice", f"{', '.join(twice)} is named as an owner twice", "name each owner once")
    if count < SIGNATURES_MIN:
        remedy = f"name {SIGNATURES_MIN} keys or more, each with --owner; one key alone needs no Safe: key activate"
        yield Objection("owners-too-few", f"a Safe has {SIGNATURES_MIN} owners or more, and {count} is named", remedy)
    elif wish.threshold > count:
        remedy = f"take a --threshold of {SIGNATURES_MIN} to {count}, or name more owners"
        yield Objection("threshold-too-high", f"{wish.threshold} of {count} owners can never sign", remedy)
    elif wish.threshold < SIGNATURES_MIN:
        remedy = f"take a --threshold of {SIGNATURES_MIN} to {count}"
        yield Objection("threshold-too-low", "any one of the owners alone could move everything", remedy)


def _owner(key_id: str, key: Key | None) -> Iterator[Objection]:
    if key is None:
        yield Objection("key-unknown", f"there is no key {key_id}", f"{HOW_TO_LIST}; key generate proposes a new one")
    elif key["backend"] == "safe":
        remedy = "name the keys that own it instead"
        yield Objection("owner-is-a-safe", f"{key_id} is a Safe itself, and has no key of its own", remedy)
    elif key["address"] is None:
        remedy = f"look at it with key show {key_id}, and plan again once it was generated"
        yield Objection("key-not-made", f"key {key_id} has no address yet: it is {key['state']}", remedy)
    elif key["state"] != "active":
        remedy = "name another key, or have a quorum resume it if it is suspended: key resume"
        yield Objection("key-not-active", f"key {key_id} is {key['state']}, and signs nothing for a new wallet", remedy)


def _executor(wish: Wish, key: Key | None) -> Iterator[Objection]:
    who = wish.executor
    if who not in wish.owners:
        message = f"the executor {who} is none of the owners, so that anybody could send what they signed"
        yield Objection("executor-no-owner", message, f"name it as one, --owner {who}, or take --executor from the owners")
    if key is None:
        return
    if key["backend"] in IN_SHARES:
        message = (
            f"the key {who} is in shares: what an executor signs holds the others' signatures, which no cosigner can derive"
        )
        yield Objection("executor-in-shares", message, "take an owner whose key is in a token as --executor")
    for use in key["uses"]:
        if use["chain_id"] == wish.chain_id and use["role"] in {"wallet", "executor"}:
            message = (
                f"the account of {who} sends the transactions of wallet {use['wallet_id']}: they would take each other's nonces"
            )
            yield Objection("executor-taken", message, "take an owner that is no wallet as --executor: key generate makes one")
            return


def _holder(key: Key) -> KeyHolder:
    return KeyHolder(address=key["address"], key_backend=key["backend"], key_id=key["key_id"])
