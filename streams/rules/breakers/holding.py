"""Decides that a signed transaction may be sent now. Pure, but for its fold of governance.

Before each sending, also a repeated one, the breakers of the newest governance are checked (architecture, rule
15): a stopped transaction is held back until the breaker is reset; an evacuation is not stopped. If this reader is behind the
signer's governance, it waits. A signature without its order, as earlier versions wrote it, is held back by any tripped breaker.
Leaves out a transaction that a node has already: it cannot be taken back.
"""

from __future__ import annotations

from schemas.events.base import FirmEvent
from schemas.events.lifecycle import Signed
from streams.rules.breakers.after_approval import stops_now
from streams.rules.firm.view import GovernanceFold


class Holding:
    """Holds the newest governance, and checks one transaction at a time."""

    def __init__(self) -> None:
        self._governance = GovernanceFold()

    def accept(self, event: FirmEvent) -> None:
        """Take in one event, in any order. Raises GovernanceBroken."""
        self._governance.accept(event)

    def reason(self, signed: Signed) -> str | None:
        """Return the reason to hold the transaction back; None if it may be sent now."""
        governance = self._governance.view
        if governance.position < signed.governance_position:
            return f"governance is at {governance.position}, the signature at {signed.governance_position}"
        if signed.order is None or signed.effect is None:
            return "a breaker is tripped, and nobody can tell whose order this is" if governance.breakers else None
        return "; ".join(map(str, stops_now(signed.order, signed.effect, governance))) or None
