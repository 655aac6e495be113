"""Judges a run from the bytes of the whole log and of the chain alone.

Signed twice: an order, or a nonce of a wallet, of which there are two different transactions. Lost: an order that was sent and
never came to an end. A gap: a nonce that no transaction of its wallet has, below one that was signed; or fewer transactions on
the chain than were signed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from infra.ethereum.transaction import decode_raw, recover_sender
from schemas.events.base import OrderEvent
from schemas.events.lifecycle import Confirmed, OrderClosed, OrderInitiated, PolicyEvaluated, Signed, SigningRefused
from schemas.hash_chain import ChainBroken, verify
from schemas.values import Address, OrderId
from tests.chaos.signing.watch import Stored

BROKEN: Final = ("lost", "duplicated", "over_limit", "chain_breaks", "signed_twice", "nonce_gaps", "refused_by_signer")
"""What is zero when nothing went wrong."""


@dataclass(slots=True)
class Verdict:
    """Counts of what must not be, beside what was done."""

    lost: int = 0
    duplicated: int = 0
    over_limit: int = 0
    chain_breaks: int = 0
    signed_twice: int = 0
    nonce_gaps: int = 0
    refused_by_signer: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    """By check."""
    signed: int = 0
    signed_by: dict[str, int] = field(default_factory=dict)
    """By backend."""
    confirmed: int = 0


def verdict(stored: Iterable[Stored], sent: Iterable[OrderId], on_chain: Mapping[Address, int]) -> Verdict:
    """`stored` is all that was written about orders, `on_chain` how many transactions the chain has of each wallet."""
    known = list(stored)
    events = [each.event for each in known]
    signed = [each for each in events if isinstance(each, Signed)]
    refused = Counter(each.refusal.check for each in events if isinstance(each, SigningRefused))
    begun = Counter(each.order_id for each in events if isinstance(each, OrderInitiated))
    ended = {each.order_id for each in events if isinstance(each, Confirmed | OrderClosed)}
    allowed = [each for each in events if isinstance(each, PolicyEvaluated) and each.outcome == "allowed"]
    return Verdict(
        lost=len(set(sent) - ended),
        duplicated=sum(count - 1 for count in begun.values()),
        over_limit=sum(fact.exceeded for each in allowed for fact in each.facts.limits),
        chain_breaks=_breaks(known),
        signed_twice=_twice(signed),
        nonce_gaps=_gaps(signed, on_chain),
        refused_by_signer=refused.total(),
        refused=dict(refused),
        signed=len(signed),
        signed_by=dict(Counter(each.key_backend for each in signed)),
        confirmed=sum(isinstance(each, Confirmed) for each in events),
    )


def _breaks(known: Iterable[Stored]) -> int:
    """Orders whose links do not follow from one another."""
    links: defaultdict[OrderId, list[tuple[OrderEvent, bytes]]] = defaultdict(list)
    for each in known:
        if isinstance(each.event, OrderEvent):
            links[each.event.order_id].append((each.event, each.value))
    return sum(not _follows(chain) for chain in links.values())


def _follows(chain: list[tuple[OrderEvent, bytes]]) -> bool:
    try:
        verify(sorted(chain, key=lambda link: link[0].sequence))
    except ChainBroken:
        return False
    return True


def _twice(signed: Iterable[Signed]) -> int:
    """Orders, and nonces of a wallet, with more than one transaction."""
    by_order: defaultdict[OrderId, set[str]] = defaultdict(set)
    by_nonce: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    for each in signed:
        raw = bytes.fromhex(each.raw_transaction[2:])
        by_order[each.order_id].add(each.raw_transaction)
        by_nonce[recover_sender(raw), decode_raw(raw)[0].nonce].add(each.raw_transaction)
    return sum(len(found) - 1 for found in (*by_order.values(), *by_nonce.values()))


def _gaps(signed: Iterable[Signed], on_chain: Mapping[Address, int]) -> int:
    """Nonces that no transaction has, and signed ones that the chain does not have."""
    nonces: defaultdict[Address, set[int]] = defaultdict(set)
    for each in signed:
        nonces[each.wallet].add(decode_raw(bytes.fromhex(each.raw_transaction[2:]))[0].nonce)
    lacking = 0
    for wallet, used in nonces.items():
        lacking += max(used) + 1 - min(used) - len(used)
        lacking += abs(max(used) + 1 - on_chain.get(wallet, 0))
    return lacking
