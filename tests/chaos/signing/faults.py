"""Faults of signing, from a seed: the enclave and cosigners are killed and stopped, tokens are taken away and given back.

The supervisor is the one that `make up` uses, and brings back whoever dies. A token that is away is a folder under another
name: whoever had it open is killed, so that it must open it anew and cannot, until the folder is back. Faults fall on one
another: now and then fewer cosigners are left than a signature takes, and orders wait.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, Literal

from infra.local_cluster.local import Cluster
from schemas.topics import COSIGNERS

Kind = Literal["kill-enclave", "pause-enclave", "kill-cosigner", "pause-cosigner", "take-token"]
WEIGHTS: Final[dict[Kind, int]] = {
    "kill-enclave": 25,
    "pause-enclave": 10,
    "kill-cosigner": 35,
    "pause-cosigner": 15,
    "take-token": 15,
}
ENCLAVE: Final = "signer"
PAUSE_SECONDS: Final = 8.0
"""Longer than a worker's session: the group gives its partitions up, and then it wakes."""
TOKEN_AWAY_SECONDS: Final = 5.0
TOKENS: Final = "tokens"
AWAY: Final = "tokens-away"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, with when it struck."""

    kind: Kind
    victim: str
    at: float


@dataclass(slots=True)
class Faults:
    """Faults for the signers of one cluster."""

    cluster: Cluster
    random: Random
    struck: list[Fault] = field(default_factory=list)
    _paused: dict[str, tuple[int, float]] = field(default_factory=dict)
    """By victim: its process id, and until when."""
    _taken: dict[str, float] = field(default_factory=dict)
    """By victim: until when its token is away."""

    def strike(self) -> Fault | None:
        """Let one thing happen, drawn from all; None when it cannot happen now."""
        kind: Kind = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        victim = self.random.choice(self._candidates(kind))
        pid = next((each.pid for each in self.cluster.running() if each.name == victim), 0)
        if not pid or victim in self._paused or victim in self._taken:
            return None  # it is down, and will be back
        fault = Fault(kind, victim, time.monotonic())
        if kind == "take-token":
            self._folder(victim).rename(self._folder(victim).with_name(AWAY))
            self._taken[victim] = fault.at + TOKEN_AWAY_SECONDS
        if kind.startswith("pause"):
            self._paused[victim] = (pid, fault.at + PAUSE_SECONDS)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP if kind.startswith("pause") else signal.SIGKILL)
        self.struck.append(fault)
        return fault

    def tend(self) -> None:
        """Wakes processes that were stopped long enough; gives back tokens that were away long enough."""
        self._relieve(time.monotonic())

    def end(self) -> None:
        """Wake everybody, give everything back: no more faults."""
        self._relieve(float("inf"))

    def counts(self) -> dict[str, int]:
        """Faults by kind."""
        return dict(Counter(fault.kind for fault in self.struck))

    def _relieve(self, now: float) -> None:
        for victim in [victim for victim, (_, until) in self._paused.items() if now >= until]:
            with suppress(ProcessLookupError):
                os.kill(self._paused[victim][0], signal.SIGCONT)
            del self._paused[victim]
        for victim in [victim for victim, until in self._taken.items() if now >= until]:
            self._folder(victim).with_name(AWAY).rename(self._folder(victim))
            del self._taken[victim]

    def _candidates(self, kind: Kind) -> tuple[str, ...]:
        if kind == "take-token":
            return (ENCLAVE, *COSIGNERS)
        return (ENCLAVE,) if kind.endswith("enclave") else COSIGNERS

    def _folder(self, victim: str) -> Path:
        """The folder of a victim's token objects."""
        description = self.cluster.description
        place = description.token if victim == ENCLAVE else description.cosigner_token(victim)
        assert place.config_file is not None, "a token of this machine's own"
        return place.config_file.parent / TOKENS
