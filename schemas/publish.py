"""Append what the models have and the catalogue has not: a new id, version and golden bytes. Changes nothing that is there."""

from __future__ import annotations

import json
import sys
from typing import Any

from schemas import catalogue, examples, wire
from schemas.avro import declaration
from schemas.check import incompatibilities
from schemas.topics import TOPICS, Topic


def main() -> int:
    """Publish every changed model; refuse all of it if one would break an older reader or writer."""
    changed = [(t, declaration.schema_of(t.record)) for t in TOPICS.values() if t.record is not None]
    changed = [(t, s) for t, s in changed if not _is_newest(t, s)]
    broken = [line for topic, schema in changed for line in _breaks(topic, schema)]
    for line in broken:
        sys.stderr.write(f"{line}\n")
    if broken:
        return 1
    for topic, schema in changed:
        _append(topic, schema)
        sys.stdout.write(f"published {topic.subject}\n")
    return 0


def _is_newest(topic: Topic, schema: dict[str, Any]) -> bool:
    versions = catalogue.current(topic.subject)
    return bool(versions) and versions[-1].schema == schema


def _breaks(topic: Topic, schema: dict[str, Any]) -> list[str]:
    return [
        f"{topic.subject}: not compatible with version {entry.version}: {reason}"
        for entry in catalogue.current(topic.subject)
        for reason in incompatibilities(schema, entry.schema) + incompatibilities(entry.schema, schema)
    ]


def _append(topic: Topic, schema: dict[str, Any]) -> None:
    everything = catalogue.entries()
    entry = catalogue.Entry(
        schema_id=max((e.schema_id for e in everything), default=0) + 1,
        subject=topic.subject,
        version=len(catalogue.versions(topic.subject)) + 1,
    )
    entry.path.parent.mkdir(exist_ok=True)
    entry.path.write_text(json.dumps(schema, ensure_ascii=False) + "\n", "utf-8")
    rows = [
        {"id": e.schema_id, "subject": e.subject, "version": e.version, "generation": e.generation}
        for e in (*everything, entry)
    ]
    catalogue.INDEX.write_text("[\n" + ",\n".join(f" {json.dumps(row)}" for row in rows) + "\n]\n", "utf-8")
    for cached in (catalogue.entries, catalogue.by_id, catalogue.versions):
        cached.cache_clear()
    assert topic.record is not None  # noqa: S101 - narrows for the type checker; only records are published
    entry.golden_path.write_text(wire.encode(examples.example(topic.record)).hex() + "\n", "ascii")


if __name__ == "__main__":
    sys.exit(main())
