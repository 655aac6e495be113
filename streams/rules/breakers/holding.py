"""Decides that a signed transaction may be sent now. Pure, but for its fold of governance.

Decides that before each sending, and each sending again, the breakers of the newest governance are asked (architecture, rule
15): what one stops is held back until it is reset, and an evacuation is not stopped. Governance that the signer had seen is
waited for. A signature that does not name its order, as earlier versions wrote it, is held back by any tripped breaker.
Leaves out a transaction that a node has already: nothing takes it back.
"""

from __future__ import annotations

from schemas.events.base import FirmEvent
from schemas.events.lifecycle import Signed
from streams.rules.breakers.after_approval import stops_now
from streams.rules.firm.view import GovernanceFold


class Holding:
    """The newest governance, asked about one transaction at a time."""

    def __init__(self) -> None:
        self._governance = GovernanceFold()

    def accept(self, event: FirmEvent) -> None:
        """Take in one event, in any order. Raises GovernanceBroken."""
        self._governance.accept(event)

    def reason(self, signed: Signed) -> str | None:
        """Why the transaction must not be sent now; None when it may."""
        governance = self._governance.view
        if governance.position < signed.governance_position:
            return f"governance is at {governance.position}, the signature at {signed.governance_position}"
        if signed.order is None or signed.effect is None:
            return "a breaker is tripped, and nobody can tell whose order this is" if governance.breakers else None
        return "; ".join(map(str, stops_now(signed.order, signed.effect, governance))) or None
