"""The outcome of a command to the desk comes from its own events, in any order."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from commands.answers import OrderAnswer, TrialAnswer
from commands.outcomes import SentCommand, outcome_of, sent_command, spent_otherwise
from schemas import canonical
from schemas.commands import (
    CancelOrder,
    Command,
    DeclineApproval,
    Ed25519Signature,
    GiveApproval,
    InitiateOrder,
    SplitOrder,
    TryOrder,
    WithdrawApproval,
)
from schemas.events.answers import OrderTried
from schemas.events.base import Event
from schemas.events.lifecycle import (
    ApprovalDeclined,
    ApprovalGiven,
    ApprovalWithdrawn,
    Approved,
    CancellationRequested,
    OrderClosed,
    PolicyEvaluated,
)
from schemas.examples import example
from tests.commands import events_of
from tests.world.firm.door import DESK, SYSTEM, WALLET, transfer

ORDER = "6d0b0c52-9d1c-5a8e-9a33-2f2f0a3a7c10"
ID = "0b9f4f0e-5b0c-5d3f-9c7e-2f1f3f0a9d11"


def command(body: object, issued_at: int = 1) -> Command:
    return Command.model_validate(
        {
            "command_id": ID,
            "desk_id": DESK,
            "principal": SYSTEM,
            "issued_at": issued_at,
            "body": body,
            "authorization": Ed25519Signature(key_id="bot-1", signature=""),
        }
    )


INITIATE = command(InitiateOrder(wallet_id=WALLET, action=transfer("10")))
INITIATED = canonical.order_id(DESK, canonical.command_digest(INITIATE))
APPROVE = command(GiveApproval(order_id=ORDER, approval_hash="ab" * 32))
WITHDRAW = command(WithdrawApproval(order_id=ORDER))
DECLINE = command(DeclineApproval(order_id=ORDER, reason="no"))
CANCEL = command(CancelOrder(order_id=ORDER))
SPLIT = command(SplitOrder(order_id=ORDER, amounts=[Decimal(4), Decimal(6)]))


def about(record: type[Event], cause: Command, **fields: object) -> Event:
    return example(record).model_copy(
        update={"desk_id": DESK, "order_id": ORDER, "causation_id": cause.command_id, "command": cause, **fields}
    )


ANSWERED = [
    (INITIATE, events_of.initiated(INITIATE, INITIATED)[:2], "approved"),
    (INITIATE, events_of.initiated(INITIATE, INITIATED, "needs-approval"), "awaiting-approval"),
    (INITIATE, events_of.initiated(INITIATE, INITIATED, "refused"), "rejected"),
    (APPROVE, [about(ApprovalGiven, APPROVE), about(PolicyEvaluated, APPROVE, outcome="allowed")], "approved"),
    (APPROVE, [about(ApprovalGiven, APPROVE), about(PolicyEvaluated, APPROVE, outcome="needs-approval")], "awaiting-approval"),
    (DECLINE, [about(ApprovalDeclined, DECLINE), about(OrderClosed, DECLINE, reason="declined", command=None)], "declined"),
    (WITHDRAW, [about(ApprovalWithdrawn, WITHDRAW)], "approval-withdrawn"),
    (CANCEL, [about(OrderClosed, CANCEL, reason="cancelled")], "cancelled"),
    (CANCEL, [about(CancellationRequested, CANCEL)], "cancellation-requested"),
    (SPLIT, events_of.split(SPLIT, ORDER, 2), "superseded"),
]


@pytest.mark.parametrize(("sent", "events", "state"), ANSWERED, ids=[f"{c.body.kind}-{s}" for c, _, s in ANSWERED])
def test_the_answer_is_the_same_in_whatever_order_its_events_come(sent: Command, events: list[Event], state: str) -> None:
    shuffled = list(events)
    answers = set()
    for seed in range(10):
        random.Random(seed).shuffle(shuffled)
        answer = outcome_of(sent_command(sent), shuffled)
        assert isinstance(answer, OrderAnswer), f"seed {seed}"
        assert answer.state == state, f"seed {seed}"
        answers.add(answer.model_dump_json())
    assert len(answers) == 1


@pytest.mark.parametrize(("sent", "events", "state"), ANSWERED, ids=[f"{c.body.kind}-{s}" for c, _, s in ANSWERED])
def test_there_is_no_answer_while_a_needed_event_is_missing(sent: Command, events: list[Event], state: str) -> None:
    needed = [event for event in events if not isinstance(event, Approved)]  # policy's word before it says all
    for missing in needed:
        rest = [event for event in needed if event is not missing]
        assert outcome_of(sent_command(sent), rest) is None, f"{state} without {type(missing).__name__}"


@pytest.mark.parametrize(("sent", "events", "state"), ANSWERED, ids=[f"{c.body.kind}-{s}" for c, _, s in ANSWERED])
def test_another_command_under_the_same_id_is_not_answered_by_them(sent: Command, events: list[Event], state: str) -> None:
    other = sent_command(sent.model_copy(update={"issued_at": 2}))

    assert outcome_of(other, events) is None, state
    assert spent_otherwise(other, events)
    assert not spent_otherwise(sent_command(sent), events)


def test_a_trial_is_answered_by_what_was_said_of_the_very_command() -> None:
    trial = command(TryOrder(wallet_id=WALLET, action=transfer("10")))
    tried = about(OrderTried, trial, outcome="needs-approval", requires=["risk-officer:1"])

    answer = outcome_of(sent_command(trial), [tried])

    assert isinstance(answer, TrialAnswer)
    assert (answer.outcome, answer.requires) == ("needs-approval", ("risk-officer:1",))
    assert outcome_of(sent_command(trial.model_copy(update={"issued_at": 2})), [tried]) is None
    assert outcome_of(sent_command(INITIATE), [tried]) is None


def test_events_of_another_desk_answer_nothing() -> None:
    events = [event.model_copy(update={"desk_id": "beta"}) for event in events_of.initiated(INITIATE, INITIATED)]

    assert outcome_of(sent_command(INITIATE), events) is None


def test_a_rejection_answers_the_one_record_that_it_names() -> None:
    rejection = events_of.rejected(INITIATE)

    assert outcome_of(sent_command(INITIATE), [rejection]) is rejection
    assert outcome_of(sent_command(INITIATE.model_copy(update={"issued_at": 2})), [rejection]) is None


def test_a_split_without_one_of_its_parts_judged_is_not_answered() -> None:
    events = events_of.split(SPLIT, ORDER, 2)
    question: SentCommand = sent_command(SPLIT)

    answer = outcome_of(question, events)

    assert isinstance(answer, OrderAnswer)
    assert [child.state for child in answer.children] == ["approved", "approved"]
    assert (
        outcome_of(question, [each for each in events if not (isinstance(each, PolicyEvaluated) and each is events[-2])])
        is None
    )
