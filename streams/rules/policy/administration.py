"""Whether a change to the firm is allowed: tripping or resetting a breaker, another policy, other rights, something with a key.

The same policy as for orders, asked with the actions trip-breaker, reset-breaker, change-policy, change-access and change-key
on the firm. Whoever asks never counts among those who agree; nor does, of a change to their rights, whoever gains or loses
them. A policy whose schema is older than changes to keys lets nobody make one.
Leaves out whether the change itself makes sense: `streams.rules.policy.review` and `streams.governance`.
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
        "change-access": "have somebody's access changed",
        "change-key": "have anything done with a key",
    }
)
_INSTEAD: Final = "Let somebody ask for it whose role may, or have governance grant the role."


def administer(policy: PolicyActivated, action: AdministrativeAction, request: AdministrativeRequest) -> Evaluation:
    """What `policy` says of a change to the firm. Never raises: what cannot be evaluated is refused."""
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
