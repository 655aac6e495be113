"""Which breaker a breached limit asks for, and the command that asks governance to trip it (architecture, rule 13).

A desk says that an order would have gone over a limit that trips a breaker, and in which state that breaker should be. The
command's id comes from that event's bytes, so that the same breach never asks twice, however often it is read. What is
tripped as far already is not asked for again. Pure. Leaves out whether it may be tripped: governance asks its policy.
"""

from __future__ import annotations

import uuid
from typing import Final

from schemas.canonical import ORDER_NAMESPACE
from schemas.events.answers import LimitBreached
from schemas.firm_commands import TripBreaker
from schemas.topics import Principal
from schemas.values import TEXT_CHARACTERS_MAX, CommandId, Sha256
from streams.rules.firm.view import Governance
from streams.rules.governance.changes.breakers import goes_further

PRINCIPAL: Final[Principal] = "detectors"


def asked_by(breach: LimitBreached, firm: Governance) -> TripBreaker | None:
    """What a breach asks for; None when the breaker is tripped as far already."""
    present = firm.breakers.get((breach.breaker_scope, breach.breaker_subject))
    if not goes_further(present, breach.breaker_state):
        return None
    return TripBreaker(
        scope=breach.breaker_scope,
        subject=breach.breaker_subject,
        state=breach.breaker_state,
        reason=f"limit {breach.limit_id} of {breach.scope_key}: {breach.message}"[:TEXT_CHARACTERS_MAX],
    )


def command_id(digest: Sha256) -> CommandId:
    """The id of the command that answers the breach whose bytes have this hash."""
    return str(uuid.uuid5(ORDER_NAMESPACE, f"limit-breached/{digest}"))
