"""Derives the attributes of a change to the firm that rules read. The published Cedar schema declares the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from schemas.events.facts import ApprovalFact
from schemas.firm import Zone
from schemas.values import Instant, PrincipalId, Role, Slug
from streams.rules.policy.cedar.actions import AdministrativeAction
from streams.rules.policy.cedar.asking import Scene, Thing, Uid, Value, Vocabulary
from streams.rules.policy.context.hours import local_hour, local_weekday
from streams.rules.policy.quorum import Tally

FIRM: Final = Thing(Uid("Firm", "firm"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AdministrativeRequest:
    """A requested change to the firm: its proposer, its subject, and the approvals so far."""

    actor: PrincipalId
    roles: tuple[Role, ...]
    site: Slug
    now: Instant
    approvals: tuple[ApprovalFact, ...] = ()
    scope: str = ""
    """The breaker's scope; else empty."""
    subject: str = ""
    """The breaker's subject, the principal whose access would change, or the key; else empty."""
    state: str = ""
    """The state to trip a breaker into, or the present state of a breaker to be reset; else empty."""
    grants: tuple[Role, ...] = ()
    """Roles that a change of access would add; else empty."""
    operation: str = ""
    """The operation on a key; else empty."""
    backend: str = ""
    """The key's backend, now or after the change; else empty."""


class Change(NamedTuple):
    """A change to the firm, in the attributes that rules read."""

    request: AdministrativeRequest
    tally: Tally
    zone: Zone


def administrative_scene(action: AdministrativeAction, request: AdministrativeRequest) -> Scene:
    """Return the actor, the action, and the firm."""
    return Scene(request.actor, request.roles, request.site, action, FIRM)


def vocabulary(action: AdministrativeAction) -> Vocabulary[Change]:
    """Return the attributes that rules for `action` may read."""
    return OF_KEYS if action == "change-key" else ADMINISTRATION


_ALWAYS: Final[Mapping[str, Callable[[Change], Value]]] = MappingProxyType(
    {
        "quorums": lambda change: change.tally.quorums,
        "approvers": lambda change: change.tally.people,
        "approver_sites": lambda change: change.tally.sites,
        "hour": lambda change: local_hour(change.zone, change.request.now),
        "weekday": lambda change: local_weekday(change.zone, change.request.now),
    }
)
ADMINISTRATION: Final[Vocabulary[Change]] = Vocabulary(
    MappingProxyType(
        {
            "scope": lambda change: change.request.scope,
            "subject": lambda change: change.request.subject,
            "state": lambda change: change.request.state,
            "concerns_self": lambda change: change.request.subject == change.request.actor,
            "grants": lambda change: change.request.grants,
            **_ALWAYS,
        }
    )
)
OF_KEYS: Final[Vocabulary[Change]] = Vocabulary(
    MappingProxyType(
        {
            "operation": lambda change: change.request.operation,
            "backend": lambda change: change.request.backend,
            "key": lambda change: change.request.subject,
            **_ALWAYS,
        }
    )
)
