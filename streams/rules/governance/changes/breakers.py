"""Decides which breakers a sender may trip, and how far (mission; architecture, rules 13 and 15).

Tripping is immediate: one command of a sender that policy permits is enough. A breaker that stops nothing is refused, since
people would rely on it. A breaker goes only further this way, from reducing to open; back is a reset, which takes a quorum
(`proposals`). Left out: the orders that a tripped breaker stops (checked by the desk, execution, the signer and broadcast).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from types import MappingProxyType
from typing import Final

from schemas.events.governance import BreakerTripped
from schemas.firm import EVERYBODY, BreakerScope, BreakerState, Subject
from schemas.firm_commands import TripBreaker
from streams.rules.firm.view import Governance
from streams.rules.governance.changes import authority
from streams.rules.governance.changes.intake import Accepted
from streams.rules.refusals import governance as refusals

_SEVERITY: Final[MappingProxyType[BreakerState, int]] = MappingProxyType({"reducing": 1, "open": 2})

_SUBJECTS: Final[MappingProxyType[BreakerScope, Callable[[Governance], Collection[str]]]] = MappingProxyType(
    {
        "firm": lambda _firm: (),
        "desk": lambda firm: firm.desks,
        "wallet": lambda firm: firm.wallets,
        "asset": lambda firm: firm.assets,
        "contract": lambda firm: {address for _, address in firm.contracts},
        "protocol": lambda firm: {each.protocol for each in firm.contracts.values() if each.protocol},
        "counterparty": lambda firm: {each.counterparty for each in firm.contracts.values() if each.counterparty},
    }
)


def trip(accepted: Accepted, body: TripBreaker) -> BreakerTripped:
    """Return the event that trips the breaker.

    Raises:
        Refused: the breaker would stop nothing, is tripped as far already, or the sender may not trip it.
    """
    firm = accepted.firm
    check_subject(firm, body.scope, body.subject)
    present = firm.breakers.get((body.scope, body.subject))
    if present is not None and not goes_further(present, body.state):
        raise refusals.BreakerTrippedAlready(scope=body.scope, subject=body.subject, present=present.state)
    authority.check_at_once(accepted, body)
    return BreakerTripped(
        scope=body.scope,
        subject=body.subject,
        state=body.state,
        reason=body.reason,
        tripped_by=accepted.sender.access.principal,
        command=accepted.command,
    )


def goes_further(present: BreakerTripped | None, state: BreakerState) -> bool:
    """Return True if tripping a breaker into `state` stops more than it does at present."""
    return present is None or _SEVERITY[state] > _SEVERITY[present.state]


def check_subject(firm: Governance, scope: BreakerScope, subject: Subject) -> None:
    """Check that the breaker could stop anything.

    Raises:
        BreakerSubjectUnknown: the breaker could stop nothing.
    """
    if subject != EVERYBODY and subject not in _SUBJECTS[scope](firm):
        raise refusals.BreakerSubjectUnknown(scope=scope, subject=subject)


def check_tripped(firm: Governance, scope: BreakerScope, subject: Subject) -> None:
    """Check that the breaker is tripped, so that it can be reset.

    Raises:
        BreakerNotTripped: the breaker is not tripped.
    """
    if (scope, subject) not in firm.breakers:
        raise refusals.BreakerNotTripped(scope=scope, subject=subject)
