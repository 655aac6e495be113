"""Missing approvals are listed in words, with the people who could give them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.facts import ApprovalFact
from schemas.events.governance import AccessChanged
from streams.rules.policy.quorum import approvers, is_met, parse
from streams.rules.policy.unmet import COULD_APPROVE_MAX, unmet
from tests.streams.rules.policy.proposals import approval


def access(principal: str, *roles: str, **changes: object) -> AccessChanged:
    fields = {"kind": "person", "status": "active", "site": "zurich", "desks": ["newswap"], "credentials": []}
    return AccessChanged.model_validate({"principal": principal, "roles": roles, "signing_keys": [], **fields, **changes})


FIRM = {
    each.principal: each
    for each in (
        access("paula", "risk", "compliance"),
        access("rita", "risk"),
        access("rhea", "risk", site="london"),
        access("bea", "risk", "compliance"),
        access("carl", "compliance", site="london"),
        access("tom", "trader"),
        access("gone", "risk", "compliance", status="revoked"),
        access("bot", "risk", "compliance", kind="system"),
        access("omar", "risk", "compliance", desks=["other"]),
    )
}
RITA = approval("rita", "risk")
RHEA = approval("rhea", "risk", site="london")
BEA = approval("bea", "risk", "compliance")
CARL = approval("carl", "compliance", site="london")
TOM = approval("tom", "trader")


@pytest.mark.parametrize(
    ("requires", "approvals", "missing", "could"),
    [
        ("risk:1", [], "1 more risk", "bea rhea rita"),
        ("risk:2", [RITA], "1 more risk", "bea rhea"),
        ("risk:2", [RITA, TOM], "1 more risk", "bea rhea"),
        ("risk:1 & compliance:1", [], "1 more risk and 1 more compliance", "bea carl rhea rita"),
        ("risk:1 & compliance:1", [RITA], "1 more compliance", "bea carl"),
        ("risk:1 & compliance:1", [BEA], "1 more compliance", "carl rhea rita"),
        ("risk:2 & sites:2", [], "2 more risk, at 2 sites", "bea rhea rita"),
        ("risk:2 & sites:2", [RITA], "1 more risk, from another site", "rhea"),
        ("risk:2 & sites:2", [RITA, BEA], "1 more risk, from another site", "rhea"),
        ("risk:1 & compliance:1 & sites:2", [RHEA], "1 more compliance, from another site", "bea"),
        (
            "risk:2 & compliance:1 & sites:2",
            [RITA],
            "1 more risk and 1 more compliance, 1 of them from another site",
            "bea carl rhea",
        ),
        ("risk:2 & compliance:1 & sites:3", [RITA], "1 more risk and 1 more compliance, from 2 other sites", "carl rhea"),
        ("wizard:1", [], "1 more wizard", ""),
        ("trader:1", [TOM], "no approval: the quorum is met, but the rule still forbids; have its author correct it", ""),
    ],
)
def test_what_is_missing(requires: str, approvals: list[ApprovalFact], missing: str, could: str) -> None:
    [found] = unmet([requires], approvals, "paula", FIRM, "newswap")
    assert (found.requires, found.missing, " ".join(found.could_approve)) == (requires, missing, could)


def test_where_nobody_alone_brings_it_nearer_but_two_do_both_could() -> None:
    given_so_far = [approval("ann", "a"), approval("ben", "b"), approval("cem", "c", site="london")]
    firm = {each.principal: each for each in (access("cleo", "c", site="paris"), access("alf", "a", site="london"))}
    [found] = unmet(["a:1 & b:1 & c:1 & sites:3"], given_so_far, "paula", firm, "newswap")
    assert (found.missing, found.could_approve) == ("1 more a or b or c, from another site", ["alf", "cleo"])


def test_where_even_all_together_bring_it_no_nearer_nobody_could() -> None:
    given_so_far = [approval("ann", "risk"), approval("cem", "compliance")]
    firm = {"rob": access("rob", "risk")}
    [found] = unmet(["risk:1 & compliance:1 & sites:2"], given_so_far, "paula", firm, "newswap")
    assert (found.missing, found.could_approve) == ("1 more risk or compliance, from another site", [])


def test_each_quorum_is_answered_in_turn() -> None:
    found = unmet(["compliance:1", "risk:1"], [], "paula", FIRM, "newswap")
    assert [each.requires for each in found] == ["compliance:1", "risk:1"]


def test_no_more_people_are_named_than_an_event_holds() -> None:
    crowd = {f"p{number:03}": access(f"p{number:03}", "risk") for number in range(60)}
    [found] = unmet(["risk:1"], [], "paula", crowd, "newswap")
    assert found.could_approve == [f"p{number:03}" for number in range(COULD_APPROVE_MAX)]


PEOPLE = st.lists(
    st.tuples(st.frozensets(st.sampled_from(["risk", "compliance"]), max_size=2), st.sampled_from(["zurich", "london"])),
    max_size=6,
)
TEXTS = st.sampled_from(
    [
        "risk:1",
        "risk:2",
        "risk:1 & compliance:1",
        "risk:2 & sites:2",
        "risk:1 & compliance:1 & sites:2",
        "risk:2 & compliance:1",
    ]
)


@given(TEXTS, PEOPLE, st.data())
def test_asking_one_who_could_after_another_meets_every_quorum_that_can_be_met(
    requires: str, people: list[tuple[frozenset[str], str]], data: st.DataObject
) -> None:
    firm = {f"p{n}": access(f"p{n}", *sorted(roles), site=site) for n, (roles, site) in enumerate(people)}
    everybody = [approval(name, *each.roles, site=each.site) for name, each in firm.items()]
    given_so_far: list[ApprovalFact] = []
    for _ in people:
        [found] = unmet([requires], given_so_far, "paula", firm, "newswap")
        if not found.could_approve:
            break
        name = data.draw(st.sampled_from(found.could_approve))
        given_so_far.append(approval(name, *firm[name].roles, site=firm[name].site))
    assert met(requires, given_so_far) == met(requires, everybody)


def met(requires: str, approvals: list[ApprovalFact]) -> bool:
    return is_met(parse(requires), approvers(approvals, "paula").values())
