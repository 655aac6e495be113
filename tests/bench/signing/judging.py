"""`signing-judge`: one verdict on an order that three people approved, beside the verifying of its four signatures alone.

Everything that is judged lies in memory, as it does in the enclave. The signatures are the floor because nobody could judge
without them: the initiator's and three approvers', each a FIDO2 assertion on P-256. Milliseconds: lower is better.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Self

from infra.settings.description import ClusterDescription
from schemas.canonical import command_digest
from schemas.commands import Command
from schemas.events.base import FirmEvent
from schemas.events.lifecycle import ApprovalGiven, OrderInitiated, Simulated
from schemas.events.observations import PriceObserved
from streams.rules.access.desk_rights import authenticate
from streams.rules.decider import Received
from streams.rules.evidence.authority import COUNTERS_UNKNOWN
from streams.rules.evidence.dossier import EVIDENCE_TOPICS, Dossier, EvidenceFold
from streams.rules.evidence.signing_verdict import judge
from streams.rules.governance.root import RootedGovernance
from streams.rules.prices.observed import Observations
from tests.bench.report import Result
from tests.bench.signing.orders import APPROVERS, WALLET, Book
from tests.world.firm.governance import PINNED
from tests.world.line.line import KeyInMemory
from tests.world.line.scenery import START, address_of

ORDERS_BEFORE: Final = 20
"""An enclave that judges has a past: limits have been used."""
VERDICTS_A_RUN: Final = 200
RUNS: Final = 5
MS_PER_SECOND: Final = 1_000


def run(_description: ClusterDescription) -> list[Result]:
    """Verdicts and signatures in turn. The first pair warms up and is not counted."""
    case = Prepared.of(Book(KeyInMemory(), address_of(WALLET), START))
    runs: dict[str, list[float]] = {"ours": [], "floor": []}
    for _ in range(1 + RUNS):
        runs["ours"].append(_milliseconds(case.judged))
        runs["floor"].append(_milliseconds(case.verified))
    note = "ours: judge, an order with three approvals; floor: the four signatures in it verified, nothing else"
    return [Result.of("signing-judge", "ms p50", {who: figures[1:] for who, figures in runs.items()}, note)]


@dataclass(frozen=True, slots=True)
class Prepared:
    """An order to be judged, with all that the enclave knows at that moment."""

    dossier: Dossier
    governance: RootedGovernance
    observations: Observations
    signed: tuple[Command, ...]
    """By the initiator, then by each approver."""
    now: int

    @classmethod
    def of(cls, book: Book) -> Self:
        """The last of some orders, read from the log as the enclave reads it."""
        for _ in range(ORDERS_BEFORE):
            book.order(approvals=True)
        last = book.order(approvals=True)
        known = book.line.records[: book.line.records.index(last) + 1]
        evidence, governance, observations = _read(known)
        assert isinstance(last.record, Simulated)
        dossier = evidence.dossier(last, last.record)
        assert dossier is not None, "all of its links are there"
        (initiated,) = dossier.all(OrderInitiated)
        given = dossier.all(ApprovalGiven)
        assert len(given) == len(APPROVERS), "every one of them signed"
        signed = (initiated.command, *(each.command for each in given))
        return cls(dossier, governance, observations, signed, book.line.now)

    def judged(self) -> None:
        """One verdict, which must be a good one."""
        verdict = judge(self.dossier, self.governance, self.observations.by_offset, self.now)
        assert verdict.refusal is None, verdict.refusal

    def verified(self) -> None:
        """Each signature, of whom it says it is."""
        firm = self.governance.view
        assert firm.policy is not None, "the firm was founded with one"
        for command in self.signed:
            authenticate(command, command_digest(command), firm, firm.policy.settings, COUNTERS_UNKNOWN)


def _read(known: Sequence[Received]) -> tuple[EvidenceFold, RootedGovernance, Observations]:
    evidence, governance, observations = EvidenceFold(), RootedGovernance(PINNED), Observations()
    for each in known:
        if isinstance(each.record, FirmEvent):
            governance.accept(each.record)
        elif isinstance(each.record, PriceObserved):
            observations.accept(each.record, each.offset)
        elif each.topic in EVIDENCE_TOPICS:
            evidence.accept(each)
    return evidence, governance, observations


def _milliseconds(once: Callable[[], None]) -> float:
    """The median of many, without what collecting garbage of others would add."""
    taken = []
    gc.disable()
    for _ in range(VERDICTS_A_RUN):
        begun = time.perf_counter()
        once()
        taken.append(time.perf_counter() - begun)
    gc.enable()
    return median(taken) * MS_PER_SECOND
