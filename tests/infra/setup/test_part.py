"""A part of the set-up prints a line when it begins and one when it ends, and its output only when it fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infra.setup import part
from infra.setup.environment import ROOT


@pytest.fixture(autouse=True)
def _logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "LOGS", tmp_path)


def run(code: str) -> int:
    return part.run("jars", [sys.executable, "-c", code])


def test_success_is_two_lines_and_the_last_says_what_is_there(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("print('much'); print('to read'); print('2 jars')") == 0
    first, last = capfd.readouterr().out.splitlines()
    assert first == "Kafka's jars: begins (up to 75 MB to download)"
    assert last.startswith("Kafka's jars: done in ")
    assert last.endswith(" s (2 jars)")


def test_failure_prints_all_output_and_what_to_do(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("import sys; print('one'); print('two', file=sys.stderr); sys.exit(3)") == 3
    _, *told = capfd.readouterr().out.splitlines()
    assert told[0].startswith("Kafka's jars: FAILED after ")
    assert sorted(told[1:3]) == ["  | one", "  | two"]
    assert told[3].endswith("then run make setup again.")


def test_every_part_of_the_makefile_is_known() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    used = {line.split("$(PART) ")[1].split()[0] for line in makefile.splitlines() if "$(PART) " in line}
    assert used == part.PARTS.keys()
