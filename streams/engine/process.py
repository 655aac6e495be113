"""Wires a processor to Kafka and runs one worker of it. Each processor's `__main__.py` calls `run`."""

from __future__ import annotations

import gc
import os
import sys
import time
from typing import Final, NoReturn

from infra.kafka import clients
from infra.settings.description import ClusterDescription
from infra.telemetry import metrics, tracing
from schemas.values import Instant
from streams.engine import shell
from streams.engine.loop import Loop
from streams.engine.outage import Outage
from streams.engine.restore import Restorer
from streams.engine.shell import EXIT_RESTART, Ends, Stop
from streams.engine.snapshots import SnapshotCodec
from streams.engine.watchdog import Watchdog, exit_at_once
from streams.rules.decider import I, Processor, S
from streams.rules.versions import RulesUnknown

TRANSACTION_TIMEOUT_MS: Final = 10_000
"""After which the broker aborts what a stopped worker left open, so that its successor can go on."""
TRANSACTION_SECONDS_MAX: Final = 15
"""Longer than any time-out inside it: a transaction that takes as long is waiting for what will not come."""
SESSION_TIMEOUT_MS: Final = 6_000
COLLECTED_OBJECTS: Final = 200_000
"""Python looks for cycles after so many new objects: a batch holds as many, none of them in a cycle, and looking through them
again and again took a quarter of an engine's time."""
HEARTBEAT_MS: Final = 1_500


def wall_clock() -> Instant:
    """Microseconds since the Unix epoch."""
    return time.time_ns() // 1_000


def run(processor: Processor[S, I], description: ClusterDescription, refusals: tuple[type[Exception], ...] = ()) -> NoReturn:
    """Run one worker until a stop is requested (exit 0) or it must be started again (exit `EXIT_RESTART`).

    At one of `refusals`, or at rules that this software does not know, a person has to help, and no other start
    (exit `EXIT_REFUSED`).
    """
    kept: list[Loop[S, I]] = []  # until the process has ended: a client that is let go of waits for brokers

    def body(stop: Stop) -> None:
        metrics.configure(processor.principal)
        tracing.configure(processor.principal)
        processor.observer.refresh()  # reads all references there are, before this worker takes partitions from another
        kept.append(loop_of(processor, description, stop.outage))
        gc.set_threshold(COLLECTED_OBJECTS)
        gc.freeze()  # looking through all that was imported holds a decision up by 40 ms whenever cycles are looked for
        kept[0].run(stop.is_due)

    _exit(shell.run(processor.principal, body, Ends(refusals=(*refusals, RulesUnknown))))


def loop_of(
    processor: Processor[S, I], description: ClusterDescription, outage: Outage, instance: str | None = None
) -> Loop[S, I]:
    """Return the wired loop of one worker. `instance` tells workers of one processor apart (`PROOFDESK_INSTANCE`)."""
    name, who = instance or os.environ.get("PROOFDESK_INSTANCE", "0"), processor.principal
    codec: SnapshotCodec[S] = SnapshotCodec(processor)
    group = f"proofdesk-{who}"
    consumer = clients.consumer(
        description,
        who,
        {
            "error_cb": outage,
            "group.id": group,
            "group.instance.id": f"{group}-{name}",  # a restarted worker takes its place again without a rebalance
            "auto.offset.reset": "earliest",
            "session.timeout.ms": SESSION_TIMEOUT_MS,
            "heartbeat.interval.ms": HEARTBEAT_MS,
            "partition.assignment.strategy": "range",  # the same partition numbers of all inputs go to one worker
        },
    )
    restoring = clients.consumer(description, who, {"group.id": f"{group}-restore"})
    producer = clients.producer(
        description,
        who,
        {
            "error_cb": outage,
            "transactional.id": f"{group}-{name}",
            "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
        },
    )
    restorer = Restorer(processor, restoring, clients.admin(description, who), codec)
    return Loop(
        processor=processor,
        consumer=consumer,
        producer=producer,
        restorer=restorer,
        codec=codec,
        clock=wall_clock,
        watchdog=Watchdog(TRANSACTION_SECONDS_MAX, exit_at_once(EXIT_RESTART)),
    )


def _exit(status: int) -> NoReturn:
    """End at once: no closing of clients, which could wait on a broker that is gone; what is not committed never was."""
    tracing.flush()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
