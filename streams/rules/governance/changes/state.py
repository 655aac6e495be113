"""Holds governance's state: the fold of its own events, and of nothing else (architecture, rule 2).

The firm in force is the same view that every reader has. Beside it, only facts that can still matter: open proposals, the
ends of the last ones, ids of commands that could be sent again, and the last counter of each FIDO2 key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Annotated, Any, Final

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from schemas.events.base import FirmEvent
from schemas.events.facts import ApprovalFact
from schemas.events.governance import (
    AccessChanged,
    AccessProposed,
    AssetListed,
    BreakerTripped,
    ContractListed,
    GenesisAccepted,
    PolicyActivated,
    PolicyProposed,
    ProposalId,
    ResetProposed,
    WalletAssigned,
)
from schemas.events.keys import CosignerEnrolled, KeyProposed
from schemas.values import MICROS_PER_SECOND, CommandId, Instant, PrincipalId, Sha256
from streams.rules.access.freshness import COMMAND_AGE_SECONDS_MAX, COMMAND_SKEW_SECONDS_MAX
from streams.rules.access.sender import Given
from streams.rules.firm.keys import KEY_EVENTS
from streams.rules.firm.view import Governance, Tables

REMEMBERED_SECONDS: Final = 30 * 86_400
"""Seconds for which an id of a command stays spent."""
REMEMBERED_COMMANDS_MAX: Final = 20_000
"""Ids remembered: beyond it the oldest are forgotten, but never while their commands could be sent again."""
CLOSED_REMEMBERED_MAX: Final = 1_000
"""Closed proposals remembered with their end, so that a late decision gets an exact refusal."""
PROPOSALS_OPEN_MAX: Final = 100

Proposed = PolicyProposed | ResetProposed | AccessProposed | KeyProposed

_IN_FORCE: Final = {
    kind.__name__: kind
    for kind in (
        GenesisAccepted,
        PolicyActivated,
        AccessChanged,
        AssetListed,
        WalletAssigned,
        ContractListed,
        BreakerTripped,
        CosignerEnrolled,
        *KEY_EVENTS,
    )
}


def _to_events(tables: Tables) -> dict[str, Any]:
    """Return the events that put in force the present firm: a snapshot's whole content."""
    view = tables.view
    single = [event for event in (view.genesis, view.policy) if event is not None]
    many = (view.principals, view.assets, view.wallets, view.contracts, view.breakers, view.cosigners)
    of_keys = (standing.history for standing in view.keys.values())
    events: Iterator[FirmEvent] = chain(single, *(table.values() for table in many), *of_keys)
    return {"position": view.position, "events": [[type(event).__name__, event.model_dump(mode="json")] for event in events]}


def _from_events(content: Any) -> Tables:
    tables = Tables(Governance())
    for event in sorted((_IN_FORCE[kind].model_validate(fields) for kind, fields in content["events"]), key=_position_of):
        tables.apply(event)
    return tables.moved_to(content["position"])


def _position_of(event: FirmEvent) -> int:
    return event.position


InForce = Annotated[
    Tables,
    PlainValidator(_from_events),
    PlainSerializer(_to_events),
    WithJsonSchema({"title": "events that put in force what is", "type": "object"}),
]


@dataclass(slots=True)
class OpenProposal:
    """A proposal that has not closed."""

    proposed: Proposed
    approvals: list[Given] = field(default_factory=list)

    @property
    def excluded(self) -> frozenset[PrincipalId]:
        """Return the principals who may not decide it: its proposer and its subject."""
        about = {self.proposed.principal} if isinstance(self.proposed, AccessProposed) else set()
        return frozenset(about | {self.proposed.proposer})


@dataclass(frozen=True, slots=True)
class Spent:
    """The use of a command's id, and its time."""

    content: Sha256
    at: Instant


@dataclass(slots=True)
class GovernanceState:
    """The firm, and the proposals to change it."""

    in_force: InForce = field(default_factory=lambda: Tables(Governance()))
    proposals: dict[ProposalId, OpenProposal] = field(default_factory=dict)
    """Open proposals, oldest first."""
    closed: dict[ProposalId, str] = field(default_factory=dict)
    """The ends of the last closed proposals, in words."""
    spent: dict[CommandId, Spent] = field(default_factory=dict)
    """Oldest first."""
    counters: dict[str, int] = field(default_factory=dict)
    """Per FIDO2 credential id, the highest counter it has shown to governance."""

    @property
    def firm(self) -> Governance:
        """Return the firm in force. A view that was taken never changes."""
        return self.in_force.view

    def remember(self, command_id: CommandId, content: Sha256, now: Instant) -> None:
        """Spend an id, and forget ids spent long ago."""
        self.spent[command_id] = Spent(content, now)
        while self._can_forget(next(iter(self.spent.values())), now):
            del self.spent[next(iter(self.spent))]

    def _can_forget(self, oldest: Spent, now: Instant) -> bool:
        age_seconds = (now - oldest.at) // MICROS_PER_SECOND
        if len(self.spent) > REMEMBERED_COMMANDS_MAX:
            return age_seconds > COMMAND_AGE_SECONDS_MAX + COMMAND_SKEW_SECONDS_MAX
        return age_seconds > REMEMBERED_SECONDS

    def close(self, proposal_id: ProposalId, how: str) -> None:
        """Drop a proposal, remember its end, and forget the oldest ends."""
        del self.proposals[proposal_id]
        self.closed[proposal_id] = how
        while len(self.closed) > CLOSED_REMEMBERED_MAX:
            del self.closed[next(iter(self.closed))]


def standing(given: Sequence[Given], firm: Governance) -> Iterator[ApprovalFact]:
    """Yield the approvals that still count: by people with access, with the key they used, in roles they still have."""
    for each in given:
        access = firm.active(each.principal)
        if access is None or each.credential_id not in {key.credential_id for key in access.credentials}:
            continue
        if roles := [role for role in each.roles if role in access.roles]:
            yield ApprovalFact(principal=each.principal, site=access.site, roles=roles)
