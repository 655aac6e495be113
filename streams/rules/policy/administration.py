"""Evaluates the firm's Cedar policy on a change to the firm: a breaker, the policy, a principal's access, a key.

Uses the policy for orders, with the actions trip-breaker, reset-breaker, change-policy, change-access and change-key on the
firm. The proposer never counts as an approver; the principal whose access changes does not count either. A policy whose schema
is older than changes to keys refuses them all. Left out: the content of the change (`review`, `streams.rules.governance`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from schemas.events.governance import PolicyActivated
from streams.rules.policy.cedar.actions import AdministrativeAction
from streams.rules.policy.cedar.asking import ask
from streams.rules.policy.conformity import fitting, require_named
from streams.rules.policy.context.changes import AdministrativeRequest, Change, administrative_scene, vocabulary
from streams.rules.policy.quorum import tally
from streams.rules.policy.ruleset import PolicyInvalid
from streams.rules.policy.verdict import Evaluation, Told, unreadable, weigh

__all__ = ["AdministrativeRequest", "administer"]

_WANTS: Final[Mapping[AdministrativeAction, str]] = MappingProxyType(
    {
        "trip-breaker": "trip a breaker",
        "reset-breaker": "have a breaker reset",
        "change-policy": "have the policy changed",
        "change-access": "have a principal's access changed",
        "change-key": "have a key changed",
    }
)
_INSTEAD: Final = "Ask somebody with a role that may propose it to do so, or have governance grant the role."


def administer(policy: PolicyActivated, action: AdministrativeAction, request: AdministrativeRequest) -> Evaluation:
    """Evaluate `policy` on a change to the firm. Never raises: a policy that cannot be evaluated refuses."""
    zone = policy.settings.zone
    try:
        ruleset = fitting(policy.cedar, policy.cedar_schema, zone)
        require_named(policy.cedar_schema, action)
    except PolicyInvalid as error:
        return unreadable(policy, error)
    concerned = request.subject if action == "change-access" else ""
    approvals = [each for each in request.approvals if each.principal != concerned]
    change = Change(request, tally(approvals, request.actor, ruleset.by_action[action].quorums), zone)
    scene = administrative_scene(action, request)
    told = Told(request.actor, request.roles, _WANTS[action], _INSTEAD, partial(_circumstances, action, request))
    return weigh(ruleset, action, lambda rules: ask(rules, scene, vocabulary(action), change), told)


def _circumstances(action: AdministrativeAction, request: AdministrativeRequest) -> str:
    about = ":".join(part for part in (request.scope, request.subject) if part)
    return " ".join(part for part in (action, request.operation, about, request.state) if part)
