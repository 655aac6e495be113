"""Governance is the fold of its events by position, whatever order topics deliver them in."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.base import FirmEvent
from schemas.events.governance import AccessChanged
from streams.governance import view as view_module
from streams.governance.decider import decide
from streams.governance.view import Governance, GovernanceBroken, GovernanceFold
from tests.streams.governance import firm

NOW = 1_770_000_000_000_000


def written() -> list[FirmEvent]:
    """The firm's genesis events as they stand in the log."""
    events = [sealed.recorded.event for sealed in decide(firm.genesis(), (), NOW)]
    return [event for event in events if isinstance(event, FirmEvent)]


def folded(events: list[FirmEvent]) -> Governance:
    fold = GovernanceFold()
    for event in events:
        fold.accept(event)
    return fold.view


def revoked(principal: str, position: int) -> AccessChanged:
    found = folded(written()).principals[principal]
    return found.model_copy(update={"status": "revoked", "position": position})


def test_before_the_first_event_nobody_may_do_anything() -> None:
    view = GovernanceFold().view
    assert view == Governance()
    assert view.active("paula") is None


def test_all_genesis_events_make_the_firm() -> None:
    view = folded(written())
    assert view.position == len(written())
    assert view.genesis is not None
    assert view.policy is not None
    assert sorted(view.principals) == ["carl", "cora", "paula", "rita", "sven", "treasury-bot"]
    assert sorted(view.assets) == ["ETH", "USDC"]
    assert view.wallets["treasury-1"].address == firm.TREASURY
    assert view.contracts[firm.CHAIN, firm.VENUE].decided_at == NOW


@given(st.permutations(range(len(written()))))
def test_any_order_of_arrival_gives_the_same_view(order: list[int]) -> None:
    events = written()
    assert folded([events[place] for place in order]) == folded(events)


def test_an_event_behind_a_gap_waits_until_the_gap_closes() -> None:
    first, second, third, *_ = written()
    fold = GovernanceFold()
    fold.accept(first)
    fold.accept(third)
    assert fold.view.position == 1
    fold.accept(second)
    assert fold.view.position == 3


def test_a_view_that_was_taken_never_changes() -> None:
    fold = GovernanceFold()
    for event in written():
        fold.accept(event)
    before = fold.view
    fold.accept(revoked("paula", before.position + 1))
    assert before.active("paula") is not None
    assert fold.view.active("paula") is None
    assert fold.view.position == before.position + 1


def test_a_view_cannot_be_written_to() -> None:
    with pytest.raises(TypeError):
        folded(written()).principals["mallory"] = revoked("paula", 99)  # type: ignore[index]


def test_a_view_costs_nothing_while_nothing_changes() -> None:
    fold = GovernanceFold()
    fold.accept(written()[0])
    assert fold.view is fold.view


def test_an_event_delivered_again_changes_nothing() -> None:
    events = written()
    assert folded([*events, *events]) == folded(events)


def test_the_later_of_two_events_about_one_principal_holds() -> None:
    events = written()
    view = folded([*events, revoked("paula", len(events) + 1)])
    assert view.principals["paula"].status == "revoked"


def test_an_event_that_was_never_sealed_is_refused() -> None:
    with pytest.raises(GovernanceBroken, match="AccessChanged without a position"):
        GovernanceFold().accept(revoked("paula", 0))


def test_two_different_events_at_one_position_are_refused() -> None:
    fold = GovernanceFold()
    fold.accept(revoked("paula", 5))
    with pytest.raises(GovernanceBroken, match="two different governance events have position 5"):
        fold.accept(revoked("rita", 5))


def test_an_event_of_a_kind_this_version_does_not_know_is_refused() -> None:
    with pytest.raises(GovernanceBroken, match="FirmEvent is no governance event"):
        GovernanceFold().accept(FirmEvent(position=1))


def test_a_gap_that_does_not_close_is_refused_before_memory_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "HELD_EVENTS_MAX", 2)
    fold = GovernanceFold()
    fold.accept(revoked("paula", 2))
    fold.accept(revoked("paula", 3))
    with pytest.raises(GovernanceBroken, match="event 1 is missing; 3 later ones"):
        fold.accept(revoked("paula", 4))


def test_a_view_after_each_of_a_thousand_changes_among_five_thousand_principals_takes_under_two_seconds() -> None:
    paula = revoked("paula", 1)
    fold = GovernanceFold()
    for number in range(1, 5_001):
        fold.accept(paula.model_copy(update={"principal": f"p{number}", "position": number}))
    begun = time.perf_counter()
    for number in range(5_001, 6_001):
        fold.accept(paula.model_copy(update={"position": number}))
        assert len(fold.view.principals) == 5_001
    assert time.perf_counter() - begun < 2
