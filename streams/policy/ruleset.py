"""A policy's text made ready to be asked: rules by id and, for each action, only the rules that can match it.

A rule is a Cedar policy with annotations of ours: `@id` and `@reason` always, `@remedy` (what would change a refusal),
`@requires` (a quorum that lifts a forbid). What could be misread is refused here, not at the first order: two rules of
one name, a quorum that its rule never looks at, an action that no order has, a template.
Source: architecture, rule 8; Cedar policy syntax and its JSON form (docs.cedarpolicy.com). Speed: Cedar's time grows with
the number of policies, so each action has a set of its own. Leaves out types: `streams.governance.review` checks those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Literal

import cedarpy

from streams.policy import quorum

ACTIONS: Final = ("transfer", "swap", "approve-token")
ANNOTATION_CHARACTERS_MAX: Final = 300
RULES_MAX: Final = 500
COMPILED_MAX: Final = 32
"""Policies kept ready: the one in force, and those that older orders were evaluated under."""

_REMEDY: Final = "Change the order so that this rule no longer applies to it; nobody can approve it as it is."
_RULE_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ANNOTATIONS: Final = frozenset({"id", "reason", "remedy", "requires"})


class PolicyInvalid(ValueError):
    """A policy that cannot be asked. `problems` are all that were found, a sentence each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Keep the problems, and show them all."""
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Rule:
    """One Cedar policy, as a person is told of it."""

    rule_id: str
    effect: Literal["permit", "forbid"]
    reason: str
    remedy: str
    requires: str | None
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """The rules that can match one action."""

    every: cedarpy.PolicySet
    permits: cedarpy.PolicySet


@dataclass(frozen=True, slots=True)
class Ruleset:
    """A policy, ready. `rules` are by id in the order of the text."""

    rules: Mapping[str, Rule]
    by_action: Mapping[str, Selection]
    schema: cedarpy.Schema


@lru_cache(maxsize=COMPILED_MAX)
def ready(cedar: str, cedar_schema: str) -> Ruleset:
    """Return the policy `cedar`, ready to be asked. Keyed by the text itself, since a hash beside it could be wrong.

    Raises:
        PolicyInvalid: with everything that is wrong with the text.
    """
    try:
        schema = cedarpy.Schema.from_str(cedar_schema)
        parsed = json.loads(cedarpy.policies_to_json_str(cedar))
    except ValueError as error:
        raise PolicyInvalid((f"not Cedar: {' '.join(str(error).split())}",)) from error
    policies = list(parsed["staticPolicies"].values())
    problems = tuple(_problems_of_all(parsed)) + tuple(p for policy in policies for p in _problems(policy))
    if problems:
        raise PolicyInvalid(problems)
    bodies = {policy["annotations"]["id"]: policy for policy in policies}
    rules = {rule_id: _rule(policy) for rule_id, policy in bodies.items()}
    by_action = {action: _selection(action, rules, bodies) for action in ACTIONS}
    return Ruleset(MappingProxyType(rules), MappingProxyType(by_action), schema)


def _selection(action: str, rules: Mapping[str, Rule], bodies: Mapping[str, Any]) -> Selection:
    chosen = [rule for rule in rules.values() if action in rule.actions]
    return Selection(
        every=_policy_set({rule.rule_id: bodies[rule.rule_id] for rule in chosen}),
        permits=_policy_set({rule.rule_id: bodies[rule.rule_id] for rule in chosen if rule.effect == "permit"}),
    )


def _policy_set(policies: Mapping[str, Any]) -> cedarpy.PolicySet:
    whole = {"staticPolicies": policies, "templates": {}, "templateLinks": []}
    return cedarpy.PolicySet.from_json_str(json.dumps(whole))


def _rule(policy: Mapping[str, Any]) -> Rule:
    annotations = policy["annotations"]
    return Rule(
        rule_id=annotations["id"],
        effect=policy["effect"],
        reason=annotations["reason"],
        remedy=annotations.get("remedy", _REMEDY),
        requires=annotations.get("requires"),
        actions=tuple(a for a in ACTIONS if a in _actions(policy)),
    )


def _actions(policy: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the actions that the scope names; all of ours when it names none."""
    scope = policy["action"]
    match scope["op"]:
        case "All":
            return ACTIONS
        case "==" | "in" if "entity" in scope:
            return (_action_name(scope["entity"]),)
        case _:
            return tuple(_action_name(entity) for entity in scope["entities"])


def _action_name(entity: Mapping[str, str]) -> str:
    return entity["id"] if entity["type"] == "Action" else f"{entity['type']}::{entity['id']}"


def _problems_of_all(parsed: Mapping[str, Any]) -> Iterator[str]:
    policies = parsed["staticPolicies"].values()
    if parsed["templates"]:
        yield "templates (?principal, ?resource) are not used here: write each rule out"
    if len(policies) > RULES_MAX:
        yield f"{len(policies)} rules; at most {RULES_MAX} can be asked in time"
    ids = [policy.get("annotations", {}).get("id") for policy in policies]
    twice = sorted({rule_id for rule_id in ids if rule_id is not None and ids.count(rule_id) > 1})
    yield from (f'two rules have the @id "{rule_id}"' for rule_id in twice)


def _problems(policy: Mapping[str, Any]) -> Iterator[str]:
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
    if not _actions(policy):
        yield f"{name}: its scope holds no action, so it would never match"
    for action in _actions(policy):
        if action not in ACTIONS:
            yield f'{name}: no order has the action "{action}"; the actions are {", ".join(ACTIONS)}'
    if "requires" in annotations:
        yield from _problems_of_requires(name, policy, annotations["requires"] or "")


def _problems_of_requires(name: str, policy: Mapping[str, Any], requires: str) -> Iterator[str]:
    if policy["effect"] != "forbid":
        yield f"{name}: @requires has a meaning only on a forbid"
    try:
        quorum.parse(requires)
    except ValueError as error:
        yield f"{name}: {error}"
        return
    if json.dumps({"Value": requires}) not in json.dumps(policy["conditions"]):
        yield (
            f'{name}: asks for {requires} but never looks at context.quorums.contains("{requires}"), '
            "so no approval could lift it"
        )
