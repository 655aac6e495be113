"""docs/tutorial.md works: its blocks are run in order, in one shell, against a system of its own, and print what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from infra.local_cluster.local import Cluster
from infra.local_cluster.runtime import ROOT
from tests.world.systems import own_folder

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

TUTORIAL: Final = ROOT / "docs" / "tutorial.md"
SECONDS_MAX: Final = 600
BLOCKS: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK: Final = "--- end of a block ---"


@dataclass(frozen=True, slots=True)
class Block:
    """Commands, and the lines that must appear in what they print, in this order; `…` stands for anything within a line."""

    commands: str
    printed: tuple[str, ...]


def blocks(text: str) -> list[Block]:
    """A tutorial's blocks of commands, each with the block of output that follows it."""
    found: list[Block] = []
    for language, content in BLOCKS.findall(text):
        if language == "sh":
            found.append(Block(content, ()))
        else:
            assert language == "text", f"nobody runs or checks a block of {language}"
            found[-1] = Block(found[-1].commands, tuple(content.splitlines()))
    return found


def missing(printed: tuple[str, ...], output: str) -> list[str]:
    """The lines that do not appear after the one before them."""
    lost, at = [], 0
    for line in printed:
        found = re.compile(".*".join(re.escape(part.strip()) for part in line.split("…"))).search(output, at)
        if found is None:
            lost.append(line)
        else:
            at = found.end()
    return lost


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A folder for a cluster; what was started in it is stopped."""
    folder = own_folder("tutorial")
    try:
        yield folder
    finally:
        Cluster(folder).stop(delete=True)


def make_without_setup(folder: Path) -> Path:
    """A `make` that installs nothing: these tests run in an environment that is set up."""
    folder.mkdir()
    (folder / "make").write_text(f'#!/bin/sh\nexec {shutil.which("make")} -o setup "$@"\n', "utf-8")
    (folder / "make").chmod(0o755)
    return folder


@pytest.mark.timeout(SECONDS_MAX + 60)
def test_every_block_runs_and_prints_what_the_tutorial_says(runtime: Path, tmp_path: Path) -> None:
    told = blocks(TUTORIAL.read_text("utf-8"))
    script = "set -euo pipefail\n" + "".join(f"{block.commands}\necho '{MARK}'\n" for block in told)
    tools = make_without_setup(tmp_path / "tools")
    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env={**os.environ, "PROOFDESK_RUNTIME": str(runtime), "PATH": f"{tools}:{os.environ['PATH']}", "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    outputs = ran.stdout.split(f"{MARK}\n")
    assert ran.returncode == 0, f"block {len(outputs)} of {len(told)} failed:\n{outputs[-1]}"
    lost = {n: missing(block.printed, output) for n, (block, output) in enumerate(zip(told, outputs, strict=False), start=1)}
    assert not any(lost.values()), "\n".join(
        f"block {n} prints no {what}; it printed\n{outputs[n - 1]}" for n, what in lost.items() if what
    )


def test_a_line_that_is_not_printed_or_comes_too_early_is_missed() -> None:
    output = "state    confirmed\nsigned\nbroadcast\n"
    assert missing(("state … confirmed", "signed", "broadcast"), output) == []
    assert missing(("broadcast", "signed"), output) == ["signed"]
    assert missing(("state … held",), output) == ["state … held"]


def test_blocks_are_read_with_what_they_print() -> None:
    told = blocks("a\n```sh\necho 1\n```\nprints\n```text\n1\n```\n```sh\ntrue\n```\n")
    assert told == [Block("echo 1\n", ("1",)), Block("true\n", ())]
