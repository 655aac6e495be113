"""A command from its real sender, in time, is answered once; any other is refused and uses up no id."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas import wire
from schemas.events.governance import FirmCommandRejected
from schemas.examples import example
from schemas.firm import Settings
from schemas.firm_commands import FirmCommand, TripBreaker
from schemas.hash_chain import digest_of
from schemas.orders import Order
from streams.rules.access.freshness import COMMAND_AGE_SECONDS_MAX
from streams.rules.decider import Received
from streams.rules.governance.changes import state as state_module
from streams.rules.governance.changes.decider import GovernanceDecider, NotAnInput
from streams.rules.governance.changes.intake import NoPolicy
from streams.rules.governance.changes.state import GovernanceState
from streams.rules.refusals.base import (
    AssertionWrong,
    CommandFromFuture,
    CommandMalformed,
    CommandStale,
    CounterNotRisen,
    IdempotencyConflict,
    KeyUnknown,
    PrincipalRevoked,
    PrincipalUnknown,
    Refused,
    SignatureWrong,
)
from tests.streams.rules.governance.changes.specification import (
    SECOND,
    START,
    Specification,
    Step,
    access,
    approve,
    decline,
    given,
    named,
    propose_access,
    propose_reset,
    trip,
)
from tests.world.firm import governance as firm
from tests.world.firm.desk import Fido2Key, MachineKey

BODY = TripBreaker(scope="desk", subject="newswap", state="open", reason="prices diverge")
TRIPPED = trip("rita", "desk", "newswap")


def again(spec: Specification, place: int = -1) -> Step:
    """The command of an event that is there, once more."""
    events: list[Any] = [s.recorded.event for s in spec.log if hasattr(s.recorded.event, "command")]
    return lambda spec: spec.received(events[place].command)


def tampered(by: str = "rita", **changes: Any) -> Step:
    """A command changed after it was signed."""
    return lambda spec: spec.received(spec.command(by, BODY).model_copy(update=changes))


# Once ------------------------------------------------------------------------------------------------------------


def test_a_command_that_comes_again_is_answered_once() -> None:
    spec = given(TRIPPED)
    spec.when(again(spec)).then_nothing()
    spec.given(propose_reset("rita"))
    spec.when(again(spec)).then_nothing()
    spec.given(approve("cora"))
    spec.when(again(spec)).then_nothing()
    spec.given(decline("carl"))
    spec.when(again(spec)).then_nothing()


def test_an_id_that_was_used_for_something_else_is_refused() -> None:
    spec = given(trip("rita", "desk", "newswap", name="one"))
    spec.when(trip("rita", "desk", "*", name="one")).then_rejected(IdempotencyConflict, named("one"))


def test_the_id_of_a_command_that_was_refused_is_spent_too() -> None:
    spec = given()
    spec.when(trip("paula", "desk", "newswap", name="one")).then("firm-command-rejected")
    spec.when(trip("rita", "desk", "newswap", name="one")).then_rejected(IdempotencyConflict)


def test_what_nobody_signed_uses_up_nobodys_id() -> None:
    spec = given().when(trip("rita", "desk", "newswap", name="one", signer="mallory")).then_rejected(KeyUnknown)
    assert spec.only(FirmCommandRejected).content_hash is None
    spec.when(trip("rita", "desk", "newswap", name="one")).then("breaker-tripped")


def test_a_refused_approval_uses_up_nobodys_id() -> None:
    spec = given(TRIPPED, propose_reset("rita"))
    spec.when(approve("sven", name="one")).then("firm-command-rejected")
    assert spec.only(FirmCommandRejected).content_hash is None
    spec.when(approve("cora", name="one")).then("proposal-approved")


def test_ids_are_spent_for_thirty_days() -> None:
    spec = given(trip("rita", "desk", "newswap", name="one"))
    spec.now += 30 * 86_400 * SECOND
    spec.when(trip("rita", "desk", "*", name="one")).then_rejected(IdempotencyConflict)
    spec.given(trip("rita", "firm", "*"))
    spec.now += SECOND
    spec.given(trip("rita", "asset", "USDC"), trip("rita", "desk", "*", name="one"))


def test_beyond_what_is_remembered_only_ids_that_cannot_come_again_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_module, "REMEMBERED_COMMANDS_MAX", 1)
    state, age = GovernanceState(), (COMMAND_AGE_SECONDS_MAX + 30) * SECOND
    for name, now in (("a", START), ("b", START + 1), ("c", START + age), ("d", START + age + SECOND)):
        state.remember(name, "0" * 64, now)
    assert list(state.spent) == ["b", "c", "d"]


# In time ---------------------------------------------------------------------------------------------------------


AGES: list[tuple[int, type[Refused] | None]] = [
    (START - 300 * SECOND, None),
    (START - 301 * SECOND, CommandStale),
    (START + 30 * SECOND, None),
    (START + 31 * SECOND, CommandFromFuture),
]


@pytest.mark.parametrize(("issued_at", "refusal"), AGES)
def test_a_command_is_neither_old_nor_from_the_future(issued_at: int, refusal: type[Refused] | None) -> None:
    spec = given().when(trip("rita", "desk", "newswap", issued_at=issued_at))
    if refusal is None:
        spec.then("breaker-tripped")
    else:
        spec.then_rejected(refusal)


def test_no_policy_lets_a_command_be_older_than_is_remembered() -> None:
    policy = firm.policy()
    patient: Settings = policy.settings.model_copy(update={"command_max_age_seconds": 10 * COMMAND_AGE_SECONDS_MAX})
    spec = given(policy=policy.model_copy(update={"settings": patient}))
    old = START - (COMMAND_AGE_SECONDS_MAX + 1) * SECOND
    spec.when(trip("rita", "desk", "newswap", issued_at=old)).then_rejected(CommandStale, f"{COMMAND_AGE_SECONDS_MAX} s old")


def test_a_clock_that_runs_backwards_stands_still() -> None:
    spec = given(TRIPPED)
    spec.now -= 3_600 * SECOND
    spec.when(trip("rita", "firm", "*", issued_at=START)).then("breaker-tripped")
    assert spec.outcome[0].recorded.event.decided_at == START


# From whom -------------------------------------------------------------------------------------------------------


SENDERS: list[tuple[Step, type[Refused]]] = [
    (trip("nobody", "desk", "newswap"), PrincipalUnknown),
    (trip("rita", "desk", "newswap", signer="carl"), KeyUnknown),
    (trip("rita", "desk", "newswap", signer="detectors"), KeyUnknown),
    (trip("detectors", "desk", "newswap", signer="treasury-bot"), KeyUnknown),
    (trip("detectors", "desk", "newswap", signer="rita"), KeyUnknown),
    (tampered(issued_at=START + 1), AssertionWrong),
    (tampered("detectors", issued_at=START + 1), SignatureWrong),
    (
        tampered(
            "detectors", authorization=MachineKey("mallory").confirm(bytes(32)).model_copy(update={"key_id": "detectors"})
        ),
        SignatureWrong,
    ),
    (tampered(authorization=Fido2Key("rita", 7).confirm(bytes(32))), AssertionWrong),
]


@pytest.mark.parametrize(("step", "refusal"), SENDERS, ids=range(len(SENDERS)))
def test_a_command_comes_from_whom_it_names(step: Step, refusal: type[Refused]) -> None:
    spec = given().when(step).then_rejected(refusal)
    assert spec.firm.breakers == {}


def test_who_was_revoked_is_not_heard() -> None:
    spec = given(propose_access("rita", access("sven", status="revoked")), approve("cora"), approve("carl"))
    spec.when(trip("sven", "desk", "newswap")).then_rejected(PrincipalRevoked)


def test_a_copied_key_shows_by_its_counter() -> None:
    spec = given(TRIPPED)
    spec.keys["rita"].counter = 0
    spec.when(trip("rita", "firm", "*")).then_rejected(CounterNotRisen)


def test_an_approval_is_of_the_proposal_and_not_of_the_envelope() -> None:
    spec = given(TRIPPED, propose_reset("rita"))

    def over_the_command(spec: Specification) -> Received:
        command = approve("cora")(spec).record
        assert isinstance(command, FirmCommand)
        unsigned = spec.command("cora", BODY)
        return spec.received(command.model_copy(update={"authorization": unsigned.authorization}))

    spec.when(over_the_command).then_rejected(AssertionWrong, "challenge")


# What is no command ----------------------------------------------------------------------------------------------


def unreadable(value: bytes, **changes: Any) -> Step:
    def step(spec: Specification) -> Received:
        spec.sent += 1
        received = Received("firm-commands", 0, spec.sent, b"", value, digest_of(value), None, "broken")
        return replace(received, **changes)

    return step


def test_bytes_that_are_no_command_are_answered_by_their_hash() -> None:
    spec = given().when(unreadable(b"\x00garbage")).then_rejected(CommandMalformed, "broken")
    rejected = spec.only(FirmCommandRejected)
    assert (rejected.command_hash, rejected.principal) == (digest_of(b"\x00garbage"), "unknown")
    other = given().when(unreadable(b"\x00other")).only(FirmCommandRejected)
    assert rejected.command_id != other.command_id
    assert rejected.command_id == given().when(unreadable(b"\x00garbage")).only(FirmCommandRejected).command_id


def test_the_sender_of_wrong_fields_is_told() -> None:
    proposal = named("a proposal")
    content = {"command_id": named("one"), "principal": "rita", "body": {"proposal_id": proposal}}
    rejected = given().when(unreadable(b"x", content=content)).only(FirmCommandRejected)
    assert (rejected.command_id, rejected.principal, rejected.proposal_id) == (named("one"), "rita", proposal)
    assert rejected.content_hash is None


@pytest.mark.parametrize(
    "content",
    [{"command_id": 7, "principal": None, "body": "x"}, {"command_id": "x", "principal": ""}, {"body": {"proposal_id": 1}}],
)
def test_fields_that_name_nobody_name_nobody(content: dict[str, Any]) -> None:
    rejected = given().when(unreadable(b"x", content=content)).only(FirmCommandRejected)
    assert (rejected.principal, rejected.proposal_id) == ("unknown", None)


def test_a_record_of_another_topic_is_a_mistake_of_wiring() -> None:
    record = example(Order)
    received = Received("commands", 0, 0, b"", b"", "0" * 64, record)
    with pytest.raises(NotAnInput, match="a Order on commands"):
        GovernanceDecider().decide(GovernanceState(), received, START)


def test_nothing_is_decided_before_genesis() -> None:
    command = given().command("rita", BODY)
    value = wire.encode(command)
    received = Received("firm-commands", 0, 0, b"firm", value, digest_of(value), command)
    with pytest.raises(NoPolicy):
        GovernanceDecider().decide(GovernanceState(), received, START)


def test_governance_appends_to_no_order() -> None:
    assert GovernanceDecider().tail(GovernanceState(), named("an order")) is None
