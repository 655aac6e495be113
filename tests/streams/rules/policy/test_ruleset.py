"""A policy's text is refused where it could be misread, with every problem at once."""

from __future__ import annotations

import pytest

from streams.rules.policy import starter
from streams.rules.policy.cedar import wording
from streams.rules.policy.cedar.actions import ACTIONS, ADMINISTRATIVE_ACTIONS, GROUPS, ORDER_ACTIONS, groups_of
from streams.rules.policy.ruleset import PolicyInvalid, ready

PERMIT = '@id("p") @reason("May.") permit(principal, action, resource);'
LIFT = 'unless { context.quorums.contains("risk-officer:1") }'


def problems(cedar: str) -> tuple[str, ...]:
    with pytest.raises(PolicyInvalid) as refusal:
        ready(cedar)
    return refusal.value.problems


def scope(action: str) -> str:
    return f'@id("p") @reason("May.") permit(principal, {action}, resource);'


@pytest.mark.parametrize(
    ("action", "selected"),
    [
        ("action", ACTIONS),
        ('action == Action::"swap"', ("swap",)),
        ('action in Action::"swap"', ("swap",)),
        ('action in [Action::"approve-token", Action::"transfer"]', ("transfer", "approve-token")),
        ('action in Action::"order"', ORDER_ACTIONS),
        ('action in Action::"use-contract"', ("swap", "approve-token", "deposit", "call")),
        ('action in [Action::"withdraw", Action::"administration"]', ("withdraw", *ADMINISTRATIVE_ACTIONS)),
        ('action in Action::"change"', ("reset-breaker", "change-policy", "change-access", "change-key")),
    ],
)
def test_each_action_is_asked_only_the_rules_that_can_match_it(action: str, selected: tuple[str, ...]) -> None:
    rules = ready(scope(action))
    assert rules.rules["p"].actions == selected
    assert tuple(a for a in ACTIONS if len(rules.by_action[a].every.policies)) == selected


def test_groups_and_their_actions_agree() -> None:
    assert {action: groups_of(action) for action in ("transfer", "deposit", "change-policy")} == {
        "transfer": ["order"],
        "deposit": ["order", "use-contract"],
        "change-policy": ["administration", "change"],
    }
    assert set().union(*GROUPS.values()) == set(ACTIONS)


def test_permits_are_kept_apart() -> None:
    selection = ready(starter.CEDAR).by_action["transfer"]
    assert len(selection.permits.policies) == 3
    assert len(selection.every.policies) == 13


def test_the_same_text_is_made_ready_once() -> None:
    assert ready(starter.CEDAR) is ready(starter.CEDAR)


def test_rules_keep_the_order_of_the_text() -> None:
    names = list(ready(starter.CEDAR).rules)
    assert names[0] == "traders-may-propose"
    assert names[-1] == "key-for-good"


@pytest.mark.parametrize(
    ("cedar", "expected"),
    [
        ("permit(", "not Cedar: unexpected end of input"),
        ("permit(principal, action, resource);", "a permit has the @id null: give it one"),
        ('@id @reason("x") permit(principal, action, resource);', "a permit has the @id null"),
        ('@id("Big One") @reason("x") permit(principal, action, resource);', 'a permit has the @id "Big One"'),
        ('@id("p") permit(principal, action, resource);', "p: has no @reason"),
        ('@id("p") @reason permit(principal, action, resource);', "p: has no @reason"),
        (f'@id("p") @reason("{"x" * 301}") permit(principal, action, resource);', "p: @reason is longer than 300"),
        (f'@rason("x") {PERMIT}', "p: has the unknown annotation @rason; use one of id, reason, remedy, requires"),
        (PERMIT + PERMIT, 'two rules have the @id "p"'),
        (scope('action == Action::"tranfser"'), 'p: there is no action "tranfser"'),
        (scope('action == Bank::Action::"transfer"'), 'p: there is no action "Bank::Action::transfer"'),
        (scope('action in [Action::"swap", Action::"x"]'), 'p: there is no action "x"'),
        (scope('action == Action::"order"'), 'p: there is no action "order"'),
        (scope("action in []"), "p: its scope names no action, so it never matches"),
        (
            '@id("t") @reason("x") permit(principal == ?principal, action, resource);',
            "templates (?principal, ?resource) are not used here",
        ),
        (f'@requires("risk-officer:1") {PERMIT[:-1]} {LIFT};', "p: @requires has no effect on a permit; put it on a forbid"),
        (f'@requires("risk-officer") {PERMIT.replace("permit", "forbid")}', 'p: "risk-officer" is no quorum'),
        (f"@requires {PERMIT.replace('permit', 'forbid')}", 'p: "" is no quorum'),
        (
            f'@requires("risk-officer:2") {PERMIT.replace("permit", "forbid")[:-1]} {LIFT};',
            'p: requires risk-officer:2, but no condition reads context.quorums.contains("risk-officer:2")',
        ),
        (PERMIT.replace(";", ' unless { context.quorums.contains("risk_officer:1") };'), 'p: "risk_officer:1" is no quorum'),
        (PERMIT.replace(";", ' when { context.quorums.containsAny(["b:1&a:1"]) };'), 'p: "b:1&a:1" is no quorum'),
    ],
)
def test_what_could_be_misread_is_refused(cedar: str, expected: str) -> None:
    assert any(problem.startswith(expected) for problem in problems(cedar)), problems(cedar)


def test_more_rules_than_can_be_asked_in_time_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording, "RULES_MAX", 1)
    assert "2 rules; write at most 1, so that each order is decided in time" in problems(PERMIT + PERMIT.replace('"p"', '"q"'))


def test_all_problems_are_told_at_once() -> None:
    assert len(problems('permit(principal, action == Action::"x", resource);')) == 3
