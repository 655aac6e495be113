"""The outcome of a command to governance comes from its own events, in any order."""

from __future__ import annotations

import random
from typing import Any

import pytest

from commands.answers import FirmAnswer
from commands.intake.firm_requests import path_of
from commands.outcomes import asked_of_firm, outcome_of, spent_otherwise
from schemas import canonical
from schemas.commands import Ed25519Signature
from schemas.events.base import Event
from schemas.events.governance import (
    AccessProposed,
    BreakerTripped,
    FirmCommandRejected,
    PolicyActivated,
    PolicyProposed,
    ProposalApproved,
    ProposalClosed,
    ResetProposed,
)
from schemas.events.keys import KeyOrdered, KeyProposed
from schemas.examples import example
from schemas.firm_commands import (
    ApproveProposal,
    DeclineProposal,
    FirmCommand,
    ProposeAccess,
    ProposeKey,
    ProposePolicy,
    ProposeReset,
    ReportKey,
    TripBreaker,
    WithdrawProposal,
)
from schemas.values import Record

ID = "0b9f4f0e-5b0c-5d3f-9c7e-2f1f3f0a9d11"
PROPOSAL = "6d0b0c52-9d1c-5a8e-9a33-2f2f0a3a7c10"
OTHER = "6d0b0c52-9d1c-5a8e-9a33-2f2f0a3a7c11"


def command(body: Record) -> FirmCommand:
    signature = Ed25519Signature(key_id="k", signature="")
    return FirmCommand.model_validate(
        {"command_id": ID, "principal": "rosa", "issued_at": 1, "body": body, "authorization": signature}
    )


def firm_event(record: type[Event], cause: FirmCommand | None = None, **fields: Any) -> Event:
    held = {} if cause is None else {"command": cause}
    return example(record).model_copy(update={"causation_id": ID, **held, **fields})


TRIP = command(TripBreaker(scope="asset", subject="USDC", state="open", reason="odd"))
RESET = command(ProposeReset(scope="asset", subject="USDC", reason="was a drill"))
POLICY = command(example(ProposePolicy))
ACCESS = command(example(ProposeAccess))
KEY = command(example(ProposeKey))
REPORT = command(example(ReportKey))
APPROVE = command(ApproveProposal(proposal_id=PROPOSAL, proposal_hash="ab" * 32))
DECLINE = command(DeclineProposal(proposal_id=PROPOSAL, reason="no"))
WITHDRAW = command(WithdrawProposal(proposal_id=PROPOSAL))
QUORUM = ["risk-officer:1"]

ANSWERED = [
    (
        TRIP,
        [firm_event(BreakerTripped, TRIP), firm_event(ProposalClosed, proposal_id=OTHER, reason="outdated", command=None)],
        "tripped",
    ),
    (RESET, [firm_event(ResetProposed, RESET)], "awaiting-approval"),
    (POLICY, [firm_event(PolicyProposed, POLICY)], "awaiting-approval"),
    (ACCESS, [firm_event(AccessProposed, ACCESS)], "awaiting-approval"),
    (KEY, [firm_event(KeyProposed, KEY)], "awaiting-approval"),
    (APPROVE, [firm_event(ProposalApproved, APPROVE, proposal_id=PROPOSAL, requires=QUORUM)], "awaiting-approval"),
    (
        APPROVE,
        [
            firm_event(ProposalApproved, APPROVE, proposal_id=PROPOSAL, requires=[]),
            firm_event(ProposalClosed, proposal_id=PROPOSAL, reason="enacted", command=None),
            firm_event(PolicyActivated, proposal_id=PROPOSAL),
            firm_event(ProposalClosed, proposal_id=OTHER, reason="outdated", command=None),
        ],
        "enacted",
    ),
    (
        APPROVE,
        [
            firm_event(ProposalApproved, APPROVE, proposal_id=PROPOSAL, requires=[]),
            firm_event(ProposalClosed, proposal_id=PROPOSAL, reason="enacted", command=None),
            firm_event(KeyOrdered, proposal_id=PROPOSAL),
        ],
        "enacted",
    ),
    (DECLINE, [firm_event(ProposalClosed, DECLINE, proposal_id=PROPOSAL, reason="declined")], "declined"),
    (WITHDRAW, [firm_event(ProposalClosed, WITHDRAW, proposal_id=PROPOSAL, reason="withdrawn")], "withdrawn"),
]
IDS = [f"{sent.body.kind}-{state}-{at}" for at, (sent, _, state) in enumerate(ANSWERED)]


@pytest.mark.parametrize(("sent", "events", "state"), ANSWERED, ids=IDS)
def test_the_answer_is_the_same_in_whatever_order_its_events_come(sent: FirmCommand, events: list[Event], state: str) -> None:
    shuffled, answers = list(events), set()
    for seed in range(10):
        random.Random(seed).shuffle(shuffled)
        answer = outcome_of(asked_of_firm(sent), shuffled)
        assert isinstance(answer, FirmAnswer), f"seed {seed}"
        assert answer.state == state, f"seed {seed}"
        answers.add(answer.model_dump_json())
    assert len(answers) == 1


@pytest.mark.parametrize(("sent", "events", "state"), ANSWERED, ids=IDS)
def test_another_command_under_the_same_id_is_not_answered_by_them(sent: FirmCommand, events: list[Event], state: str) -> None:
    other = asked_of_firm(sent.model_copy(update={"issued_at": 2}))
    assert outcome_of(other, events) is None, state
    assert spent_otherwise(other, events)
    assert not spent_otherwise(asked_of_firm(sent), events)


def test_an_approval_that_completes_a_quorum_is_answered_once_it_is_said_what_came_of_it() -> None:
    approved = firm_event(ProposalApproved, APPROVE, proposal_id=PROPOSAL, requires=[])
    assert outcome_of(asked_of_firm(APPROVE), [approved]) is None
    ended = firm_event(ProposalClosed, proposal_id=PROPOSAL, reason="outdated", message="too late", command=None)
    answer = outcome_of(asked_of_firm(APPROVE), [approved, ended])
    assert isinstance(answer, FirmAnswer)
    assert (answer.state, answer.message, answer.proposal_id) == ("outdated", "too late", PROPOSAL)


def test_what_was_proposed_is_found_under_the_id_that_its_command_gives_it() -> None:
    assert asked_of_firm(RESET).proposal_id == canonical.proposal_id(RESET)
    assert asked_of_firm(APPROVE).proposal_id == PROPOSAL
    assert asked_of_firm(KEY).proposal_id == canonical.proposal_id(KEY)
    assert asked_of_firm(TRIP).proposal_id is None
    assert asked_of_firm(REPORT).proposal_id is None


def test_a_proposal_about_a_key_says_which_and_what() -> None:
    answer = outcome_of(asked_of_firm(KEY), [firm_event(KeyProposed, KEY, key_id="treasury-1", operation="rotate")])
    assert isinstance(answer, FirmAnswer)
    assert (answer.key_id, answer.operation) == ("treasury-1", "rotate")


def test_what_became_of_an_order_about_a_key_is_reported_on_the_log_and_nowhere_else() -> None:
    assert outcome_of(asked_of_firm(REPORT), [firm_event(KeyProposed, REPORT), firm_event(KeyOrdered)]) is None
    with pytest.raises(TypeError, match="not over HTTP"):
        path_of(REPORT)


@pytest.mark.parametrize(
    "sent", [TRIP, RESET, POLICY, ACCESS, KEY, APPROVE, DECLINE, WITHDRAW], ids=lambda sent: sent.body.kind
)
def test_every_command_has_a_place_of_its_own_over_http(sent: FirmCommand) -> None:
    assert path_of(sent).startswith("/v1/")
    assert path_of(sent) not in {path_of(other) for other, *_ in ANSWERED if other.body.kind != sent.body.kind}


def test_a_rejection_answers_the_one_record_that_it_names() -> None:
    question = asked_of_firm(TRIP)
    rejected = firm_event(FirmCommandRejected, command_id=ID, command_hash=question.record_hash)
    assert outcome_of(question, [rejected]) is rejected
    assert outcome_of(asked_of_firm(TRIP.model_copy(update={"issued_at": 2})), [rejected]) is None
