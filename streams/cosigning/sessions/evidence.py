"""A cosigner's own reading of the log: governance from its start, and orders as soon as it holds a share of any key.

A payload is found by the hash of the `simulated` event's bytes, and judged as the enclave judges it
(`judging.evidence_reader`), from the same log, by another process. A cosigner without shares reads no orders: that would cost
as much as the enclave does, without a use. Leaves out the memory (`streams.judging`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

from schemas.events.lifecycle import Simulated
from schemas.topics import GOVERNANCE_TOPICS
from schemas.values import Instant, Sha256, Slug
from streams.judging.evidence_reader import EvidenceReader
from streams.judging.memory import SealedMemory
from streams.rules.decider import Later, Received, References
from streams.rules.evidence.dossier import EVIDENCE_TOPICS
from streams.rules.evidence.signing_verdict import Verdict
from streams.rules.firm.view import Governance
from streams.rules.governance.root import RootedGovernance
from streams.sessions.refusals import NotTakingPart, NotYet

FIRM_TOPICS: Final = GOVERNANCE_TOPICS
ORDER_TOPICS: Final = (*EVIDENCE_TOPICS, "price-observed")
SIMULATIONS_KEPT_MAX: Final = 10_000
"""For wallets whose keys are in shares: some minutes of more orders than such keys can sign."""


class Reading:
    """Yields new records and keeps the simulations among them."""

    def __init__(self, firm: References, orders: Callable[[], References]) -> None:
        """`orders` begins to read orders, from the first; it is called at most once."""
        self._firm = firm
        self._begin = orders
        self._orders: References | None = None
        self.simulated: OrderedDict[Sha256, Received] = OrderedDict()

    @property
    def reads_orders(self) -> bool:
        """Return True if orders are read as well."""
        return self._orders is not None

    def read_orders(self) -> None:
        """Read orders as well from now on."""
        self._orders = self._begin()

    def poll(self) -> Iterator[Received]:
        """Yield the records that have arrived since the last call."""
        yield from self._firm.poll()
        for received in self._orders.poll() if self._orders is not None else ():
            if isinstance(received.record, Simulated) and received.record.verdict == "passed":
                self.simulated[received.digest] = received
                if len(self.simulated) > SIMULATIONS_KEPT_MAX:
                    self.simulated.popitem(last=False)
            yield received


class Evidence:
    """The evidence that one cosigner has read."""

    def __init__(self, me: Slug, reading: Reading, root: RootedGovernance, memory: SealedMemory) -> None:
        self._me = me
        self._reading = reading
        self.memory = memory
        self.witness = EvidenceReader(reading, root, memory)

    @property
    def firm(self) -> Governance:
        """Return the firm, as far as it derives from the pinned root key."""
        return self.witness.firm

    def refresh(self) -> None:
        """Process new records. Raises NotRooted and its like: governance's records cannot be believed."""
        self.witness.refresh()
        if not self._reading.reads_orders and self._holds_shares():
            self._reading.read_orders()
            self.witness.refresh()

    def _holds_shares(self) -> bool:
        """Return True if governance has a key of which this cosigner holds a share."""
        return any(self._me in each.cosigners and each.status != "destroyed" for each in self.firm.keys.values())

    def judged(self, simulated_hash: Sha256, order_id: str, now: Instant) -> tuple[Received, Simulated, Verdict]:
        """Return the simulation of this order with this hash, and our own verdict on it, which does not refuse.

        Raises:
            NotYet: it is not here yet, or not all that it rests on.
            NotTakingPart: it is refused.
        """
        received = self._reading.simulated.get(simulated_hash)
        if received is None or not isinstance(received.record, Simulated):
            raise NotYet("no simulation with this hash has been read")
        simulated = received.record
        if simulated.order_id != order_id:
            raise NotTakingPart("session", "the simulation with this hash is of another order")
        verdict = self.witness.judged(received, simulated, now)
        if isinstance(verdict, Later):
            raise NotYet(verdict.reason)
        if verdict is None:
            raise NotTakingPart("log", f"order {order_id} is over")
        if verdict.refusal is not None:
            raise NotTakingPart(verdict.refusal.check, verdict.refusal.message, verdict.refusal.remedy)
        if older := self.memory.reached.refusal(self.witness, received.partition):
            raise NotTakingPart("log-rollback", older, "put the log back; this cosigner has seen more of it")
        return received, simulated, verdict
