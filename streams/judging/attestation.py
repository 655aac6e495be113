"""Which code judges here: its version, and a hash over the source of everything that a verdict rests on.

Read once, when the process starts, before it shuts itself in. Whoever has the same source finds the same hash:
`python -m streams.judging.attestation`.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

import infra
import schemas
import streams
from schemas.values import Sha256

ROOMS: Final = (infra, schemas, streams)


@dataclass(frozen=True, slots=True)
class CodeIdentity:
    """A release, and exactly its source."""

    version: str
    code_hash: Sha256


def code_identity() -> CodeIdentity:
    """Hash every source file of `ROOMS`: SHA-256 over lines of path and SHA-256, sorted by path."""
    lines = []
    for room in ROOMS:
        folder = Path(room.__path__[0])
        for file in folder.rglob("*.py"):
            name = f"{folder.name}/{file.relative_to(folder).as_posix()}"
            lines.append(f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n")
    return CodeIdentity(metadata.version("proofdesk"), hashlib.sha256("".join(sorted(lines)).encode()).hexdigest())


CODE: Final = code_identity()

if __name__ == "__main__":
    sys.stdout.write(f"{CODE.version} {CODE.code_hash}\n")
