"""Makes the shared key of the cosigners once: a key generation takes five seconds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from schemas.events.base import FirmEvent
from streams.governance import process as governing
from tests.world.line.cosigners import Table, of_cosigners
from tests.world.line.line import Line
from tests.world.line.simulated_chain import ChainInMemory


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """A table after `make_key`. Not to be used further."""
    table = Table(Line(of_cosigners()), tmp_path_factory.mktemp("table"))
    table.make_key()
    return table


@pytest.fixture
def table(made: Table, tmp_path: Path) -> Table:
    """The same table, another for each test: all cosigners start anew, from a copy of their disks."""
    folder = tmp_path / "table"
    shutil.copytree(made.folder, folder)
    return Table(made_again(made.line), folder)


def made_again(line: Line, chain: ChainInMemory | None = None) -> Line:
    """A line of its own, after the same records: nothing but governance has worked so far."""
    again = Line(line.genesis, chain=chain or ChainInMemory())
    begun = len(again.records)
    assert again.records == line.records[:begun], "a line does not begin in the same way each time"
    again.records += line.records[begun:]
    again.ends, again.now, again.keys = line.ends.copy(), line.now, line.keys
    again.employ(governing.processor(), 0)
    again._restore("governance", FirmEvent)
    again.workers["governance"].cursor = len(again.records)
    return again
