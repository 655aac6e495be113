"""The only place that names topics: what is on each, how it is keyed, and the one principal that may write it.

Only the topics of commands and of cosigners' sessions have several writers: what is on them is trusted for nothing but its
signatures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from schemas import sessions
from schemas.commands import Command
from schemas.events import answers, governance, keys, lifecycle, observations
from schemas.events.base import OrderEvent
from schemas.firm_commands import FirmCommand
from schemas.values import Record

DESK_PARTITIONS: Final = 6
"""All desk-keyed topics have as many, so that one process owns everything of a desk (architecture, rule 4)."""

Principal = Literal[
    "gateway",
    "governance",
    "desk",
    "execution",
    "signer",
    "broadcast",
    "settlement",
    "prices",
    "projector",
    "client",
    "system",
    "detectors",
    "custodian",
    "cosigner-1",
    "cosigner-2",
    "cosigner-3",
    "cosigner-4",
    "cosigner-5",
]
Key = Literal["desk_id", "firm", "asset_id", "partition", "session_id"]
FIRM_KEY: Final = "firm"
COSIGNERS: Final[tuple[Principal, ...]] = ("cosigner-1", "cosigner-2", "cosigner-3", "cosigner-4", "cosigner-5")
"""Each its own process, with its own Kafka principal, secrets, token and state."""
SESSION_HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic's contract. `record` is None only for snapshots, which are the engine's own bytes."""

    name: str
    record: type[Record] | None
    key: Key
    writers: tuple[Principal, ...]
    partitions: int
    compacted: bool = False
    retention_hours: int | None = None
    """None: for ever. Only transport, which no decision is derived from, is ever deleted."""

    @property
    def subject(self) -> str:
        """The name under which a Schema Registry knows the topic's values."""
        return f"{self.name}-value"


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def _desk(writer: Principal, *records: type[Record]) -> list[Topic]:
    return [Topic(_kebab(r.__name__), r, "desk_id", (writer,), DESK_PARTITIONS) for r in records]


def _firm(*records: type[Record]) -> list[Topic]:
    return [Topic(_kebab(r.__name__), r, "firm", ("governance",), 1) for r in records]


def snapshots(writer: Principal) -> Topic:
    """Where a processor keeps snapshots of its state, one key per input partition."""
    return Topic(f"snapshots-{writer}", None, "partition", (writer,), DESK_PARTITIONS, compacted=True)


_ALL: Final = [
    Topic("commands", Command, "desk_id", ("gateway", "system"), DESK_PARTITIONS),
    Topic("firm-commands", FirmCommand, "firm", ("gateway", "detectors", "custodian"), 1),
    Topic("request-refused", answers.RequestRefused, "partition", ("gateway",), 1),
    *_desk(
        "desk",
        *get_args(lifecycle.DeskLink),
        lifecycle.ApprovalWithdrawn,
        lifecycle.CancellationRequested,
        answers.CommandRejected,
        answers.OrderTried,
        answers.LimitBreached,
        answers.Quarantined,
    ),
    *_desk("execution", lifecycle.Simulated, answers.NonceResolved),
    *_desk("signer", lifecycle.Signed, lifecycle.SigningRefused),
    *_desk("broadcast", lifecycle.Broadcast),
    *_desk("settlement", lifecycle.Confirmed, lifecycle.Reverted),
    *_firm(
        governance.GenesisAccepted,
        governance.AccessChanged,
        governance.AssetListed,
        governance.WalletAssigned,
        governance.ContractListed,
        governance.PolicyActivated,
        governance.BreakerTripped,
        governance.BreakerReset,
        governance.PolicyProposed,
        governance.ResetProposed,
        governance.AccessProposed,
        governance.ProposalApproved,
        governance.ProposalClosed,
        governance.FirmCommandRejected,
        keys.CosignerEnrolled,
        keys.KeyProposed,
        keys.KeyOrdered,
        keys.KeyGenerated,
        keys.KeyRotated,
        keys.KeySuspended,
        keys.KeyResumed,
        keys.KeyDestroyed,
        keys.KeyFailed,
        keys.RotationDue,
    ),
    Topic("session-opened", sessions.SessionOpened, "session_id", ("signer", "custodian"), 1, retention_hours=SESSION_HOURS),
    Topic("cosigner-message", sessions.CosignerMessage, "session_id", COSIGNERS, 1, retention_hours=SESSION_HOURS),
    Topic("price-observed", observations.PriceObserved, "asset_id", ("prices",), 1),
    snapshots("desk"),
    snapshots("execution"),
    snapshots("signer"),
    snapshots("broadcast"),
    snapshots("settlement"),
    snapshots("governance"),
]

TOPICS: Final = MappingProxyType({topic.name: topic for topic in _ALL})
TOPIC_OF: Final = MappingProxyType({topic.record: topic for topic in _ALL if topic.record is not None})

GOVERNANCE_TOPICS: Final = tuple(t.name for t in _ALL if t.writers == ("governance",) and t.record is not None)
ORDER_TOPICS: Final = tuple(t.name for t in _ALL if t.record is not None and issubclass(t.record, OrderEvent))


def written_by(writer: Principal) -> tuple[Topic, ...]:
    """The topics of records (not snapshots) that `writer` may write."""
    return tuple(t for t in _ALL if writer in t.writers and t.record is not None)
