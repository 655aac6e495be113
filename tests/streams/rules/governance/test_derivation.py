"""With the root key alone, a reader derives the decider's results for the commands in the log, and no other event."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import pytest

from schemas.events.base import FirmEvent
from schemas.events.facts import ApprovalFact
from schemas.events.governance import (
    AccessChanged,
    AssetListed,
    BreakerReset,
    BreakerTripped,
    FirmCommandRejected,
    GenesisAccepted,
    PolicyActivated,
    ProposalApproved,
    ProposalClosed,
    ResetProposed,
)
from schemas.examples import example
from schemas.firm import EVERYBODY
from schemas.firm_commands import ApproveProposal, FirmCommand
from streams.rules.firm.view import GovernanceFold
from streams.rules.governance.derivation import SKEW_MICROS_MAX, Derivation, NotDerived
from tests.streams.rules.governance.changes.specification import (
    SECOND,
    Specification,
    access,
    approve,
    decline,
    event_of,
    given,
    propose_access,
    propose_policy,
    propose_reset,
    trip,
    withdraw,
)
from tests.world.firm import governance as firm
from tests.world.firm.desk import MachineKey

DAY: Final = 86_400
FOUNDED: Final = len(Specification().log)


@cache
def story() -> tuple[FirmEvent, ...]:
    """All kinds of governance events, one after the other."""
    spec = given(
        trip("detectors", "desk", "newswap", "reducing"),
        propose_reset("sven"),
        trip("rita", "desk", "newswap", "open"),
        propose_reset("rita"),
        approve("cora"),
        approve("carl"),
        propose_access("rita", access("nina", "risk-officer")),
        approve("cora"),
        approve("carl"),
        propose_policy("nina"),
        decline("carl"),
        propose_policy("nina"),
        withdraw("nina"),
        propose_access("sven", access("paula", status="revoked")),
        propose_policy("rita"),
        approve("cora"),
        approve("carl"),
        propose_access("rita", access("nora", "trader")),
    )
    spec.when(trip("paula", "desk", "newswap")).then("firm-command-rejected")
    spec.after(DAY).then("proposal-closed")
    return tuple(event_of(sealed) for sealed in spec.log)


def derived(events: tuple[FirmEvent, ...]) -> Derivation:
    derivation = Derivation(firm.PINNED)
    for event in events:
        derivation.believe(event)
    return derivation


def after_genesis() -> list[int]:
    """The places of all events that answer commands or time."""
    return [place for place in range(FOUNDED, len(story())) if not _refused(story()[place])]


def test_what_governance_wrote_is_believed_to_the_last_event() -> None:
    assert derived(story()).position == len(story())
    kinds = {type(event).__name__ for event in story()}
    assert len(kinds) == 14, kinds


def changed(place: int, **changes: Any) -> tuple[FirmEvent, ...]:
    """The story with one event changed."""
    event = story()[place].model_copy(update=changes)
    return (*story()[:place], event, *story()[place + 1 :])


OTHER: Final[dict[str, Any]] = {
    "scope": "firm",
    "subject": "*",
    "state": "open",
    "reason": "because",
    "tripped_by": "carl",
    "proposal_id": "00000000-0000-0000-0000-000000000000",
    "proposer": "paula",
    "proposal_hash": "0" * 64,
    "policy_hash": "1" * 64,
    "requires": [],
    "expires_at": 1,
    "version": 7,
    "principal": "mallory",
    "approver": "paula",
    "roles": ["king"],
    "counter": 99,
    "message": "all agreed",
    "approvals": [ApprovalFact(principal="mallory", site="here", roles=["king"])],
    "kind": "system",
    "status": "active",
    "site": "nowhere",
    "desks": [],
    "credentials": [],
    "signing_keys": [firm.signing_key("mallory")],
    "cedar": "permit (principal, action, resource);",
    "cedar_schema": "",
    "limits": [],
    "settings": firm.policy().settings.model_copy(update={"order_ttl_seconds": 7}),
    "causation_id": "clock",
    "position": 1,
}


def test_no_field_of_any_event_can_be_changed() -> None:
    derivation, tried = Derivation(firm.PINNED), 0
    for event in story():
        for name in sorted(OTHER.keys() & type(event).model_fields.keys()):
            if event.position > FOUNDED and getattr(event, name) != OTHER[name] and not _refused(event):
                tried += 1
                with pytest.raises(NotDerived):
                    derivation.believe(event.model_copy(update={name: OTHER[name]}))
        derivation.believe(event)
    assert tried > 100


def test_no_command_in_an_event_can_be_changed() -> None:
    derivation, tried = Derivation(firm.PINNED), 0
    for event in story():
        command: FirmCommand | None = getattr(event, "command", None)
        for changes in _of_commands(command) if command is not None else ():
            tried += 1
            with pytest.raises(NotDerived):
                derivation.believe(event.model_copy(update={"command": command.model_copy(update=changes)}))  # type: ignore[union-attr]
        derivation.believe(event)
    assert tried > 40


def _of_commands(command: FirmCommand) -> list[dict[str, Any]]:
    """Changes to a command; an approval's assertion is over the proposal alone, so nothing binds its time."""
    changes: list[dict[str, Any]] = [
        {"principal": "cora" if command.principal == "carl" else "carl"},
        {"command_id": "00000000-0000-0000-0000-000000000000"},
        {"authorization": MachineKey("mallory").confirm(bytes(32))},
    ]
    bound = not isinstance(command.body, ApproveProposal)
    return [*changes, *([{"issued_at": command.issued_at + 1}] if bound else [])]


def _refused(event: FirmEvent) -> bool:
    return isinstance(event, FirmCommandRejected)


def test_no_event_of_a_decision_can_be_left_out() -> None:
    """Later events move up by one. Whole decisions may be missing: nobody can prove that they were asked for."""
    for place in after_genesis():
        event, before = story()[place], story()[place - 1]
        later = [e.model_copy(update={"position": e.position - 1}) for e in story()[place + 1 :]]
        part_of_one = event.causation_id in {before.causation_id, *(e.causation_id for e in later[:1])}
        if part_of_one:
            with pytest.raises(NotDerived):
                derived((*story()[:place], *later))


def appended(event: FirmEvent, **changes: Any) -> tuple[FirmEvent, ...]:
    """The story with one event more."""
    last = story()[-1]
    place = {"position": last.position + 1, "decided_at": last.decided_at}
    return (*story(), event.model_copy(update=place | changes))


def last(kind: type[FirmEvent]) -> Any:
    return next(event for event in reversed(story()) if isinstance(event, kind))


FORGED: Final[dict[str, Callable[[], tuple[FirmEvent, ...]]]] = {
    "rights from nowhere": lambda: appended(last(AccessChanged), principal="mallory"),
    "a policy from nowhere": lambda: appended(last(PolicyActivated), version=9),
    "a reset from nowhere": lambda: appended(last(BreakerReset)),
    "an asset from nowhere": lambda: appended(last(AssetListed)),
    "a second genesis": lambda: appended(story()[0]),
    "an answer given twice": lambda: appended(last(BreakerTripped)),
    "an approval given twice": lambda: appended(last(ProposalApproved)),
    "a proposal made twice": lambda: appended(last(ResetProposed)),
    "an end without a cause": lambda: appended(last(ProposalClosed), reason="enacted"),
    "an end before its time": lambda: expiring_early(-1),
    "time that runs backwards": lambda: appended(last(FirmCommandRejected), decided_at=1),
    "a place left out": lambda: appended(last(FirmCommandRejected), position=len(story()) + 2),
    "no place": lambda: appended(last(FirmCommandRejected), position=0),
    "an event of no kind": lambda: appended(FirmEvent()),
}


def expiring_early(by: int) -> tuple[FirmEvent, ...]:
    place = len(story()) - 1
    return changed(place, decided_at=story()[place].decided_at + by)


@pytest.mark.parametrize("name", FORGED)
def test_what_does_not_follow_is_not_believed(name: str) -> None:
    with pytest.raises(NotDerived):
        derived(FORGED[name]())


def test_a_log_begins_with_genesis() -> None:
    with pytest.raises(NotDerived, match="the first governance event is no genesis"):
        Derivation(firm.PINNED).believe(story()[1].model_copy(update={"position": 1}))


def test_genesis_is_not_accepted_before_it_was_issued() -> None:
    first = story()[0]
    assert isinstance(first, GenesisAccepted)
    issued = firm.document().issued_at
    Derivation(firm.PINNED).believe(first.model_copy(update={"decided_at": issued - SKEW_MICROS_MAX}))
    with pytest.raises(NotDerived, match="before it was issued"):
        Derivation(firm.PINNED).believe(first.model_copy(update={"decided_at": issued - SKEW_MICROS_MAX - 1}))


def test_an_old_command_gives_no_new_answer() -> None:
    """Kept back, then answered long after its sender had forgotten it."""
    spec = Specification()
    spec.when(trip("rita", "desk", "newswap"))
    tripped = spec.outcome[0].recorded.event
    founded = tuple(event_of(sealed) for sealed in spec.log[:-1])
    assert isinstance(tripped, BreakerTripped)
    in_time = tripped.model_copy(update={"decided_at": tripped.command.issued_at + 300 * SECOND})
    assert derived((*founded, in_time)).position == in_time.position
    late = tripped.model_copy(update={"decided_at": tripped.command.issued_at + 301 * SECOND})
    with pytest.raises(NotDerived, match="may be at most 300 s old"):
        derived((*founded, late))


def test_a_refusal_is_taken_as_it_stands_and_changes_nothing_that_is_in_force() -> None:
    forged = example(FirmCommandRejected).model_copy(update={"content_hash": None, "causation_id": "x"})
    events = appended(forged)
    before, after = GovernanceFold(), GovernanceFold()
    for event in story():
        before.accept(event)
    for event in events:
        after.accept(event)
    assert derived(events).position == len(events)
    assert (after.view.breakers, after.view.principals) == (before.view.breakers, before.view.principals)
    assert EVERYBODY not in after.view.principals
