"""A worker that a new start cannot mend ends for a person."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from infra.cluster.processes import EXIT_REFUSED
from streams.engine import process as engine
from streams.governance.process import CommandObserver, processor
from streams.rules.firm.view import GovernanceFold
from streams.rules.governance.founding import decide
from streams.rules.versions import NEWEST
from tests.infra.cluster.unreached import unreached
from tests.streams.rules.governance import firm


class Reading(CommandObserver):
    """Reads a log that begins with rules of a later release."""

    def refresh(self) -> None:
        """Fold it."""
        settings = firm.policy().settings.model_copy(update={"rules_version": NEWEST + 1})
        fold = GovernanceFold()
        for sealed in decide(firm.genesis(policy=firm.policy(settings=settings)), (), 1_770_000_000_000_000):
            fold.accept(sealed.recorded.event)  # type: ignore[arg-type] # genesis gives governance events only


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
