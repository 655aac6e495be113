"""Sums up a run as one JSON object: commands sent, faults struck, the log's contents, and the time to recover."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, Final

from infra.settings.description import ClusterDescription
from schemas.topics import DESK_PARTITIONS
from streams.desk.observer import INPUTS
from tests.chaos.run import Ran
from tests.chaos.verdict.audit import Audit
from tests.chaos.verdict.log import LogReader
from tests.chaos.verdict.replay import Derivation, Replay
from tests.chaos.verdict.signing import Outside, Signing
from tests.chaos.verdict.tables import ExpectedTables
from tests.chaos.watch import Recovery

BROKEN: Final = (
    "lost",
    "duplicated",
    "over_limit",
    "chain_breaks",
    "wrong_facts",
    "position_gaps",
    "refused_by_signer",
    "decided_otherwise",
    "projected_otherwise",
)
"""What is zero when nothing went wrong."""


def is_sound(findings: dict[str, Any]) -> bool:
    """True if the log, the decisions made from it again and the tables agree."""
    return findings["commands"] > 0 and findings["events"] > 0 and not any(findings[name] for name in BROKEN)


def findings_of(description: ClusterDescription, ran: Ran, say: Callable[[str], None]) -> dict[str, Any]:
    """Read the whole log again, decide it again, compare it with the tables."""
    reader, audit, tables = LogReader(description), Audit(), ExpectedTables()
    outside = Outside(reader.governance(), reader.prices(), bytes.fromhex(description.root_key_file.read_text("ascii")))
    derivation, otherwise, refused = Derivation(outside.governance, outside.prices), 0, 0
    for number in range(DESK_PARTITIONS):
        answered, log = reader.own(number)
        replay, signing = Replay(reader.inputs(number, INPUTS), answered, derivation, number), Signing(outside, number)
        for stored in replay.run(log):
            audit.take(stored)
            tables.take(stored)
            signing.take(stored)
        otherwise += replay.differences
        refused += signing.refused
        for line in (*replay.told, *signing.told):
            say(line)
    return {
        "seed": ran.plan.seed,
        "commands": len(ran.load.sent),
        "faults": ran.faults.counts(),
        **asdict(audit.compare(ran.load.sent)),
        "refused_by_signer": refused,
        "decided_otherwise": otherwise,
        "projected_otherwise": tables.differences(description),
        "events": audit.events,
        "recovery_ms": _recovery(ran.watch.recoveries),
        "shown_ms": spread(each.shown for each in ran.watch.recoveries),
    }


def _recovery(recoveries: list[Recovery]) -> dict[str, Any]:
    kinds = sorted({each.fault.kind for each in recoveries})
    by_kind = {kind: spread(each.seconds for each in recoveries if each.fault.kind == kind) for kind in kinds}
    return {**spread(each.seconds for each in recoveries), "by_kind": by_kind}


def spread(seconds: Iterable[float | None]) -> dict[str, int | None]:
    """Median and longest, in milliseconds. Faults that were never recovered from count as `unrecovered`."""
    known = list(seconds)
    found = sorted(each for each in known if each is not None)
    return {
        "p50": round(found[len(found) // 2] * 1_000) if found else None,
        "max": round(found[-1] * 1_000) if found else None,
        "unrecovered": len(known) - len(found),
    }
