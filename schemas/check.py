"""Do the models, the catalogue and the bytes of every earlier version agree? Run by `make lint` and `proofdesk schema check`.

Compatibility is FULL_TRANSITIVE within a generation: every version reads every other version's records (Avro "Schema
Resolution", checked by Apache Avro's own checker). Golden bytes of each of them must decode into today's model.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import permutations

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from schemas import catalogue, wire
from schemas.avro import declaration
from schemas.topics import TOPICS, Topic


def problems() -> Iterator[str]:
    """Everything that is wrong, a sentence each; nothing when all is well."""
    for topic in TOPICS.values():
        if topic.record is not None:
            yield from _problems_of(topic)
    known = {topic.subject for topic in TOPICS.values()}
    yield from (f"{e.subject}: no topic has this subject any more" for e in catalogue.entries() if _is_orphan(e, known))


def _is_orphan(entry: catalogue.Entry, known: set[str]) -> bool:
    return entry.generation == catalogue.GENERATION and entry.subject not in known


def _problems_of(topic: Topic) -> Iterator[str]:
    assert topic.record is not None  # noqa: S101 - narrows for the type checker; the caller selected by it
    versions = catalogue.current(topic.subject)
    if not versions:
        yield f"{topic.subject}: not published; run `python -m schemas.publish`"
        return
    if declaration.schema_of(topic.record) != versions[-1].schema:
        yield f"{topic.subject}: the model differs from version {versions[-1].version}; run `python -m schemas.publish`"
    for reader, writer in permutations(versions, 2):
        yield from (
            f"{topic.subject}: version {reader.version} cannot read version {writer.version}: {reason}"
            for reason in incompatibilities(reader.schema, writer.schema)
        )
    for entry in versions:
        try:
            wire.decode(topic.name, bytes.fromhex(entry.golden_path.read_text("ascii")))
        except (OSError, ValueError, wire.Unreadable) as error:
            yield f"{topic.subject}: golden bytes of version {entry.version}: {error}"


def incompatibilities(reader: object, writer: object) -> list[str]:
    """Why records written with `writer` cannot be read with `reader`; empty when they can."""
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    result = checker.get_compatibility(parse(json.dumps(reader)), parse(json.dumps(writer)))
    if result.compatibility is SchemaCompatibilityType.compatible:
        return []
    return sorted(result.messages)


def main() -> int:
    """Print every problem; exit status 1 if there is one."""
    found = list(problems())
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    if not found:
        sys.stdout.write(f"schemas: {len(catalogue.entries())} versions, all compatible both ways\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
