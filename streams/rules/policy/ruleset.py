"""Prepares a policy's text for questions: rules by id and, for each action, only the rules that can match it.

A rule is a Cedar policy with annotations of ours: `@id` and `@reason` always, `@remedy` (words for the refused principal),
`@requires` (a quorum that lifts a forbid). Ambiguous text is refused here, not at the first order.
Source: architecture, rule 8; Cedar policy syntax and its JSON form (docs.cedarpolicy.com). Speed: Cedar's time grows with
the number of policies and of attributes, so each action has its own rules, and each group lists the attributes that it reads.
Left out: types (`streams.rules.policy.conformity`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Literal

import cedarpy

from schemas.events.facts import RuleFinding
from streams.rules.policy.cedar.actions import ACTIONS
from streams.rules.policy.cedar.expressions import Thresholds, always_waits_for_a_quorum, attributes_read, quorums_read
from streams.rules.policy.cedar.wording import actions_named, problems

COMPILED_MAX: Final = 32
"""Policies kept ready: the one in force, and those that older orders were evaluated under."""

_REMEDY: Final = "Change the order so that the rule no longer applies; no approval can lift it."


class PolicyInvalid(ValueError):
    """A policy cannot be evaluated. `problems`: every problem found, a sentence each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Keep the problems, and show them all."""
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Rule:
    """One Cedar policy, in words for people."""

    rule_id: str
    effect: Literal["permit", "forbid"]
    reason: str
    remedy: str
    requires: str | None
    actions: tuple[str, ...]
    quorums: frozenset[str]
    """Every quorum that its conditions test for."""
    waits: bool
    """True for a forbid that holds unconditionally for everybody until some quorum is met."""
    finding: RuleFinding


@dataclass(frozen=True, slots=True, eq=False)
class RuleGroup:
    """Some rules, parsed once. Compared by identity: answers are cached by group."""

    policies: cedarpy.PolicySet
    reads: Mapping[str, Thresholds] | None
    """The context's attributes that they read, with the numbers they compare them with; None: they read the whole context."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The rules that can match one action."""

    every: RuleGroup
    permits: RuleGroup
    quorums: frozenset[str]
    """Every quorum that they test for."""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """A policy, prepared for questions. `rules` are by id in the order of the text."""

    rules: Mapping[str, Rule]
    by_action: Mapping[str, Selection]


@lru_cache(maxsize=COMPILED_MAX)
def ready(cedar: str) -> Ruleset:
    """Return the policy `cedar`, prepared for questions. Keyed by the text itself, since a hash beside it could be wrong.

    Raises:
        PolicyInvalid: the text cannot be used; with every problem.
    """
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(cedar))
    except ValueError as error:
        raise PolicyInvalid((f"not Cedar: {' '.join(str(error).split())}",)) from error
    found = tuple(problems(parsed))
    if found:
        raise PolicyInvalid(found)
    policies = {policy["annotations"]["id"]: policy for policy in parsed["staticPolicies"].values()}
    rules = {rule_id: _rule(policy) for rule_id, policy in policies.items()}
    by_action = {action: _selection(action, rules, policies) for action in ACTIONS}
    return Ruleset(MappingProxyType(rules), MappingProxyType(by_action))


def _selection(action: str, rules: Mapping[str, Rule], policies: Mapping[str, Any]) -> Selection:
    chosen = [rule for rule in rules.values() if action in rule.actions]
    return Selection(
        every=_group([policies[rule.rule_id] for rule in chosen]),
        permits=_group([policies[rule.rule_id] for rule in chosen if rule.effect == "permit"]),
        quorums=frozenset().union(*(rule.quorums for rule in chosen)),
    )


def _group(policies: Sequence[Mapping[str, Any]]) -> RuleGroup:
    """Return the rules as a group, without their scope's action: only questions of that action are ever put to them."""
    bodies = {policy["annotations"]["id"]: {**policy, "action": {"op": "All"}} for policy in policies}
    whole = {"staticPolicies": bodies, "templates": {}, "templateLinks": []}
    return RuleGroup(cedarpy.PolicySet.from_json_str(json.dumps(whole)), attributes_read(policies))


def _rule(policy: Mapping[str, Any]) -> Rule:
    annotations = policy["annotations"]
    rule_id, effect = annotations["id"], policy["effect"]
    reason, requires = annotations["reason"], annotations.get("requires")
    return Rule(
        rule_id=rule_id,
        effect=effect,
        reason=reason,
        remedy=annotations.get("remedy", _REMEDY),
        requires=requires,
        actions=tuple(action for action in ACTIONS if action in actions_named(policy)),
        quorums=frozenset(quorums_read(policy)),
        waits=always_waits_for_a_quorum(policy),
        finding=RuleFinding(rule_id=rule_id, effect=effect, reason=reason, requires=requires),
    )
