"""Turns Cedar's answer to one question into an outcome, and names every rule that determined it (architecture, rule 8).

Nothing is allowed unless a rule permits it, and a forbid wins over every permit. A rule that cannot be evaluated denies: Cedar
skips such a rule, and a skipped forbid would allow. A denial needs approvals if all its forbids carry `@requires` and some rule
permits the action; any other denial is a refusal. All matching forbids are named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from schemas.events.base import Refusal
from schemas.events.facts import RuleFinding
from schemas.events.governance import PolicyActivated
from schemas.values import PrincipalId, Role
from streams.rules.policy.cedar.asking import Answer
from streams.rules.policy.ruleset import PolicyInvalid, Rule, RuleGroup, Ruleset

EVALUATION_ERROR: Final = "policy-evaluation-error"
NO_RULE_PERMITS: Final = "no-rule-permits"
POLICY_INVALID: Final = "policy-invalid"
MESSAGE_CHARACTERS_MAX: Final = 500
ROLES_CHARACTERS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcome of policy. Allowed: no refusals, nothing required. Needs approval: only `requires`."""

    outcome: Literal["allowed", "needs-approval", "refused"]
    rules: tuple[RuleFinding, ...]
    """The permits that allowed, or the forbids that denied, in the order of the policy's text."""
    requires: tuple[str, ...]
    """Quorums still to be met, in alphabetical order; empty when nothing could lift the denial."""
    refusals: tuple[Refusal, ...]


class Told(NamedTuple):
    """The words for a refused principal, beside a rule's own reason."""

    who: PrincipalId
    roles: Collection[Role]
    wants: str
    """The refused act, such as `propose a transfer`."""
    instead: str
    """The remedy if no rule permits it."""
    circumstances: Callable[[], str]


def weigh(ruleset: Ruleset, action: str, ask: Callable[[RuleGroup], Answer], told: Told) -> Evaluation:
    """Return the outcome of `action`; `ask` puts the one question to any group of rules."""
    selection = ruleset.by_action[action]
    answer = ask(selection.every)
    determining = [rule for rule_id, rule in ruleset.rules.items() if rule_id in answer.determining]
    findings = tuple([rule.finding for rule in determining])
    if answer.allowed and not answer.errors:
        return Evaluation("allowed", findings, (), ())
    refusals = [_broken(error) for error in answer.errors]
    forbids = [] if answer.allowed else determining
    refusals += [_forbidden(rule, told) for rule in forbids if rule.requires is None]
    # A forbid hides the permits behind it. Nobody is asked to approve an action that no rule permits.
    if not ask(selection.permits).allowed:
        refusals.append(_unpermitted(told))
    if refusals:
        return Evaluation("refused", tuple(rule.finding for rule in forbids), (), tuple(refusals))
    requires = sorted({rule.requires for rule in forbids if rule.requires is not None})
    return Evaluation("needs-approval", findings, tuple(requires), ())


def unreadable(policy: PolicyActivated, error: PolicyInvalid) -> Evaluation:
    """Refuse everything under a policy that cannot be evaluated."""
    refusal = Refusal(
        check=POLICY_INVALID,
        message=f"Version {policy.version} of the policy cannot be evaluated, so everything is refused: {error}"[
            :MESSAGE_CHARACTERS_MAX
        ],
        remedy="Have governance activate a policy that passes its review, then try again.",
    )
    return Evaluation("refused", (), (), (refusal,))


def _forbidden(rule: Rule, told: Told) -> Refusal:
    return Refusal(check=rule.rule_id, message=f"{rule.reason} ({told.circumstances()})", remedy=rule.remedy)


def _unpermitted(told: Told) -> Refusal:
    roles = ", ".join(told.roles)[:ROLES_CHARACTERS_MAX] or "none"
    return Refusal(
        check=NO_RULE_PERMITS,
        message=f"No rule of the policy permits {told.who} to {told.wants} (roles: {roles}).",
        remedy=told.instead,
    )


def _broken(error: str) -> Refusal:
    return Refusal(
        check=EVALUATION_ERROR,
        message=f"A rule could not be evaluated, so it refuses: {' '.join(error.split())}"[:MESSAGE_CHARACTERS_MAX],
        remedy="Have the policy's author correct the rule and governance activate the policy, then try again.",
    )
