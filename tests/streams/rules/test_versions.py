"""A quorum puts rules in force by number; a log with old and new rules in it is decided again to the letter."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import pytest

from schemas.events.base import FirmEvent
from schemas.events.governance import PolicyActivated, ProposalClosed
from schemas.firm import Settings
from streams.judging.installation import UNFIT
from streams.rules.firm.view import GovernanceFold
from streams.rules.governance.changes.state import GovernanceState
from streams.rules.governance.consistency import problems
from streams.rules.governance.derivation import Derivation, NotDerived
from streams.rules.governance.founding import decide
from streams.rules.governance.genesis import activation as activate
from streams.rules.governance.root import RootedGovernance
from streams.rules.refusals import governance as refusals
from streams.rules.versions import NEWEST, Rules, RulesUnknown, known
from tests.streams.rules.governance.changes.specification import (
    Specification,
    approve,
    event_of,
    given,
    propose_policy,
    propose_reset,
    trip,
)
from tests.world.firm import governance as firm

TTL_SECONDS: Final = 86_400
OLD: Final = "no quorum agreed to it in time"
NEW: Final = "no quorum agreed to it within 86400 s; propose it again if it is still wanted"
POLICY_HASH: Final = "7d877b755412f536dd9e638e9e7010b40710628343fc6fb906d7d22e8910ed3e"
"""Of the tests' policy, from before settings could name rules."""


def naming(version: int) -> dict[str, Any]:
    """The firm's policy with another version of the rules."""
    return {"settings": settings(version)}


def settings(version: int) -> Settings:
    return firm.policy().settings.model_copy(update={"rules_version": version if version > Rules.FIRST else None})


def expire(spec: Specification) -> Specification:
    """Let a proposal to reset the breaker find no quorum."""
    return spec.when(propose_reset("rita")).after(TTL_SECONDS)


@cache
def log() -> tuple[FirmEvent, ...]:
    """One proposal expires under the first rules, the next after a quorum has put the second in force."""
    spec = expire(given(trip("rita", "desk", "newswap")))
    spec.given(propose_policy("rita", naming(Rules.EXPIRY_NAMES_REMEDY)), approve("cora"), approve("carl"))
    expire(spec)
    return tuple(event_of(sealed) for sealed in spec.log)


def derived(events: tuple[FirmEvent, ...]) -> Derivation:
    derivation = Derivation(firm.PINNED)
    for event in events:
        derivation.believe(event)
    return derivation


def expiries() -> list[ProposalClosed]:
    return [event for event in log() if isinstance(event, ProposalClosed) and event.reason == "expired"]


def activation() -> PolicyActivated:
    return next(event for event in reversed(log()) if isinstance(event, PolicyActivated))


def test_before_the_activation_the_old_words_are_decided_and_after_it_the_new() -> None:
    assert [event.message for event in expiries()] == [OLD, NEW]
    assert expiries()[0].position < activation().position < expiries()[1].position


def test_a_log_with_the_activation_in_the_middle_is_decided_again_to_the_last_event() -> None:
    assert derived(log()).position == len(log())


@pytest.mark.parametrize("place", [0, 1])
def test_the_words_of_the_other_version_are_not_believed(place: int) -> None:
    event = expiries()[place]
    derivation = derived(log()[: event.position - 1])
    with pytest.raises(NotDerived):
        derivation.believe(event.model_copy(update={"message": (NEW, OLD)[place]}))
    derivation.believe(event)


def test_each_position_has_the_rules_that_were_in_force_there() -> None:
    fold = GovernanceFold()
    for event in log():
        fold.accept(event)
    found = [fold.at(position).rules for position in range(len(log()) + 1)]
    before = activation().position
    assert found == [Rules.FIRST] * before + [Rules.EXPIRY_NAMES_REMEDY] * (len(log()) + 1 - before)


def test_rules_never_go_back() -> None:
    spec = given(policy=firm.policy(settings=settings(Rules.EXPIRY_NAMES_REMEDY)))
    spec.when(propose_policy("rita", naming(Rules.FIRST)))
    spec.then_rejected(refusals.ProposalUnusable, "rules_version 1 is before version 2 in force; name 2 or a later one")


def test_rules_that_this_software_does_not_know_are_neither_proposed_nor_founded_on() -> None:
    words = f"rules_version {NEWEST + 1} is unknown to this software, which knows up to {NEWEST}"
    given().when(propose_policy("rita", naming(NEWEST + 1))).then_rejected(refusals.ProposalUnusable, words)
    found = list(problems(firm.document(policy=firm.policy(settings=settings(NEWEST + 1)))))
    assert [problem for problem in found if words in problem] == found != []


def test_a_log_with_unknown_rules_stops_every_reader() -> None:
    genesis = firm.genesis(policy=firm.policy(settings=settings(NEWEST + 1)))
    events = [event_of(sealed) for sealed in decide(genesis, (), 1_770_000_000_000_000)]
    fold, rooted, state = GovernanceFold(), RootedGovernance(firm.PINNED), GovernanceState()
    for accept in (fold.accept, rooted.accept, state.in_force.apply):
        for event in events[:-1]:
            accept(event)
        with pytest.raises(RulesUnknown, match=f"rules version {NEWEST + 1} in force.*install a release that knows it"):
            accept(events[-1])
    assert RulesUnknown in UNFIT


def test_numbers_have_no_gap() -> None:
    assert [known(number) for number in range(1, NEWEST + 1)] == list(Rules)


def test_the_first_version_is_left_out_of_what_is_hashed() -> None:
    assert activate(firm.policy()).policy_hash == POLICY_HASH
    changed = activate(firm.policy(settings=settings(Rules.EXPIRY_NAMES_REMEDY)))
    assert changed.policy_hash != POLICY_HASH
