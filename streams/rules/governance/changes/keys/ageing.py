"""Warns of a key above its maximum age, once for each key and each renewal of its shares. Pure.

Depends on time alone, like the end of a proposal, so every reader of the log finds the same. It stops nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.events.keys import RotationDue
from schemas.values import DAY_MICROS, Instant
from streams.rules.firm.keys import KeyStanding
from streams.rules.firm.view import Governance


def rotations_due(firm: Governance, now: Instant) -> Iterator[RotationDue]:
    """Yield a warning of each key that has become due and has no warning yet."""
    for known in firm.keys.values():
        since = due_at(known)
        if since is not None and since <= now and not known.is_due:
            yield RotationDue(key_id=known.key_id, epoch=known.epoch or None, since=since)


def due_at(known: KeyStanding) -> Instant | None:
    """Return the time to rotate a key; None for one out of use, or without an agreed maximum age."""
    if known.generated is None or known.status not in ("active", "suspended"):
        return None
    return known.renewed_at + known.generated.rotate_after_days * DAY_MICROS
