"""Finds ambiguous or ineffective text in a policy before the policy is used.

Refuses two rules of one id, a rule without a reason, an unknown annotation, an unknown action, a template, a malformed quorum,
and a quorum that its rule never reads. Left out: types, which Cedar checks (`streams.rules.policy.conformity`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from streams.rules.policy import quorum
from streams.rules.policy.cedar.actions import ACTIONS, GROUPS
from streams.rules.policy.cedar.expressions import quorums_read

ANNOTATION_CHARACTERS_MAX: Final = 300
RULES_MAX: Final = 500

_RULE_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ANNOTATIONS: Final = frozenset({"id", "reason", "remedy", "requires"})


def problems(parsed: Mapping[str, Any]) -> Iterator[str]:
    """Yield each problem of a parsed policy, a sentence each."""
    policies = list(parsed["staticPolicies"].values())
    if parsed["templates"]:
        yield "templates (?principal, ?resource) are not used here: write each rule out"
    if len(policies) > RULES_MAX:
        yield f"{len(policies)} rules; write at most {RULES_MAX}, so that each order is decided in time"
    ids = [policy.get("annotations", {}).get("id") for policy in policies]
    twice = sorted({rule_id for rule_id in ids if rule_id is not None and ids.count(rule_id) > 1})
    yield from (f'two rules have the @id "{rule_id}"; rename one' for rule_id in twice)
    for policy in policies:
        yield from _problems_of_rule(policy)


def actions_named(policy: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the actions that the rule's scope names, groups written out; all if it names none."""
    scope = policy["action"]
    if scope["op"] == "All":
        return ACTIONS
    entities = [scope["entity"]] if "entity" in scope else scope["entities"]
    names = [_action_name(entity) for entity in entities]
    if scope["op"] == "==":
        return tuple(names)
    return tuple(action for name in names for action in GROUPS.get(name, (name,)))


def _action_name(entity: Mapping[str, str]) -> str:
    return entity["id"] if entity["type"] == "Action" else f"{entity['type']}::{entity['id']}"


def _problems_of_rule(policy: Mapping[str, Any]) -> Iterator[str]:
    annotations = policy.get("annotations", {})
    name = annotations.get("id")
    if name is None or not _RULE_ID.fullmatch(name):
        yield f'a {policy["effect"]} has the @id {json.dumps(name)}: give it one of a-z, 0-9 and "-", up to 63'
    if not annotations.get("reason"):
        yield f"{name}: has no @reason; add one, which people read when the rule refuses"
    for key, text in annotations.items():
        if key not in _ANNOTATIONS:
            yield f"{name}: has the unknown annotation @{key}; use one of {', '.join(sorted(_ANNOTATIONS))}"
        if len(text or "") > ANNOTATION_CHARACTERS_MAX:
            yield f"{name}: @{key} is longer than {ANNOTATION_CHARACTERS_MAX} characters; shorten it"
    yield from _problems_of_scope(name, policy)
    yield from _problems_of_quorums(name, policy)


def _problems_of_scope(name: str | None, policy: Mapping[str, Any]) -> Iterator[str]:
    actions = actions_named(policy)
    if not actions:
        yield f"{name}: its scope names no action, so it never matches; name one"
    for action in actions:
        if action not in ACTIONS:
            known = ", ".join([*ACTIONS, *(f"{group} (a group)" for group in GROUPS)])
            yield f'{name}: there is no action "{action}"; use one of {known}'


def _problems_of_quorums(name: str | None, policy: Mapping[str, Any]) -> Iterator[str]:
    """Yield misspelt quorums, which could never be met."""
    annotations = policy.get("annotations", {})
    looked_for = list(quorums_read(policy))
    texts = [annotations["requires"] or ""] if "requires" in annotations else []
    if texts and policy["effect"] != "forbid":
        yield f"{name}: @requires has no effect on a permit; put it on a forbid"
    for text in dict.fromkeys([*texts, *looked_for]):
        try:
            quorum.parse(text)
        except ValueError as error:
            yield f"{name}: {error}"
            continue
        if text in texts and text not in looked_for:
            yield (
                f'{name}: requires {text}, but no condition reads context.quorums.contains("{text}"), so no approval can lift '
                "it; add it to the rule's unless"
            )
