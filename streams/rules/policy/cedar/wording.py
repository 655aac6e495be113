"""What in a policy's text could be misread, and is refused before anybody relies on it.

Two rules of one name, a rule without a reason to tell, an annotation nobody knows, an action that nothing has, a template, a
quorum that is none, or that its rule never looks at. Types are Cedar's own business (`streams.rules.policy.conformity`).
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
    """Everything that could be misread in a parsed policy, a sentence each."""
    policies = list(parsed["staticPolicies"].values())
    if parsed["templates"]:
        yield "templates (?principal, ?resource) are not used here: write each rule out"
    if len(policies) > RULES_MAX:
        yield f"{len(policies)} rules; at most {RULES_MAX} can be asked in time"
    ids = [policy.get("annotations", {}).get("id") for policy in policies]
    twice = sorted({rule_id for rule_id in ids if rule_id is not None and ids.count(rule_id) > 1})
    yield from (f'two rules have the @id "{rule_id}"' for rule_id in twice)
    for policy in policies:
        yield from _problems_of_rule(policy)


def actions_named(policy: Mapping[str, Any]) -> tuple[str, ...]:
    """The actions that the rule's scope names, groups written out; all when it names none."""
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
        yield f"{name}: has no @reason to tell people"
    for key, text in annotations.items():
        if key not in _ANNOTATIONS:
            yield f"{name}: has an annotation @{key}; known are {', '.join(sorted(_ANNOTATIONS))}"
        if len(text or "") > ANNOTATION_CHARACTERS_MAX:
            yield f"{name}: @{key} is longer than {ANNOTATION_CHARACTERS_MAX} characters"
    yield from _problems_of_scope(name, policy)
    yield from _problems_of_quorums(name, policy)


def _problems_of_scope(name: str | None, policy: Mapping[str, Any]) -> Iterator[str]:
    actions = actions_named(policy)
    if not actions:
        yield f"{name}: its scope holds no action, so it would never match"
    for action in actions:
        if action not in ACTIONS:
            known = ", ".join([*ACTIONS, *(f"{group} (a group)" for group in GROUPS)])
            yield f'{name}: nothing has the action "{action}"; the actions are {known}'


def _problems_of_quorums(name: str | None, policy: Mapping[str, Any]) -> Iterator[str]:
    """A quorum with a slip of the pen would be one that nobody can ever meet."""
    annotations = policy.get("annotations", {})
    looked_for = list(quorums_read(policy))
    texts = [annotations["requires"] or ""] if "requires" in annotations else []
    if texts and policy["effect"] != "forbid":
        yield f"{name}: @requires has a meaning only on a forbid"
    for text in dict.fromkeys([*texts, *looked_for]):
        try:
            quorum.parse(text)
        except ValueError as error:
            yield f"{name}: {error}"
            continue
        if text in texts and text not in looked_for:
            yield (
                f'{name}: asks for {text} but never looks at context.quorums.contains("{text}"), so no approval could lift it'
            )
