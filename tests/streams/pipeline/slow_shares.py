"""Keys of a run: one in a token, and one in shares, whose holders claim at once and answer late, or finally refuse.

They stand for a quorum: one memory, never lost, which learns from the log and refuses by the rule of all signers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Final

from schemas.events.lifecycle import Signed, SigningRefused
from schemas.values import Instant
from streams.rules.decider import References
from streams.rules.evidence.memory.payloads import payload_of
from streams.rules.evidence.memory.reached import Reached
from streams.signing.backends.contract import KeyUnusable, Made, Pending, Task
from tests.world.line.line import KeyInMemory
from tests.world.line.signer_memory import JournalInMemory, memory_on

LEARNED: Final = ("signed", "signing-refused")
LATENESS_MICROS_MAX: Final = 4_000_000
REFUSAL_RATE: Final = 0.3
"""Of what some have signed already, perhaps."""


class SlowShares(KeyInMemory):
    """`answers` counts what came of what was asked of the holders of shares."""

    def __init__(self, log: References, random: Random, clock: Callable[[], Instant]) -> None:
        super().__init__()
        self.answers: Counter[str] = Counter()
        self._log, self._random, self._clock = log, random, clock
        self._memory = memory_on(JournalInMemory())
        self._ready_at: dict[bytes, Instant] = {}

    def sign(self, task: Task) -> Made | Pending:  # type: ignore[override]  # those who share a key may be waited for
        if task.backend != "mpc":
            return super().sign(task)
        for received in self._log.poll():
            if isinstance(received.record, Signed):
                self._memory.learn(received.record)
            elif isinstance(received.record, SigningRefused):
                self._memory.learn_refusal(received.record)
        now = self._clock()
        payload = payload_of(task.simulated, "mpc", Decimal(0), now)
        refusal = self._memory.refusal(payload, now)
        if refusal is None:
            self._memory.claim(payload, Reached())
        if now < self._ready_at.setdefault(task.digest, now + self._random.randrange(1, LATENESS_MICROS_MAX)):
            self.answers["waits"] += 1
            return Pending("those who hold shares")
        if refusal is not None:
            self.answers["refuses"] += 1
            raise KeyUnusable(refusal.message, refusal.check)
        if self._random.random() < REFUSAL_RATE:
            self.answers["refuses late"] += 1
            raise KeyUnusable("too few of them are left", "velocity")
        self.answers["signs over a claim" if task.simulated.overtakes else "signs"] += 1
        return super().sign(task)
