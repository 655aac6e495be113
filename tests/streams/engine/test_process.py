"""A worker that a new start cannot mend ends for a person."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from infra.local_cluster.processes import EXIT_REFUSED
from streams.engine import process as engine
from streams.engine.shell import EXIT_STOPPED
from streams.governance.process import CommandObserver, processor
from streams.rules.firm.view import GovernanceFold
from streams.rules.governance.founding import decide
from streams.rules.versions import NEWEST
from tests.infra.local_cluster.unreached import unreached
from tests.world.firm import governance as firm


class Reading(CommandObserver):
    """Reads a log that begins with rules of a later release."""

    def refresh(self) -> None:
        """Fold it."""
        settings = firm.policy().settings.model_copy(update={"rules_version": NEWEST + 1})
        fold = GovernanceFold()
        for sealed in decide(firm.genesis(policy=firm.policy(settings=settings)), (), 1_770_000_000_000_000):
            fold.accept(sealed.recorded.event)  # type: ignore[arg-type] # genesis gives governance events only


class LoopUntilStopped:
    """A worker's loop that is told to stop in its first round."""

    def run(self, stopping: Callable[[], bool]) -> None:
        """Work for one round."""
        assert not stopping()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopping()


def test_a_worker_that_is_told_to_stop_ends_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(status: int) -> NoReturn:
        raise SystemExit(status)

    for each in ("logging", "metrics", "tracing"):
        monkeypatch.setattr(f"infra.telemetry.{each}.configure", lambda _: None)
    monkeypatch.setattr(engine, "_exit", ended)
    monkeypatch.setattr(engine, "loop_of", lambda *_: LoopUntilStopped())
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit) as end:
            engine.run(processor(), unreached(tmp_path))
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert end.value.code == EXIT_STOPPED


def test_unknown_rules_end_any_worker_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(status: int) -> NoReturn:
        raise SystemExit(status)

    for each in ("logging", "metrics", "tracing"):
        monkeypatch.setattr(f"infra.telemetry.{each}.configure", lambda _: None)
    monkeypatch.setattr(engine, "_exit", ended)
    monkeypatch.setattr("streams.engine.shell.Stop.listen", lambda _: None)
    with capture_logs() as logged, pytest.raises(SystemExit) as end:
        engine.run(replace(processor(), observer=Reading()), unreached(tmp_path))
    assert end.value.code == EXIT_REFUSED
    assert [line["log_level"] for line in logged] == ["error"]
    assert f"rules version {NEWEST + 1} in force" in logged[0]["reason"]
