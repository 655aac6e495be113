"""Asks policy about a proposed change to the firm, and finds the people who could approve it.

Policy is evaluated with the approvals that stand; the quorums that it still asks for are required. Two rules hold whatever
the policy: tripping a breaker never waits, and nothing else happens without a quorum (architecture, rule 8).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, assert_never

from schemas.events.facts import ApprovalFact
from schemas.events.governance import AccessChanged
from schemas.firm_commands import ProposeAccess, ProposeKey, ProposePolicy, ProposeReset, TripBreaker
from schemas.values import Instant, PrincipalId, Role
from streams.rules.firm.view import Governance
from streams.rules.governance.changes.intake import Accepted
from streams.rules.governance.changes.keys.places import backend_said, place_of
from streams.rules.policy import quorum
from streams.rules.policy.administration import AdministrativeRequest, administer
from streams.rules.policy.cedar.actions import AdministrativeAction
from streams.rules.policy.ruleset import ready
from streams.rules.policy.verdict import Evaluation
from streams.rules.refusals import governance as refusals

Change = ProposeReset | ProposePolicy | ProposeAccess | ProposeKey


def check_at_once(accepted: Accepted, body: TripBreaker) -> None:
    """Check that the sender may trip this breaker, now and alone.

    Raises:
        PolicyRefuses, NotAtOnce: policy refuses, or asks for a quorum.
    """
    answer = asked(accepted.firm, accepted.sender.access, body, (), accepted.now)
    if answer.outcome == "refused":
        raise refusals.PolicyRefuses.of(answer.refusals)
    if answer.outcome == "needs-approval":
        raise refusals.NotAtOnce(requires=", ".join(answer.requires), principal=accepted.sender.access.principal)


def required(accepted: Accepted, body: Change, excluded: Collection[PrincipalId]) -> list[str]:
    """Return the quorums that must agree to a change. `excluded`: principals who never count.

    Raises:
        PolicyRefuses, QuorumMissing, QuorumUnmeetable: the change may not be proposed.
    """
    answer = asked(accepted.firm, accepted.sender.access, body, (), accepted.now)
    if answer.outcome == "refused":
        raise refusals.PolicyRefuses.of(answer.refusals)
    if not answer.requires:
        raise refusals.QuorumMissing(principal=accepted.sender.access.principal)
    everybody = [
        ApprovalFact(principal=access.principal, site=access.site, roles=access.roles)
        for access in accepted.firm.principals.values()
        if _could_approve(access) and access.principal not in excluded
    ]
    if asked(accepted.firm, accepted.sender.access, body, everybody, accepted.now).outcome != "allowed":
        raise refusals.QuorumUnmeetable(requires=" and ".join(answer.requires), excluded=" and ".join(sorted(excluded)))
    return list(answer.requires)


def asked(
    firm: Governance, actor: AccessChanged, body: TripBreaker | Change, approvals: Sequence[ApprovalFact], now: Instant
) -> Evaluation:
    """Evaluate the policy in force on `actor` doing this with these approvals."""
    assert firm.policy is not None  # noqa: S101 - narrows: no command is accepted before there is a policy
    action, about = _about(firm, body)
    request = AdministrativeRequest(
        actor=actor.principal,
        roles=tuple(actor.roles),
        site=actor.site,
        now=now,
        approvals=tuple(approvals),
        scope=about.scope,
        subject=about.subject,
        state=about.state,
        grants=about.grants,
        operation=about.operation,
        backend=about.backend,
    )
    return administer(firm.policy, action, request)


def may_count(firm: Governance, body: Change, requires: Collection[str], access: AccessChanged) -> bool:
    """Return True if one of the person's roles counts in a quorum that policy asks for, or would accept instead."""
    assert firm.policy is not None  # noqa: S101 - as above
    action, _ = _about(firm, body)
    taken = ready(firm.policy.cedar).by_action[action].quorums | set(requires)
    return any(quorum.parse(text).roles & set(access.roles) for text in taken)


class _About(NamedTuple):
    """The attributes of a change that policy reads."""

    scope: str = ""
    subject: str = ""
    state: str = ""
    grants: tuple[Role, ...] = ()
    operation: str = ""
    backend: str = ""


def _about(firm: Governance, body: TripBreaker | Change) -> tuple[AdministrativeAction, _About]:
    match body:
        case TripBreaker():
            return "trip-breaker", _About(body.scope, body.subject, body.state)
        case ProposeReset():
            present = firm.breakers.get((body.scope, body.subject))
            return "reset-breaker", _About(body.scope, body.subject, "" if present is None else present.state)
        case ProposePolicy():
            return "change-policy", _About()
        case ProposeAccess():
            before = firm.active(body.access.principal)
            has = set() if before is None else set(before.roles)
            grants = tuple(sorted(set(body.access.roles) - has)) if body.access.status == "active" else ()
            return "change-access", _About(subject=body.access.principal, grants=grants)
        case ProposeKey():
            change, place = body.change, place_of(firm, body.change.key_id)
            backend = backend_said(change) or ("" if place is None else place.backend)
            return "change-key", _About(subject=change.key_id, operation=change.kind, backend=backend)
        case _ as unknown:
            assert_never(unknown)


def _could_approve(access: AccessChanged) -> bool:
    return access.kind == "person" and access.status == "active" and bool(access.credentials)
