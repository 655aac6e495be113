"""Marks what each test needs, guards those that need nothing, and starts the one cluster that many share.

A file or a test that needs more than Python says so by a mark (`cluster`, `chain`, `token`, `shares`, `browser`); every other
test is `pure`, and `tests.purity` fails it when it starts a program or opens a connection. `make check` runs the pure ones.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from infra.local_cluster.local import Cluster
from tests.purity import Guard
from tests.world.systems import own_folder

NEEDS: Final = frozenset({"cluster", "chain", "token", "shares", "browser"})
PURE_ONLY: Final = "pure and not slow"
"""What `make check` asks for; files of which every test needs more are not even imported then."""
FILES_SHOWN: Final = 15
SUMMARY_SECONDS_MIN: Final = 60
SECONDS: Final[defaultdict[str, float]] = defaultdict(float)
SEEDS: Final[list[object]] = []
FILE_MARKS: Final = re.compile(r"^pytestmark = .*?(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)

settings.register_profile(
    "proofdesk", deadline=None
)  # nothing is timed in tests: whatever else the machine does would fail them
settings.load_profile("proofdesk")
GUARD: Final = Guard()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make soak` ask for every seed."""
    parser.addoption("--seeds", type=int, default=0, help="lives of the whole line to run at least, up to 1,000")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out a file whose own mark says that it needs more, when only pure tests are wanted."""
    if config.getoption("-m") != PURE_ONLY or not collection_path.name.startswith("test_"):
        return None
    marks = FILE_MARKS.search(collection_path.read_text("utf-8"))
    return True if marks and any(f"pytest.mark.{need}" in marks.group() for need in NEEDS) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `pure` what says of nothing that it needs it."""
    for item in items:
        if not any(item.get_closest_marker(need) for need in NEEDS):
            item.add_marker("pure")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Guard a pure test's fixtures."""
    with GUARD.over(item.nodeid if item.get_closest_marker("pure") else None):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Guard a pure test."""
    with GUARD.over(item.nodeid if item.get_closest_marker("pure") else None):
        return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up where the time goes."""
    SECONDS[report.nodeid.partition("::")[0]] += report.duration
    SEEDS.extend(value for name, value in report.user_properties if name == "seeds" and report.when == "call")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print where the time went, file by file."""
    total = sum(SECONDS.values())
    if total < SUMMARY_SECONDS_MIN:
        return
    terminalreporter.section(f"where the time went: {total:.0f} s of tests")
    for file, seconds in sorted(SECONDS.items(), key=lambda each: -each[1])[:FILES_SHOWN]:
        terminalreporter.write_line(f"{seconds:7.1f} s  {seconds / total:4.0%}  {file}")
    for seeds in SEEDS:
        terminalreporter.write_line(f"{seeds} seeds of the whole line were run")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Kafka with all topics, PostgreSQL, a chain node with an empty chain, and a token. Gone afterwards."""
    started = Cluster(own_folder("shared"), ["kafka", "postgres", "node", "token"], processes=[])
    started.start()
    yield started
    started.stop(delete=True)
