"""Identifies the code that judges here: its release, and a hash over the source of everything that a verdict rests on.

`JUDGING` names that source: the language, the rules, the codecs, the engine, the signers and the adapters that they use. A test
compares it with what the signers import. Other processes' source is left out, so a changed log line of the price feed changes
no attestation. Read once, when the process starts, before it confines itself. The same source gives the same hash:
`python -m streams.judging.attestation`.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from schemas.values import Sha256

SOURCE: Final = Path(__file__).parents[2]
JUDGING: Final = (
    "schemas",
    "infra/__init__.py",
    "infra/ethereum",
    "infra/hsm",
    "infra/identity",
    "infra/isolation",
    "infra/kafka/clients.py",
    "infra/kafka/troubles.py",
    "infra/keys",
    "infra/proofs",
    "infra/telemetry",
    "streams/__init__.py",
    "streams/cosigning",
    "streams/engine",
    "streams/judging",
    "streams/rules",
    "streams/sessions",
    "streams/signing",
    "infra/settings/description.py",
    "infra/local_cluster/processes.py",
)
"""Files and folders, relative to the folder that holds `streams`."""


@dataclass(frozen=True, slots=True)
class CodeIdentity:
    """A release, and exactly its source."""

    version: str
    code_hash: Sha256


def judging_files() -> Iterator[Path]:
    """Yield every source file that a verdict rests on, in the order of `JUDGING`."""
    for name in JUDGING:
        path = SOURCE / name
        yield from path.rglob("*.py") if path.is_dir() else [path]


def code_identity() -> CodeIdentity:
    """Hash every file of `judging_files`: SHA-256 over lines of path and SHA-256, sorted by path. Raises OSError."""
    lines = [
        f"{file.relative_to(SOURCE).as_posix()} {hashlib.sha256(file.read_bytes()).hexdigest()}\n" for file in judging_files()
    ]
    return CodeIdentity(metadata.version("proofdesk"), hashlib.sha256("".join(sorted(lines)).encode()).hexdigest())


CODE: Final = code_identity()

if __name__ == "__main__":
    sys.stdout.write(f"{CODE.version} {CODE.code_hash}\n")
