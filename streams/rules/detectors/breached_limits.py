"""Asks for the breaker that a breached limit names (architecture, rule 13).

A desk records that an order would have gone over a limit that trips a breaker, and the state that the breaker should have.
"""

from __future__ import annotations

from schemas.events.answers import LimitBreached
from schemas.firm_commands import TripBreaker
from schemas.values import TEXT_CHARACTERS_MAX
from streams.rules.detectors.port import Detector
from streams.rules.firm.view import Governance


class BreachedLimits(Detector[LimitBreached]):
    """Asks for the breaker that the breached limit's setting names."""

    name = "limit-breached"
    record = LimitBreached

    def asks(self, event: LimitBreached, firm: Governance) -> TripBreaker:  # noqa: ARG002 - the event says it all
        """Return the breaker, its state and the reason, as the desk recorded them."""
        return TripBreaker(
            scope=event.breaker_scope,
            subject=event.breaker_subject,
            state=event.breaker_state,
            reason=f"limit {event.limit_id} of {event.scope_key}: {event.message}"[:TEXT_CHARACTERS_MAX],
        )
