"""Folds governance's events about a key: its place, its right to sign, the epoch of its shares. Pure.

A key that stood in genesis as a wallet's has no history here; it may sign until governance says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal, assert_never

from schemas.events.base import FirmEvent
from schemas.events.keys import (
    KeyDestroyed,
    KeyFailed,
    KeyGenerated,
    KeyOrdered,
    KeyResumed,
    KeyRotated,
    KeySuspended,
    RotationDue,
)
from schemas.keys import KeyBackend, KeyId
from schemas.values import Instant, Slug

KeyStatus = Literal["ordered", "active", "suspended", "rotated", "destroyed"]
"""Ordered: the key does not exist yet. Rotated: another took its place, and it signs the transfers that sweep its funds."""
MAY_SIGN: Final[frozenset[KeyStatus]] = frozenset({"active", "rotated"})
IN_SHARES: Final[frozenset[KeyBackend]] = frozenset({"mpc", "hybrid"})
"""Backends whose keys are split between several places."""

KeyEvent = KeyOrdered | KeyGenerated | KeyRotated | KeySuspended | KeyResumed | KeyDestroyed | KeyFailed | RotationDue
KEY_EVENTS: Final = (
    KeyOrdered,
    KeyGenerated,
    KeyRotated,
    KeySuspended,
    KeyResumed,
    KeyDestroyed,
    KeyFailed,
    RotationDue,
)


@dataclass(frozen=True, slots=True)
class KeyStanding:
    """A key after all events about it."""

    key_id: str
    status: KeyStatus = "active"
    generated: KeyGenerated | None = None
    """None: the key does not exist yet, or is older than the first governance event."""
    epoch: int = 0
    """Epoch of its shares; 0 for a key in one place."""
    cosigners: tuple[Slug, ...] = ()
    """Holders of its shares, in the order of their places: 1, 2, 3 …"""
    renewed_at: Instant = 0
    """The time at which the key, or its present shares, were made."""
    successor: str = ""
    open_order: KeyOrdered | None = None
    """The order that has no report yet."""
    is_due: bool = False
    """True once governance warned that the key should be rotated."""
    history: tuple[FirmEvent, ...] = ()
    """All events about it, in order."""

    @property
    def may_sign(self) -> bool:
        """Return True if the key may sign."""
        return self.status in MAY_SIGN


def shares_named(key_id: KeyId) -> str:
    """Return the prefix by which a cosigner's proof of destruction names all its parts of the key."""
    return f"sealed shares of key {key_id},"


def key_named(key_id: KeyId) -> str:
    """Return the prefix by which the custodian's proof of destruction names the key."""
    return f"key {key_id},"


def standing_after(before: KeyStanding | None, event: KeyEvent) -> KeyStanding:
    """Return a key after one more event about it."""
    known = before or KeyStanding(event.key_id, "ordered" if _is_birth(event) else "active")
    return replace(known, **_changed(known, event), history=(*known.history, event))


def _changed(known: KeyStanding, event: KeyEvent) -> dict[str, Any]:
    """Return the fields that an event changes."""
    changed: dict[str, Any] = {}
    match event:
        case KeyOrdered():
            changed = {"open_order": event}
        case KeyGenerated():
            changed = {"status": "active", "generated": event, "open_order": None} | _renewed(event)
        case KeyRotated() if event.successor:
            # A key that was suspended meanwhile stays suspended.
            status = "rotated" if known.status == "active" else known.status
            changed = {"status": status, "successor": event.successor, "open_order": None, "is_due": False}
        case KeyRotated():
            changed = {"open_order": None, "is_due": False} | _renewed(event)
        case KeyDestroyed():
            changed = {"status": "destroyed", "open_order": None}
        case KeyFailed():
            changed = {"open_order": None}
        case RotationDue():
            changed = {"is_due": True}
        case KeySuspended():
            changed = {"status": "suspended"}
        case KeyResumed():
            changed = {"status": "rotated" if known.successor else "active"}
        case _ as unknown:
            assert_never(unknown)
    return changed


def _renewed(event: KeyGenerated | KeyRotated) -> dict[str, Any]:
    return {"epoch": event.epoch, "cosigners": tuple(event.cosigners), "renewed_at": event.decided_at}


def _is_birth(event: KeyEvent) -> bool:
    return isinstance(event, KeyGenerated) or (isinstance(event, KeyOrdered) and event.change.kind == "generate")
