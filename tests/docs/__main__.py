"""`python -m tests.docs`: prints dead citations and module summaries without a verb; exit status 1 if there is one.

`make lint` runs it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.docs import summaries
from tests.docs.citations import FOLDERS, Repository, problems

ROOT: Final = Path(__file__).parents[2]
READ: Final = frozenset(
    {".md", ".py", ".sql", ".toml", ".rs", ".service", ".yaml", ".cedar", ".cedarschema", ".js", ".css", ".html"}
)
"""Endings of the texts that are searched; every file may be cited."""
DEAD_ON_PURPOSE: Final = "tests/docs/test_citations.py"
NOT_OURS: Final = frozenset({"__pycache__", "target"})


def repository(root: Path = ROOT) -> Repository:
    """Read the texts and list the files of the top-level folders and the root."""
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
    read = repository()
    found = [*problems(read), *summaries.problems(read.texts)]
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    if not found:
        sys.stdout.write(
            "documents: every link, path, module, rule and record that is cited exists; every summary has a verb\n"
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
