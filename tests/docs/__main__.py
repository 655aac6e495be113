"""`python -m tests.docs`: prints every dead citation of this repository; exit status 1 if there is one. Run by `make lint`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.docs.citations import FOLDERS, Repository, problems

ROOT: Final = Path(__file__).parents[2]
READ: Final = frozenset(
    {".md", ".py", ".sql", ".toml", ".rs", ".service", ".yaml", ".cedar", ".cedarschema", ".js", ".css", ".html"}
)
"""Endings of texts that are looked through; every file may be cited."""
DEAD_ON_PURPOSE: Final = "tests/docs/test_citations.py"
NOT_OURS: Final = frozenset({"__pycache__", "target"})


def repository(root: Path = ROOT) -> Repository:
    """What stands in the top-level folders, and beside them."""
    files = {path.relative_to(root).as_posix(): path for path in _files(root)}
    texts = {name: path.read_text("utf-8") for name, path in files.items() if _is_read(name, path.suffix)}
    return Repository(texts, frozenset(files))


def _is_read(name: str, ending: str) -> bool:
    return (ending in READ or name == "Makefile") and name != DEAD_ON_PURPOSE


def _files(root: Path) -> Iterator[Path]:
    yield from (each for each in root.iterdir() if each.is_file())
    for folder in FOLDERS:
        for place, below, names in os.walk(root / folder):
            below[:] = [name for name in below if name not in NOT_OURS]
            yield from (Path(place, name) for name in names)


def main() -> int:
    """Print every problem."""
    found = list(problems(repository()))
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    if not found:
        sys.stdout.write("documents: every link, path, module, rule and record that is cited exists\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
