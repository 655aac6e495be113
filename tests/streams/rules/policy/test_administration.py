"""Changes to the firm under the starter policy: stopping is quick, everything else takes several."""

from __future__ import annotations

from typing import Any, Final

import pytest

from streams.rules.governance.genesis import access
from streams.rules.policy import review, starter
from streams.rules.policy.administration import AdministrativeRequest, administer
from streams.rules.policy.cedar.actions import AdministrativeAction
from tests.streams.rules.policy.proposals import CARL, CARL_ELSEWHERE, CORA, NOW, RHEA, RITA, SVEN, approval, policy, summary
from tests.world.firm import governance as firm

TRIP: Final = {"scope": "protocol", "subject": "newswap", "state": "open"}
WORKS: Final = {"subject": "tom", "grants": ("trader",)}
GENERATE: Final = {"subject": "treasury-2", "operation": "generate", "backend": "mpc"}
DESTROY: Final = {"subject": "treasury-2", "operation": "destroy", "backend": "mpc"}
AGREED: Final = "risk-officer:1 & compliance-officer:1"
CHIEF_AGREED: Final = "chief-risk-officer:1 & compliance-officer:1"
APART: Final = f"{AGREED} & sites:2"
CHIEF_APART: Final = f"{CHIEF_AGREED} & sites:2"


WITHOUT_KEYS: Final = starter.CEDAR[: starter.CEDAR.index('@id("key-agreed")')]
SCHEMA_WITHOUT_KEYS: Final = "\n".join(line for line in starter.CEDAR_SCHEMA.splitlines() if "change-key" not in line)


def firm_request(**changes: Any) -> AdministrativeRequest:
    return AdministrativeRequest(**{"actor": "rita", "roles": ("risk-officer",), "site": "zurich", "now": NOW, **changes})


TABLE: list[tuple[str, AdministrativeAction, dict[str, Any], str]] = [
    ("a risk officer trips a breaker at once", "trip-breaker", TRIP, "allowed"),
    ("so does a compliance officer", "trip-breaker", {**TRIP, "roles": ("compliance-officer",)}, "allowed"),
    ("so does a detector", "trip-breaker", {**TRIP, "actor": "detectors", "roles": ("detector",)}, "allowed"),
    ("a trader does not", "trip-breaker", {**TRIP, "roles": ("trader",)}, "refused | no-rule-permits"),
    ("a reset waits for two others", "reset-breaker", TRIP, f"needs-approval | {AGREED}"),
    ("one of them is not enough", "reset-breaker", {**TRIP, "approvals": (RHEA,)}, f"needs-approval | {AGREED}"),
    ("both are", "reset-breaker", {**TRIP, "approvals": (RHEA, CARL)}, "allowed"),
    ("or the chief and compliance", "reset-breaker", {**TRIP, "approvals": (CORA, CARL)}, "allowed"),
    ("the proposer is none of them", "reset-breaker", {**TRIP, "approvals": (RITA, CARL)}, f"needs-approval | {AGREED}"),
    ("a trader does not propose a reset", "reset-breaker", {**TRIP, "roles": ("trader",)}, "refused | no-rule-permits"),
    ("a detector does not either", "reset-breaker", {**TRIP, "roles": ("detector",)}, "refused | no-rule-permits"),
    ("policy waits for the chief and compliance", "change-policy", {}, f"needs-approval | {CHIEF_AGREED}"),
    ("others are not enough", "change-policy", {"approvals": (RHEA, SVEN, CARL)}, f"needs-approval | {CHIEF_AGREED}"),
    ("they are", "change-policy", {"approvals": (CORA, CARL)}, "allowed"),
    ("access waits for two others", "change-access", WORKS, f"needs-approval | {AGREED}"),
    ("who agree", "change-access", {**WORKS, "approvals": (RHEA, CARL)}, "allowed"),
    (
        "nobody agrees to a change of their own rights",
        "change-access",
        {**WORKS, "subject": "rhea", "approvals": (RHEA, CARL)},
        f"needs-approval | {AGREED}",
    ),
    ("or proposes one", "change-access", {**WORKS, "subject": "rita"}, "refused | own-access"),
    (
        "one person in both roles is not two",
        "change-access",
        {**WORKS, "approvals": (approval("bea", "risk-officer", "compliance-officer"),)},
        f"needs-approval | {AGREED}",
    ),
    ("a key waits for two others at different sites", "change-key", GENERATE, f"needs-approval | {APART}"),
    ("at one site they are not enough", "change-key", {**GENERATE, "approvals": (RHEA, CARL)}, f"needs-approval | {APART}"),
    ("at two they are", "change-key", {**GENERATE, "approvals": (RHEA, CARL_ELSEWHERE)}, "allowed"),
    ("or the chief and compliance", "change-key", {**GENERATE, "approvals": (CORA, CARL_ELSEWHERE)}, "allowed"),
    (
        "a key's end waits for the chief, too",
        "change-key",
        {**DESTROY, "approvals": (RHEA, CARL_ELSEWHERE)},
        f"needs-approval | {CHIEF_APART}",
    ),
    ("who agrees", "change-key", {**DESTROY, "approvals": (CORA, CARL_ELSEWHERE)}, "allowed"),
    ("a trader proposes nothing about keys", "change-key", {**GENERATE, "roles": ("trader",)}, "refused | no-rule-permits"),
]


@pytest.mark.parametrize(("action", "changes", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_changes_to_the_firm(action: AdministrativeAction, changes: dict[str, Any], expected: str) -> None:
    assert summary(administer(policy(), action, firm_request(**changes))) == expected


def test_a_refusal_says_what_was_asked() -> None:
    [refusal] = administer(policy(), "trip-breaker", firm_request(**TRIP, roles=("trader",))).refusals
    assert refusal.message == "No rule of the policy permits rita to trip a breaker (roles: trader)."
    [refusal] = administer(policy(), "change-access", firm_request(subject="rita")).refusals
    assert refusal.message == "Nobody proposes a change to their own rights. (change-access rita)"


@pytest.mark.parametrize(
    ("condition", "changes", "expected"),
    [
        ('context.scope == "firm" && context.state == "open"', {"scope": "firm", "state": "open"}, "refused | never"),
        ('context.scope == "firm" && context.state == "open"', {"scope": "firm", "state": "reducing"}, "allowed"),
        ('context.subject == "usdc"', {"subject": "usdc"}, "refused | never"),
        ("context.hour >= 3", {"now": NOW}, "allowed"),
        ("context.hour >= 3", {"now": NOW + 3_600_000_000}, "refused | never"),
        ("context.weekday == 1", {"now": NOW}, "refused | never"),
        ('context.grants.contains("trader")', {"grants": ("trader",)}, "refused | never"),
        ("context.approvers > 0 || context.approver_sites > 0", {"approvals": (CARL,)}, "refused | never"),
    ],
)
def test_what_rules_can_see_of_a_change(condition: str, changes: dict[str, Any], expected: str) -> None:
    never = f'@id("never") @reason("No.") forbid(principal, action == Action::"trip-breaker", resource) when {{ {condition} }};'
    assert summary(administer(policy(starter.CEDAR + never), "trip-breaker", firm_request(**changes))) == expected


@pytest.mark.parametrize(
    ("condition", "changes"),
    [
        ('context.operation == "generate"', {"operation": "generate"}),
        ('context.backend == "software"', {"backend": "software"}),
        ('context.key == "treasury-2"', {"subject": "treasury-2"}),
        ("context.approvers > 0 && context.approver_sites > 0", {"approvals": (CARL,)}),
        ("context.weekday == 1", {}),
    ],
)
def test_what_rules_can_see_of_a_key(condition: str, changes: dict[str, Any]) -> None:
    never = f'@id("never") @reason("No.") forbid(principal, action == Action::"change-key", resource) when {{ {condition} }};'
    assert summary(administer(policy(starter.CEDAR + never), "change-key", firm_request(**changes))) == "refused | never"


def test_a_policy_that_is_older_than_changes_to_keys_lets_nobody_make_one_and_stays_good_for_all_else() -> None:
    before = policy(WITHOUT_KEYS, schema=SCHEMA_WITHOUT_KEYS)
    both = (CORA, CARL_ELSEWHERE)
    assert summary(administer(before, "change-key", firm_request(**GENERATE, approvals=both))) == "refused | policy-invalid"
    assert summary(administer(before, "change-policy", firm_request(approvals=both))) == "allowed"
    assert list(review.problems(before, tuple(access(firm.document())))) == []


def test_a_policy_that_cannot_be_read_lets_nobody_change_anything() -> None:
    assert summary(administer(policy("permit("), "trip-breaker", firm_request(**TRIP))) == "refused | policy-invalid"
