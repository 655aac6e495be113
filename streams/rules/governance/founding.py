"""Begins a log: derives governance's first events from the signed genesis and its topics' content (architecture, rule 2).

Topics that are empty get all genesis events; topics that are not must begin with exactly these, or the installation and its
log do not belong together. What follows them is decided from commands (`streams.rules.governance.changes`). Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.events.base import Event, FirmEvent
from schemas.hash_chain import Link
from schemas.values import Instant
from streams.rules.chaining import ChainedEvent, chain_event
from streams.rules.governance.genesis import SignedGenesis, digest, events


class GenesisMismatch(Exception):
    """The log's governance events are not those that the genesis file gives."""


def decide(genesis: SignedGenesis, present: Sequence[FirmEvent], now: Instant) -> tuple[ChainedEvent, ...]:
    """Return the chained events to write, at `now`; none when all of them are `present` already, in any order.

    Raises:
        GenesisMismatch: the log begins with something else.
    """
    if not present:
        return _chained(genesis, now)
    there = sorted(present, key=lambda event: event.position)
    expected = [chained.recorded.event for chained in _chained(genesis, there[0].decided_at)]
    for wanted, found in zip(expected, there, strict=False):
        if wanted != found:
            raise GenesisMismatch(
                f"governance event {wanted.position} of the log is {_shown(found)}; the genesis file gives {_shown(wanted)}. "
                "Start with the genesis file that this log began with, or with an empty log"
            )
    if len(there) < len(expected):
        raise GenesisMismatch(
            f"the log holds {len(there)} governance events, the genesis file gives {len(expected)}. "
            "Start with the genesis file that this log began with, or with an empty log"
        )
    return ()


def _chained(genesis: SignedGenesis, now: Instant) -> tuple[ChainedEvent, ...]:
    cause = digest(genesis)
    return tuple(
        chain_event(event, position=position, now=now, causation=cause, tail=Link())
        for position, event in enumerate(events(genesis), start=1)
    )


def _shown(event: Event) -> str:
    """Return an event's kind and its subject, short enough for a message."""
    subject = next((getattr(event, name) for name in _SUBJECTS if hasattr(event, name)), "")
    return f"{type(event).__name__} {subject} (caused by {event.causation_id[:12]}…)".replace("  ", " ")


_SUBJECTS = ("principal", "asset_id", "wallet_id", "address", "policy_hash", "root_public_key")
