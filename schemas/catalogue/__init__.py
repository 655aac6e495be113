"""Every Avro schema that was ever published, append-only, each with the id that stands in the records.

`index.json` lists id, subject and version; `<subject>/v<version>.avsc` is the schema; `<subject>/v<version>.golden` is a
record's value as that version wrote it. Nothing here is changed once it has landed: `schemas.check` reads all of it.
Versions of one generation are compatible with each other. A new generation (docs/adr/0008) is a break that was decided on:
its logs begin empty, and what earlier ones wrote is decoded by their ids with Kafka's own tools, not by this code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent
INDEX: Final = FOLDER / "index.json"
GENERATION: Final = 2
"""The generation that this code writes and reads."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of one subject."""

    schema_id: int
    subject: str
    version: int
    generation: int = GENERATION

    @property
    def path(self) -> Path:
        """Where the schema stands."""
        return FOLDER / self.subject / f"v{self.version}.avsc"

    @property
    def golden_path(self) -> Path:
        """Where the bytes stand that this version wrote for its example."""
        return FOLDER / self.subject / f"v{self.version}.golden"

    @property
    def schema(self) -> Any:
        """The Avro schema as it was published."""
        return json.loads(self.text)

    @property
    def text(self) -> str:
        """The Avro schema's own text."""
        return self.path.read_text("utf-8")


@cache
def entries() -> tuple[Entry, ...]:
    """All versions of all subjects in order of id."""
    if not INDEX.exists():
        return ()
    rows = json.loads(INDEX.read_text("utf-8"))
    return tuple(Entry(e["id"], e["subject"], e["version"], e["generation"]) for e in rows)


@cache
def by_id() -> Mapping[int, Entry]:
    """The catalogue by schema id."""
    return {entry.schema_id: entry for entry in entries()}


@cache
def versions(subject: str) -> tuple[Entry, ...]:
    """A subject's versions, oldest first; empty when it is unknown."""
    return tuple(sorted((e for e in entries() if e.subject == subject), key=lambda e: e.version))


def current(subject: str) -> tuple[Entry, ...]:
    """A subject's versions of today's generation, oldest first."""
    return tuple(entry for entry in versions(subject) if entry.generation == GENERATION)


def newest(subject: str) -> Entry:
    """A subject's newest version.

    Raises:
        LookupError: the subject has none: its model was never published.
    """
    found = current(subject)
    if not found:
        message = f"subject {subject} is not in the catalogue: run `python -m schemas.publish`"
        raise LookupError(message)
    return found[-1]
