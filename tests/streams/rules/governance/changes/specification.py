"""Given, when, then: governance on its one partition, with the engine's own chaining under it.

    given(trip("rita", "desk", "newswap")).when(propose_reset("rita", "desk", "newswap")).then("reset-proposed")

People sign with their own keys. After every step the log is read back through Avro and folded again: what governance knows
must be exactly what its events say, also through a snapshot, and the enclave must come to believe every event of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeVar

from pydantic import TypeAdapter

from schemas import wire
from schemas.canonical import firm_command_digest
from schemas.events.base import FirmEvent
from schemas.events.governance import FirmCommandRejected, Proposed
from schemas.firm import Access, BreakerScope, BreakerState
from schemas.firm_commands import (
    ApproveProposal,
    DeclineProposal,
    FirmBody,
    FirmCommand,
    ProposeAccess,
    ProposePolicy,
    ProposeReset,
    TripBreaker,
    WithdrawProposal,
)
from schemas.hash_chain import digest_of
from streams.engine.partition import Partition
from streams.governance.process import processor
from streams.rules.chaining import ChainedEvent
from streams.rules.decider import Received, Recorded
from streams.rules.firm.view import Governance
from streams.rules.governance import founding
from streams.rules.governance.changes.state import GovernanceState
from streams.rules.governance.genesis import SignedGenesis
from streams.rules.governance.root import RootedGovernance
from streams.rules.refusals.base import Refused
from tests.world.firm import governance as firm
from tests.world.firm.desk import Fido2Key, MachineKey

SECOND: Final = 1_000_000
FOUNDED: Final = 1_760_000_000 * SECOND
START: Final = FOUNDED + 3_600 * SECOND
NAMES: Final = uuid.UUID("00000000-0000-4000-8000-000000000002")
SYSTEMS: Final = ("treasury-bot", "detectors", "custodian")
_STATE: Final = TypeAdapter(GovernanceState)

E = TypeVar("E", bound=FirmEvent)
Step = Callable[["Specification"], Received]


def named(name: str) -> str:
    """The command id behind a short name."""
    return str(uuid.uuid5(NAMES, name))


@dataclass
class Specification:
    """Governance, its log, and what the last step led to."""

    genesis: SignedGenesis = field(default_factory=firm.genesis)
    now: int = START
    log: list[ChainedEvent] = field(default_factory=list)
    outcome: list[ChainedEvent] = field(default_factory=list)
    keys: dict[str, Fido2Key] = field(default_factory=dict)
    sent: int = 0
    proposed: Proposed | None = None
    """The last proposal."""

    def __post_init__(self) -> None:
        self.log = list(founding.decide(self.genesis, (), FOUNDED))
        self.partition: Partition[GovernanceState, Received] = self.read_back()
        self.enclave = RootedGovernance(firm.PINNED)
        for chained in self.log:
            self.enclave.accept(event_of(chained))

    # Steps ----------------------------------------------------------------------------------------------------------

    def given(self, *steps: Step) -> Self:
        """Sets the history."""
        for step in steps:
            self.when(step)
            assert self.outcome, "what is given must lead to something"
            assert not isinstance(self.outcome[0].recorded.event, FirmCommandRejected), self.last_outcome()
        return self

    def when(self, step: Step) -> Self:
        """One more command."""
        return self._take(self.partition.offer(step(self), self.now))

    def after(self, seconds: float) -> Self:
        """Time passes, and the clock is looked at."""
        self.now += int(seconds * SECOND)
        return self._take(self.partition.tick(self.now))

    # Expectations -----------------------------------------------------------------------------------------------------

    def then(self, *topics: str) -> Self:
        """The last step led to events on exactly these topics, in this order."""
        assert tuple(chained.topic for chained in self.outcome) == topics, self.last_outcome()
        return self

    def then_nothing(self) -> Self:
        """The last step was worth no event."""
        return self.then()

    def then_rejected(self, refusal: type[Refused], *words: str) -> Self:
        """The command was refused by this check, in these words, and the sender is told what would help."""
        self.then("firm-command-rejected")
        event = self.only(FirmCommandRejected)
        assert event.refusal.check == refusal.check, self.last_outcome()
        assert event.refusal.remedy
        for word in words:
            assert word in event.refusal.message, self.last_outcome()
        return self

    def only(self, kind: type[E]) -> E:
        """The one event of a kind that the last step led to."""
        found = [chained.recorded.event for chained in self.outcome if isinstance(chained.recorded.event, kind)]
        assert len(found) == 1, self.last_outcome()
        return found[0]

    @property
    def firm(self) -> Governance:
        """The firm in force."""
        return self.partition.state.firm

    @property
    def proposal(self) -> Proposed:
        """The last proposal that was made."""
        assert self.proposed is not None
        return self.proposed

    def last_outcome(self) -> str:
        return "\n".join(f"{chained.topic}: {chained.recorded.event}" for chained in self.outcome) or "nothing"

    # How -------------------------------------------------------------------------------------------------------------

    def command(self, by: str, body: FirmBody, name: str = "", **changes: Any) -> FirmCommand:
        """A command, signed by `by` with their own key."""
        self.sent += 1
        signer = changes.pop("signer", by)
        fields: dict[str, Any] = {
            "command_id": named(name or f"command {self.sent}"),
            "principal": by,
            "issued_at": self.now,
            "body": body,
            "authorization": MachineKey("none").confirm(b""),
        }
        unsigned = FirmCommand.model_validate(fields | changes)
        digest = firm_command_digest(unsigned)
        if signer in SYSTEMS:
            return unsigned.model_copy(update={"authorization": MachineKey(signer).confirm(digest)})
        key = self.keys.setdefault(signer, Fido2Key(signer))
        challenge = bytes.fromhex(body.proposal_hash) if isinstance(body, ApproveProposal) else digest
        return unsigned.model_copy(update={"authorization": key.confirm(challenge)})

    def received(self, command: FirmCommand) -> Received:
        """A command as it comes from its topic, through its bytes."""
        value = wire.encode(command)
        self.sent += 1
        record = wire.decode("firm-commands", value)
        return Received("firm-commands", 0, self.sent, b"firm", value, digest_of(value), record)

    def read_back(self) -> Partition[GovernanceState, Received]:
        """Governance restored from its log."""
        partition: Partition[GovernanceState, Received] = Partition(processor(), 0)
        for chained in reversed(self.log):
            partition.replay(Recorded(chained.topic, event_of(chained), digest_of(chained.value)), "", 0)
        partition.replayed()
        return partition

    def _take(self, outcome: list[ChainedEvent]) -> Self:
        self.outcome = outcome
        self.log += outcome
        for chained in outcome:
            event = event_of(chained)
            assert event == chained.recorded.event
            self.enclave.accept(event)
            if isinstance(event, Proposed):
                self.proposed = event
        if outcome:
            assert visible(self.read_back().state) == visible(self.partition.state)
            assert visible(_STATE.validate_json(_STATE.dump_json(self.partition.state))) == visible(self.partition.state)
        assert self.enclave.view == self.firm
        return self


def visible(state: GovernanceState) -> tuple[Any, ...]:
    return state.firm, state.proposals, state.closed, state.spent, state.counters


def event_of(chained: ChainedEvent) -> FirmEvent:
    """The event as a reader decodes it."""
    event = wire.decode(chained.topic, chained.value)
    assert isinstance(event, FirmEvent)
    return event


def given(*steps: Step, **changes: Any) -> Specification:
    """The firm with `changes` to its genesis document, after some steps."""
    return Specification(firm.genesis(**changes)).given(*steps)


def step(by: str, body: Callable[[Specification], FirmBody], **changes: Any) -> Step:
    """A command of `by`, with what the specification has come to in view."""
    return lambda spec: spec.received(spec.command(by, body(spec), **changes))


def trip(by: str, scope: BreakerScope, subject: str, state: BreakerState = "open", **changes: Any) -> Step:
    return step(by, lambda _: TripBreaker(scope=scope, subject=subject, state=state, reason="prices diverge"), **changes)


def propose_reset(by: str, scope: BreakerScope = "desk", subject: str = "newswap", **changes: Any) -> Step:
    return step(by, lambda _: ProposeReset(scope=scope, subject=subject, reason="prices agree again"), **changes)


def policy_proposal(**changes: Any) -> ProposePolicy:
    """The firm's own policy with some of it replaced."""
    policy = firm.policy(**changes)
    return ProposePolicy(
        cedar=policy.cedar,
        cedar_schema=policy.cedar_schema,
        limits=policy.limits,
        settings=policy.settings,
        reason="a review",
    )


LOWER: Final = {"limits": [firm.limit("single", cap_usd="500000")]}


def propose_policy(by: str, changes: dict[str, Any] | None = None, **how: Any) -> Step:
    return step(by, lambda _: policy_proposal(**(LOWER if changes is None else changes)), **how)


def access(principal: str, *roles: str, **changes: Any) -> Access:
    """The rights of a person with their own key."""
    person = firm.person(principal, *roles)
    return Access.model_validate({**dict(person), "kind": "person", "status": "active", "signing_keys": []} | changes)


def propose_access(by: str, rights: Access, **how: Any) -> Step:
    return step(by, lambda _: ProposeAccess(access=rights, reason="a review"), **how)


def approve(by: str, **changes: Any) -> Step:
    """Agree to the last proposal, or to what `changes` say."""
    how = {key: changes.pop(key) for key in ("name", "signer") if key in changes}

    def body(spec: Specification) -> ApproveProposal:
        asked = {"proposal_id": spec.proposal.proposal_id, "proposal_hash": spec.proposal.proposal_hash}
        return ApproveProposal.model_validate(asked | changes)

    return step(by, body, **how)


def decline(by: str, **how: Any) -> Step:
    return step(by, lambda spec: DeclineProposal(proposal_id=spec.proposal.proposal_id, reason="not yet"), **how)


def withdraw(by: str, reason: str = "", **how: Any) -> Step:
    return step(by, lambda spec: WithdrawProposal(proposal_id=spec.proposal.proposal_id, reason=reason), **how)
