"""A proposal that would stop the firm, open it, or have no meaning is refused at once, with every reason."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from schemas.events.governance import FirmCommandRejected
from schemas.firm import Access, Allotment, SigningKey, WebAuthnCredential
from schemas.values import TEXT_CHARACTERS_MAX
from streams.rules.policy import starter
from streams.rules.refusals import governance as refusals
from tests.streams.rules.governance.changes.specification import (
    access,
    approve,
    given,
    propose_access,
    propose_policy,
)
from tests.world.firm import governance as firm
from tests.world.firm.desk import Fido2Key, MachineKey

STRANGER_MAY = """
@id("strangers")
@reason("Somebody with a role that nobody has may.")
permit (principal in Role::"stranger", action, resource);
"""


def added(text: str) -> dict[str, Any]:
    return {"cedar": starter.CEDAR + text}


def limits(**changes: Any) -> dict[str, Any]:
    return {"limits": [firm.limit("cap", **changes)]}


def settings(**changes: Any) -> dict[str, Any]:
    return {"settings": firm.policy().settings.model_copy(update=changes)}


POLICIES: list[tuple[dict[str, Any], str]] = [
    ({"cedar": "permit("}, "policy: not Cedar"),
    ({"cedar": ""}, "policy: "),
    ({"cedar": STRANGER_MAY}, "policy: "),
    (added('permit (principal, action, resource) when { context.moon == "full" };'), "policy: "),
    (
        added('@id("full-moon")\n@reason("At night.")\nforbid (principal, action, resource) when { context.moon == "full" };'),
        "full-moon",
    ),
    (
        added(
            '@id("oracle")\n@reason("An oracle must agree.")\n@requires("oracle:1")\n'
            'forbid (principal, action == Action::"transfer", resource) '
            'unless { context.quorums.contains("oracle:1") };'
        ),
        'nobody has the role "oracle"',
    ),
    (
        added(
            '@id("nine")\n@reason("Nine must agree.")\n@requires("risk-officer:9")\n'
            'forbid (principal, action == Action::"transfer", resource) '
            'unless { context.quorums.contains("risk-officer:9") };'
        ),
        "nine requires risk-officer:9",
    ),
    (limits(scope="wallet", subject="treasury-9"), "limit cap: there is no wallet treasury-9"),
    (limits(scope="protocol", subject="newswap"), "limit cap: there is no protocol newswap"),
    (limits(kind="rolling", window_seconds=86_400_000), "window_seconds are not milliseconds"),
    (limits(kind="calendar-day", zone="Europe/Atlantis"), "there is no time zone Europe/Atlantis"),
    (limits(cap_count=3), "limit cap: is measured in US dollars and has a cap_count"),
    (
        limits(
            scope="firm",
            kind="calendar-day",
            allotments=[Allotment(desk_id="newswap", cap_usd=Decimal(1_000_001))],
        ),
        "limit cap: the allotments add up to 1000001 USD",
    ),
    (settings(zone="Mars/Olympus"), "settings: there is no time zone Mars/Olympus"),
    (settings(webauthn_origins=[]), "settings: no webauthn_origins"),
    (settings(webauthn_origins=["https://elsewhere.example"]), "does not belong to webauthn_rp_id"),
]


@pytest.mark.parametrize(("changes", "words"), POLICIES, ids=range(len(POLICIES)))
def test_a_policy_that_could_not_work_is_refused(changes: dict[str, Any], words: str) -> None:
    given().when(propose_policy("rita", changes)).then_rejected(refusals.ProposalUnusable, words)


def test_all_that_is_wrong_with_a_policy_is_said_at_once() -> None:
    spec = given().when(propose_policy("rita", {"cedar": "permit(", **limits(cap_count=3), **settings(zone="Mars/Olympus")}))
    spec.then_rejected(refusals.ProposalUnusable, "limit cap:", "settings:", "policy: not Cedar")


def test_as_much_of_what_is_wrong_is_said_as_a_refusal_holds() -> None:
    many = [firm.limit(f"limit-{number}", scope="wallet", subject="nowhere") for number in range(100)]
    spec = given().when(propose_policy("rita", {"limits": many})).then_rejected(refusals.ProposalUnusable, "limit-0:")
    assert len(spec.only(FirmCommandRejected).refusal.message) == TEXT_CHARACTERS_MAX


def test_the_policy_in_force_is_no_change() -> None:
    given().when(propose_policy("rita", {})).then_rejected(refusals.NothingChanges)


def test_the_settings_alone_may_change() -> None:
    spec = given(propose_policy("rita", settings(order_ttl_seconds=60)), approve("cora"), approve("carl"))
    assert spec.firm.policy is not None
    assert spec.firm.policy.settings.order_ttl_seconds == 60


def a_system(principal: str, **changes: Any) -> Access:
    keys = {"kind": "system", "credentials": [], "signing_keys": [MachineKey(principal).registered()]}
    return access(principal, "trader", **(keys | changes))


RIGHTS: list[tuple[Access, str]] = [
    (access("nina", "trader", credentials=[]), "person nina: has no credential"),
    (access("nina", "trader", desks=["rates"]), "principal nina: there is no desk rates"),
    (access("nina", "trader", credentials=[Fido2Key("carl").registered()]), "listed 2 times"),
    (
        access("nina", "trader", credentials=[WebAuthnCredential(credential_id="AQID", public_key="0x00")]),
        "person nina: credential AQID: not a map",
    ),
    (
        access("nina", "trader", signing_keys=[MachineKey("nina").registered()]),
        "person nina: signs with a FIDO2 key only, not with nina",
    ),
    (a_system("new-bot", signing_keys=[]), "system new-bot: has no signing key"),
    (
        a_system("new-bot", signing_keys=[SigningKey(key_id="k", public_key="0x01")]),
        "system new-bot: signing key k: a public key has 32 bytes",
    ),
    (
        a_system("new-bot", credentials=[Fido2Key("new-bot").registered()]),
        "system new-bot: signs with an Ed25519 key only, not with",
    ),
    (a_system("new-bot", signing_keys=[MachineKey("treasury-bot").registered()]), "listed 2 times"),
    (a_system("paula"), "principal paula: is a person, and stays one"),
    (access("treasury-bot", "trader"), "principal treasury-bot: is a system, and stays one"),
    (access("sven", "trader"), 'nobody has the role "senior-risk-officer"'),
]


@pytest.mark.parametrize(("rights", "words"), RIGHTS, ids=range(len(RIGHTS)))
def test_rights_that_could_not_work_are_refused(rights: Access, words: str) -> None:
    given().when(propose_access("rita", rights)).then_rejected(refusals.ProposalUnusable, words)


def test_the_rights_that_somebody_has_are_no_change() -> None:
    spec = given().when(propose_access("rita", access("paula", "portfolio-manager")))
    spec.then_rejected(refusals.NothingChanges)


def test_a_stolen_key_is_taken_away_though_orders_then_wait_for_nobody() -> None:
    spec = given(propose_access("rita", access("sven", status="revoked")), approve("cora"), approve("carl"))
    assert spec.firm.active("sven") is None


def test_nobody_is_revoked_without_whom_the_firm_could_never_be_changed_again() -> None:
    persons = [*firm.document().persons, firm.person("cleo", "compliance-officer", site="london")]
    spec = given(propose_access("rita", access("carl", status="revoked")), approve("cora"), approve("cleo"), persons=persons)
    spec.when(propose_access("rita", access("cora", status="revoked")))
    spec.then_rejected(refusals.QuorumUnmeetable)
    spec.when(propose_access("sven", access("cora", status="revoked")))
    spec.then_rejected(refusals.ProposalUnusable, "locks the firm in")


def test_a_key_that_was_taken_from_somebody_is_never_anybody_elses() -> None:
    spec = given(propose_access("rita", access("paula", status="revoked")), approve("cora"), approve("carl"))
    spec.when(propose_access("rita", access("nina", "trader", credentials=[Fido2Key("paula").registered()])))
    spec.then_rejected(refusals.ProposalUnusable, "listed 2 times")


def test_somebody_revoked_may_be_let_in_again() -> None:
    spec = given(propose_access("rita", access("paula", status="revoked")), approve("cora"), approve("carl"))
    spec.given(propose_access("rita", access("paula", "portfolio-manager")), approve("cora"), approve("carl"))
    assert spec.firm.active("paula") is not None
