"""`make bench` keeps each figure when it is measured: a part that fails loses nothing of the others."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from tests.bench import __main__ as bench
from tests.bench.desk import workload
from tests.bench.racing.contenders import Contender, ContenderFailed
from tests.bench.racing.course import Course
from tests.bench.report import Result

RUNS = {"ours": [3.0, 1.0, 2.0], "floor": [4.0, 4.0, 4.0]}


def test_a_benchmark_that_fails_keeps_what_it_gave_and_the_next_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "bench.jsonl"

    def falls(_: object) -> Iterator[Result]:
        yield Result.of("first", "ms", RUNS)
        assert [json.loads(line)["name"] for line in log.read_text().splitlines()] == ["first"], "kept before the next part"
        raise ContenderFailed("395 of 400 commands were answered")

    def runs(_: object) -> list[Result]:
        return [Result.of("second", "ms", RUNS)]

    _benchmarks(monkeypatch, log, {"falls": falls, "runs": runs})
    ended = CliRunner().invoke(bench.app, [])
    assert ended.exit_code == 1
    kept = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(each["name"], each["ours"], each["ratios"]) for each in kept] == [
        ("first", 2.0, {"ours/floor": 0.5}),
        ("second", 2.0, {"ours/floor": 0.5}),
    ]


def test_when_all_end_well_the_status_is_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _benchmarks(monkeypatch, tmp_path / "bench.jsonl", {"runs": lambda _: [Result.of("only", "ms", RUNS)]})
    assert CliRunner().invoke(bench.app, ["runs"]).exit_code == 0


def test_a_contender_that_fails_runs_no_more_and_keeps_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    steady, weak = (Contender(name, "", 1, 0, ()) for name in ("steady", "weak"))
    asked: list[str] = []

    def run(_course: Course, contender: Contender, _commands: object) -> float:
        asked.append(contender.name)
        if asked.count("weak") > 1 and contender is weak:
            raise ContenderFailed("it hung")
        return float(len(asked))

    monkeypatch.setattr(Course, "run", run)
    rates = Course.rounds(object.__new__(Course), (steady, weak), [], 3)
    assert rates == {"steady": [1.0, 4.0, 5.0], "weak": [2.0]}


def test_commands_go_on_where_the_last_ones_ended() -> None:
    whole = list(workload.commands(10, 1_000_000))
    assert list(workload.commands(4, 1_000_000, 6)) == whole[6:]


def _benchmarks(monkeypatch: pytest.MonkeyPatch, log: Path, runs: dict[str, Callable[[object], object]]) -> None:
    """Only these benchmarks, none of which needs a cluster."""
    for name, run in runs.items():
        module = ModuleType(f"fake_benchmark_{name}")
        module.__dict__["run"] = run
        monkeypatch.setitem(sys.modules, module.__name__, module)
    made = {name: bench.Benchmark(f"fake_benchmark_{name}", ()) for name in runs}
    monkeypatch.setattr(bench, "BENCHMARKS", made)
    monkeypatch.setattr(bench, "LOG", log)
    monkeypatch.setattr(bench, "_cluster", lambda _: nullcontext(None))
