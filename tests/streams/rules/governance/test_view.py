"""Governance is the fold of its events by position, whatever order topics deliver them in."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.commands import Ed25519Signature
from schemas.events.base import FirmEvent, Refusal
from schemas.events.governance import AccessChanged, BreakerReset, BreakerTripped, FirmCommandRejected
from schemas.firm import BreakerState
from schemas.firm_commands import FirmCommand, TripBreaker
from streams.rules.firm import view as view_module
from streams.rules.firm.view import Governance, GovernanceBroken, GovernanceFold, NotFoldedYet
from streams.rules.governance.founding import decide
from tests.world.firm import governance as firm

NOW = 1_770_000_000_000_000
NIL = "00000000-0000-0000-0000-000000000000"


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


def tripped(state: BreakerState, position: int) -> BreakerTripped:
    body = TripBreaker(scope="desk", subject="newswap", state=state, reason="a test")
    signature = Ed25519Signature(key_id="rita", signature="")
    command = FirmCommand(command_id=NIL, principal="rita", issued_at=NOW, body=body, authorization=signature)
    said = {"tripped_by": "rita", "command": command, "position": position, "decided_at": NOW}
    return BreakerTripped.model_validate(body.model_dump(exclude={"kind"}) | said)


def reset(position: int) -> BreakerReset:
    return BreakerReset(scope="desk", subject="newswap", reason="over", proposal_id=NIL, position=position)


def refused(position: int) -> FirmCommandRejected:
    refusal = Refusal(check="a-check", message="a message", remedy="a remedy")
    return FirmCommandRejected(command_id=NIL, principal="rita", refusal=refusal, command_hash="0" * 64, position=position)


def with_breakers() -> list[FirmEvent]:
    """Genesis; then rejected, reducing, open, rejected, reset, one principal revoked."""
    end = len(written())
    later = [refused(end + 1), tripped("reducing", end + 2), tripped("open", end + 3), refused(end + 4), reset(end + 5)]
    return [*written(), *later, revoked("paula", end + 6)]


def test_before_the_first_event_nobody_may_do_anything() -> None:
    view = GovernanceFold().view
    assert view == Governance()
    assert view.active("paula") is None


def test_all_genesis_events_make_the_firm() -> None:
    view = folded(written())
    assert view.position == len(written())
    assert view.genesis is not None
    assert view.policy is not None
    assert sorted(view.principals) == ["carl", "cora", "detectors", "paula", "rita", "sven", "treasury-bot"]
    assert sorted(view.assets) == ["ETH", "USDC"]
    assert view.desks == {"newswap"}
    assert view.breakers == {}
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


def test_a_breaker_stands_as_it_was_last_tripped_until_it_is_reset() -> None:
    events = with_breakers()
    states = []
    for end in range(len(written()) + 1, len(events)):
        breaker = folded(events[:end]).breakers.get(("desk", "newswap"))
        states.append("closed" if breaker is None else breaker.state)
    assert states == ["closed", "reducing", "open", "open", "closed"]


def test_a_breaker_that_is_reset_without_being_tripped_stays_closed() -> None:
    assert folded([*written(), reset(len(written()) + 1)]).breakers == {}


@pytest.mark.parametrize("kept_max", [0, 1, 64])
def test_the_view_at_any_earlier_position_is_the_view_that_was_taken_there(
    monkeypatch: pytest.MonkeyPatch, kept_max: int
) -> None:
    monkeypatch.setattr(view_module, "EARLIER_VIEWS_KEPT_MAX", kept_max)
    fold, taken = GovernanceFold(), [Governance()]
    for event in with_breakers():
        fold.accept(event)
        taken.append(fold.view)
    positions = [*range(len(taken)), *reversed(range(len(taken))), *range(0, len(taken), 3)]
    assert [fold.at(position) for position in positions] == [taken[position] for position in positions]


def test_a_position_that_has_not_been_reached_has_no_view_yet() -> None:
    fold = GovernanceFold()
    for event in written():
        fold.accept(event)
    with pytest.raises(NotFoldedYet, match=f"governance event {len(written()) + 1} has not been folded yet"):
        fold.at(len(written()) + 1)


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
