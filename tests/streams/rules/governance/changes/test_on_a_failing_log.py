"""Governance on a log that fails: crashes, repetitions, zombies. The final log is judged from its bytes."""

from __future__ import annotations

from random import Random

import pytest

from schemas.canonical import proposal_digest, proposal_id
from schemas.events.base import FirmEvent
from schemas.events.governance import (
    BreakerReset,
    BreakerTripped,
    FirmCommandRejected,
    GenesisAccepted,
    ProposalApproved,
    ProposalClosed,
    ResetProposed,
)
from schemas.firm_commands import (
    ApproveProposal,
    DeclineProposal,
    FirmBody,
    FirmCommand,
    ProposeReset,
    TripBreaker,
    WithdrawProposal,
)
from schemas.topics import FIRM_KEY, GOVERNANCE_TOPICS
from streams.engine.simulated import Entry, SimulatedLog
from streams.governance.process import processor
from streams.rules.governance import founding
from streams.rules.governance.derivation import Derivation
from tests.streams.rules.governance.changes.specification import FOUNDED, Specification
from tests.world.firm import governance as firm

SEEDS = range(30)
COMMANDS = 50
PEOPLE = ("rita", "cora", "carl", "sven", "paula")
SUBJECTS = (("desk", "newswap"), ("firm", "*"), ("wallet", "treasury-9"))


class Story:
    """Random commands of people and of the detectors, about a few breakers and about the proposals so far."""

    def __init__(self, seed: int, now: int) -> None:
        self.random = Random(seed)
        self.spec = Specification(now=now)
        self.proposals: list[FirmCommand] = []

    def next(self, now: int) -> FirmCommand:
        self.spec.now = now
        by = self.random.choice(PEOPLE)
        scope, subject = self.random.choice(SUBJECTS)
        about = self.random.choice(self.proposals[-2:]) if self.proposals else None
        kind = self.random.choice((*["trip"] * 3, *["propose"] * 2, *["approve"] * 5, "decline", "withdraw"))
        if kind == "propose" or (about is None and kind != "trip"):
            command = self.spec.command(by, ProposeReset.model_validate({"scope": scope, "subject": subject, "reason": "over"}))
            self.proposals.append(command)
            return command
        if kind == "trip":
            state = self.random.choice(("reducing", "open"))
            trip = TripBreaker.model_validate({"scope": scope, "subject": subject, "state": state, "reason": "a rumour"})
            return self.spec.command(self.random.choice((by, "detectors")), trip)
        assert about is not None
        return self.spec.command(by, _about(about, kind))


def _about(proposed: FirmCommand, kind: str) -> FirmBody:
    identity = proposal_id(proposed)
    if kind == "approve":
        digest = proposal_digest(identity, proposed.principal, proposed.body).hex()
        return ApproveProposal(proposal_id=identity, proposal_hash=digest)
    if kind == "decline":
        return DeclineProposal(proposal_id=identity, reason="not yet")
    return WithdrawProposal(proposal_id=identity)


def run(seed: int) -> tuple[SimulatedLog, list[FirmCommand]]:
    log = SimulatedLog(seed, now=FOUNDED)
    for chained in founding.decide(firm.genesis(), (), FOUNDED):
        log.publish_bytes(chained.topic, Entry(chained.key, chained.value))
    log.run(processor)
    story = Story(seed, log.now)
    sent = []
    for _ in range(COMMANDS):
        sent.append(story.next(log.now))
        log.publish(sent[-1], FIRM_KEY)
        for _ in range(story.random.randrange(3)):
            log.step()
    log.settle()
    return log, sent


def written(log: SimulatedLog) -> list[FirmEvent]:
    events = [recorded.event for recorded in log.events(*GOVERNANCE_TOPICS)]
    return [event for event in events if isinstance(event, FirmEvent)]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_command_has_one_outcome_and_the_enclave_believes_all_of_it(seed: int) -> None:
    log, sent = run(seed)
    events = written(log)
    derivation = Derivation(firm.PINNED)
    for event in events:
        derivation.believe(event)
    answers = [event.causation_id for event in events if event.position > first_answer(events)]
    begun = [event for event in events if event.causation_id in {command.command_id for command in sent}]
    assert {command.command_id for command in sent} == {event.causation_id for event in begun}
    for command in sent:
        places = [place for place, cause in enumerate(answers) if cause == command.command_id]
        assert places == list(range(places[0], places[0] + len(places))), f"seed {seed}: answered twice"
    check_resets(seed, events)


def first_answer(events: list[FirmEvent]) -> int:
    genesis = next(event for event in events if isinstance(event, GenesisAccepted))
    return sum(event.causation_id == genesis.causation_id for event in events)


def check_resets(seed: int, events: list[FirmEvent]) -> None:
    """Nothing that was stopped went on without two others agreeing."""
    proposed = {event.proposal_id: event for event in events if isinstance(event, ResetProposed)}
    approved: dict[str, set[str]] = {}
    for event in events:
        if isinstance(event, ProposalApproved):
            approved.setdefault(event.proposal_id, set()).add(event.approver)
        if isinstance(event, BreakerReset):
            agreed = approved[event.proposal_id] - {proposed[event.proposal_id].proposer}
            assert len(agreed) >= 2, f"seed {seed}"


@pytest.mark.slow
def test_the_stories_have_all_that_can_happen_in_them() -> None:
    seen: set[type[FirmEvent]] = set()
    reasons: set[str] = set()
    faults: set[str] = set()
    for seed in SEEDS:
        log, _ = run(seed)
        faults |= set(log.faults)
        for event in written(log):
            seen.add(type(event))
            if isinstance(event, ProposalClosed):
                reasons.add(event.reason)
    assert {BreakerTripped, BreakerReset, ResetProposed, ProposalApproved, ProposalClosed, FirmCommandRejected} <= seen
    assert reasons == {"enacted", "declined", "withdrawn", "outdated"}
    assert faults == {"crash before commit", "crash after commit", "duplicate", "zombie", "fenced"}
