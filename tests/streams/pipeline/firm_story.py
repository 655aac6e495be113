"""Scripts a run's commands to governance: breakers trip and reset, rights and limits change while orders are under way."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Final

from schemas.canonical import firm_command_digest
from schemas.events.governance import (
    AccessProposed,
    FirmCommandRejected,
    PolicyProposed,
    ProposalClosed,
    Proposed,
    ResetProposed,
)
from schemas.examples import example
from schemas.firm import EVERYBODY, BreakerScope, BreakerState
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
from schemas.topics import FIRM_KEY, GOVERNANCE_TOPICS
from streams.rules.firm.view import Governance, GovernanceFold
from tests.streams.pipeline.world import World
from tests.world.firm.desk import Fido2Key

BREAKERS: Final[tuple[tuple[BreakerScope, str], ...]] = (
    ("firm", EVERYBODY),
    ("desk", "newswap"),
    ("wallet", "treasury-1"),
    ("asset", "USDC"),
)
STATES: Final[tuple[BreakerState, ...]] = ("reducing", "open")
PROPOSER: Final = "sven"
QUORUM: Final = ("cora", "carl")
ROUNDS_MAX: Final = 60
STEPS_OF_A_ROUND: Final = 30


class FirmStory:
    """The officers of one run."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = world.random
        self.sent: dict[str, FirmCommand] = {}
        self.acts: tuple[Callable[[], None], ...] = (self._trip, self._propose, self._agree, self._agree, self._object)

    def resume(self) -> None:
        """Resets every breaker, so that the run can end."""
        for _ in range(ROUNDS_MAX):
            self._work()
            if not self._firm().breakers and self.sent.keys() <= self._answered():
                return
            for scope, subject in self._firm().breakers:
                self._send(ProposeReset(scope=scope, subject=subject, reason="the run is over"), PROPOSER)
            self._work()
            for proposed in self._pending():
                for by in QUORUM:
                    self._approve(proposed, by)
            self._work()
        raise AssertionError(f"seed {self.world.seed}: what was stopped could not be started again")

    # Acts -------------------------------------------------------------------------------------------------------------

    def _trip(self) -> None:
        scope, subject = self.random.choice(BREAKERS)
        self._send(TripBreaker(scope=scope, subject=subject, state=self.random.choice(STATES), reason="alarm"), "rita")

    def _propose(self) -> None:
        firm = self._firm()
        policy, rita = firm.policy, firm.principals["rita"]
        assert policy is not None
        match self.random.randrange(6):
            case 0 | 1 | 2 if firm.breakers:
                scope, subject = self.random.choice(sorted(firm.breakers))
                self._send(ProposeReset(scope=scope, subject=subject, reason="all is well"), PROPOSER)
            case 3:
                other = "active" if rita.status == "revoked" else "revoked"
                fields = {name: getattr(rita, name) for name in ProposeAccess.model_fields["access"].annotation.model_fields}  # type: ignore[union-attr]
                self._send(ProposeAccess.model_validate({"access": fields | {"status": other}, "reason": "moved"}), PROPOSER)
            case _:
                limits = [limit.model_copy(update={"cap_usd": limit.cap_usd * 9 // 10}) for limit in policy.limits]
                body = ProposePolicy(
                    cedar=policy.cedar,
                    cedar_schema=policy.cedar_schema,
                    limits=limits,
                    settings=policy.settings,
                    reason="less",
                )
                self._send(body, PROPOSER)

    def _agree(self) -> None:
        pending = self._pending()
        if pending:
            self._approve(self.random.choice(pending), self.random.choice((*QUORUM, "rita", PROPOSER)))

    def _object(self) -> None:
        pending = self._pending()
        if pending:
            proposal_id = self.random.choice(pending).proposal_id
            if self.random.random() < 0.5:
                self._send(DeclineProposal(proposal_id=proposal_id, reason="no"), self.random.choice(QUORUM))
            else:
                self._send(WithdrawProposal(proposal_id=proposal_id), PROPOSER)

    # How --------------------------------------------------------------------------------------------------------------

    def _approve(self, proposed: Proposed, by: str) -> None:
        self._send(ApproveProposal(proposal_id=proposed.proposal_id, proposal_hash=proposed.proposal_hash), by)

    def _send(self, body: FirmBody, by: str) -> None:
        name = f"firm/{self.world.seed}/{len(self.sent)}"
        unsigned = FirmCommand(
            command_id=str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
            principal=by,
            issued_at=self.world.log.now,
            body=body,
            authorization=example(FirmCommand).authorization,
        )
        signed = bytes.fromhex(body.proposal_hash) if isinstance(body, ApproveProposal) else firm_command_digest(unsigned)
        key = self.world.people.keys.setdefault(by, Fido2Key(by))
        command = unsigned.model_copy(update={"authorization": key.confirm(signed)})
        self.sent[command.command_id] = command
        self.world.log.publish(command, FIRM_KEY)

    def _firm(self) -> Governance:
        fold = GovernanceFold()
        for recorded in self.world.log.events(*GOVERNANCE_TOPICS):
            fold.accept(recorded.event)  # type: ignore[arg-type]
        return fold.view

    def _answered(self) -> set[str]:
        """Commands that nothing more comes of: an alarm may still be on its way."""
        events = [recorded.event for recorded in self.world.log.events(*GOVERNANCE_TOPICS)]
        rejected = {event.command_id for event in events if isinstance(event, FirmCommandRejected)}
        return rejected | {event.causation_id for event in events}

    def _pending(self) -> list[Proposed]:
        events = [recorded.event for recorded in self.world.log.events(*GOVERNANCE_TOPICS)]
        closed = {event.proposal_id for event in events if isinstance(event, ProposalClosed)}
        proposed = [event for event in events if isinstance(event, PolicyProposed | ResetProposed | AccessProposed)]
        return [event for event in proposed if event.proposal_id not in closed]

    def _work(self) -> None:
        for _ in range(STEPS_OF_A_ROUND):
            self.world.step()
