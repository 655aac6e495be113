"""A policy that cannot be evaluated or satisfied, that stops the firm or locks it in, is not put in force."""

from __future__ import annotations

import pytest

from schemas.firm_commands import POLICY_CHARACTERS_MAX
from streams.rules.governance.genesis import Person, access, activation
from streams.rules.policy import review, starter
from streams.rules.policy.cedar.actions import CHANGES
from tests.world.firm import governance as firm

PERMIT = '@id("all") @reason("All may.") permit(principal, action, resource);\n'
HEAD = '@id("f") @reason("No.")'
OVERFLOW = "9223372036854775807 + context.amount_usd_cents > 0"


def asks(quorum: str, scope: str = 'principal, action in Action::"order", resource') -> str:
    return f'{HEAD} @requires("{quorum}") forbid({scope}) unless {{ context.quorums.contains("{quorum}") }};\n'


def change_asks(quorum: str, *actions: str, condition: str = "") -> str:
    """The rule that every policy needs: changes to the firm wait for a quorum."""
    lifted = f'unless {{ context.quorums.contains("{quorum}") }}'
    return "".join(
        f'@id("c-{action}") @reason("Several must agree.") @requires("{quorum}") '
        f'forbid(principal, action == Action::"{action}", resource) {condition} {lifted};\n'
        for action in actions or CHANGES
    )


def never(action: str, condition: str = "true") -> str:
    return f'{HEAD} forbid(principal, action == Action::"{action}", resource) when {{ {condition} }};\n'


BY_TWO = change_asks("risk-officer:2")
PEOPLE: list[Person] = firm.document().persons


def problems(cedar: str, schema: str = starter.CEDAR_SCHEMA, persons: list[Person] | None = None) -> str:
    policy = activation(firm.policy(cedar, cedar_schema=schema))
    document = firm.document() if persons is None else firm.document(persons=persons)
    return "\n".join(review.problems(policy, tuple(access(document))))


def without(*names: str) -> list[Person]:
    return [person for person in PEOPLE if person.principal not in names]


def test_the_starter_policy_may_be_put_in_force() -> None:
    assert problems(starter.CEDAR) == ""


@pytest.mark.parametrize(
    "cedar",
    [
        PERMIT + BY_TWO,
        PERMIT + BY_TWO + asks("risk-officer:2"),
        PERMIT + BY_TWO + asks("risk-officer:1 & compliance-officer:1 & sites:2"),
        PERMIT + change_asks("risk-officer:1 & compliance-officer:1"),
        PERMIT.replace(";", " when { context.weekday > 5 };") + BY_TWO,
        PERMIT.replace(";", " when { context.hour == 3 };") + BY_TWO,
        PERMIT + BY_TWO + never("trip-breaker", 'context.scope != "wallet" || context.state == "open"'),
        PERMIT + BY_TWO + never("change-policy", "context.hour < 9"),
    ],
)
def test_a_policy_that_can_work_may_be_put_in_force(cedar: str) -> None:
    assert problems(cedar) == ""


@pytest.mark.parametrize(
    ("cedar", "reason"),
    [
        ("permit(", "policy: not Cedar"),
        ("", "policy: denies everything"),
        ("// only a comment", "policy: denies everything"),
        (f"{HEAD} forbid(principal, action, resource);", "policy: denies everything"),
        (f"{PERMIT}{HEAD} forbid(principal, action, resource);", "policy: denies everything"),
        (PERMIT.replace("principal,", 'principal in Role::"janitor",'), "policy: denies everything"),
        (PERMIT.replace(";", " when { resource.liisted };"), "policy: all: "),
        (
            f'{PERMIT}{BY_TWO}{HEAD} forbid(principal, action in Action::"order", resource) when {{ {OVERFLOW} }};',
            "policy: cannot be evaluated: A rule could not be evaluated",
        ),
        (PERMIT + BY_TWO + asks("wizard:1"), 'policy: f requires wizard:1, but nobody has the role "wizard"'),
        (PERMIT + BY_TWO + asks("trader:1"), 'policy: f requires trader:1, but nobody has the role "trader"'),
        (
            PERMIT + BY_TWO + asks("risk-officer:3"),
            "policy: f requires risk-officer:3, but only cora, rita can give it, at 1 site",
        ),
        (
            PERMIT + BY_TWO + asks("risk-officer:1 & chief-risk-officer:1 & sites:2"),
            "policy: f requires risk-officer:1 & chief-risk-officer:1 & sites:2, but only cora, rita can give it, at 1 site",
        ),
        (
            PERMIT + BY_TWO + asks("risk-officer:2 & chief-risk-officer:1"),
            "policy: f requires risk-officer:2 & chief-risk-officer:1, but only cora, rita can give it",
        ),
        (" " * POLICY_CHARACTERS_MAX, "policy: text and schema are longer than 200000 characters together"),
    ],
)
def test_a_policy_that_cannot_work_is_refused_with_the_reason(cedar: str, reason: str) -> None:
    assert reason in problems(cedar)


@pytest.mark.parametrize("action", CHANGES)
@pytest.mark.parametrize(
    "instead",
    [
        "",
        asks("risk-officer:1", 'principal in Role::"trader", action in Action::"change", resource'),
        change_asks("risk-officer:2", "trip-breaker"),
    ],
)
def test_what_one_person_could_change_alone_is_refused(action: str, instead: str) -> None:
    others = set(CHANGES) - {action}
    found = problems(PERMIT + change_asks("risk-officer:2", *sorted(others)) + instead)
    assert f"policy: one person alone could do {action}" in found


@pytest.mark.parametrize("condition", ["when { context.hour < 20 }", "when { context.weekday == 3 }"])
def test_a_quorum_that_is_asked_for_only_at_times_is_none(condition: str) -> None:
    found = problems(PERMIT + change_asks("risk-officer:2", condition=condition))
    assert found.count("one person alone could do") == len(CHANGES)


def test_a_policy_that_could_never_be_changed_again_is_refused() -> None:
    assert problems(PERMIT + BY_TWO + never("change-policy")) == (
        "policy: locks the firm in: nobody could do change-policy even with everybody's approval; permit it to a role"
    )


def test_whoever_alone_could_propose_must_not_be_needed_to_agree() -> None:
    scope = 'principal, action in Action::"change", resource'
    chief_proposes = f'{HEAD} forbid({scope}) unless {{ principal in Role::"chief-risk-officer" }};'
    found = problems(PERMIT + change_asks("chief-risk-officer:1") + chief_proposes)
    assert found.count("locks the firm in") == len(CHANGES)


def test_a_policy_under_which_nothing_could_be_stopped_at_once_is_refused() -> None:
    slow = asks("risk-officer:1", 'principal, action == Action::"trip-breaker", resource')
    assert (
        problems(PERMIT + BY_TWO + slow)
        == "policy: locks the firm in: nobody could trip a breaker alone; permit trip-breaker to a role, without a quorum"
    )


def test_a_quorum_is_of_people_who_are_there() -> None:
    assert 'reset-agreed requires risk-officer:1 & compliance-officer:1, but nobody has the role "compliance-officer"' in (
        problems(starter.CEDAR, persons=without("carl"))
    )


def test_people_whose_access_was_revoked_are_not_there() -> None:
    policy = activation(firm.policy())
    everybody = [
        each.model_copy(update={"status": "revoked"}) if each.principal == "carl" else each for each in access(firm.document())
    ]
    assert any('nobody has the role "compliance-officer"' in problem for problem in review.problems(policy, everybody))
