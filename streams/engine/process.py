"""A processor as a process: wiring, signals, exit status. Each `streams/<processor>/__main__.py` calls `run`."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from typing import Final, NoReturn

import structlog
from confluent_kafka import KafkaException

from infra.cluster.description import ClusterDescription
from infra.cluster.processes import EXIT_REFUSED
from infra.kafka import clients
from infra.telemetry import logging, metrics, tracing
from schemas.values import Instant
from streams.engine.loop import Loop
from streams.engine.outage import Outage
from streams.engine.restore import Restorer
from streams.engine.snapshots import SnapshotCodec
from streams.engine.watchdog import Watchdog, exit_at_once
from streams.rules.decider import I, Processor, S
from streams.rules.versions import RulesUnknown

EXIT_RESTART: Final = 3
"""Something failed that a fresh start mends: fencing, a time-out, a broker gone."""
TRANSACTION_TIMEOUT_MS: Final = 10_000
"""After which the broker aborts what a stopped worker left open, so that its successor can go on."""
TRANSACTION_SECONDS_MAX: Final = 15
"""Longer than any time-out inside it: a transaction that takes as long is waiting for what will not come."""
SESSION_TIMEOUT_MS: Final = 6_000
COLLECTED_OBJECTS: Final = 200_000
"""Python looks for cycles after so many new objects: a batch holds as many, none of them in a cycle, and looking through them
again and again took a quarter of an engine's time."""
HEARTBEAT_MS: Final = 1_500

log = structlog.get_logger(__name__)


def wall_clock() -> Instant:
    """Microseconds since the Unix epoch."""
    return time.time_ns() // 1_000


def run(processor: Processor[S, I], description: ClusterDescription, refusals: tuple[type[Exception], ...] = ()) -> NoReturn:
    """Run one worker until it is told to stop (exit 0) or must be started again (exit `EXIT_RESTART`).

    At one of `refusals`, or at rules that this software does not know, a person has to help, and no other start
    (exit `EXIT_REFUSED`).
    """
    logging.configure(processor.principal)
    metrics.configure(processor.principal)
    tracing.configure(processor.principal)
    stopping, outage = _stop_on_signal(), Outage()
    for_people: tuple[type[Exception], ...] = (*refusals, RulesUnknown)
    try:
        processor.observer.refresh()  # reads all references there are, before this worker takes partitions from another
        loop = loop_of(processor, description, outage)
        gc.set_threshold(COLLECTED_OBJECTS)
        gc.freeze()  # looking through all that was imported holds a decision up by 40 ms whenever cycles are looked for
        loop.run(lambda: bool(stopping) or outage.seen)
    except for_people as refusal:
        log.error("stopping: this must be looked at, and is not tried again", reason=str(refusal))  # noqa: TRY400 - for people
        _exit(EXIT_REFUSED)
    except KafkaException as error:
        log.warning("restarting: the log is the state", error=str(error.args[0]))
        _exit(EXIT_RESTART)
    except Exception:
        log.exception("stopping: this must be looked at")
        _exit(EXIT_RESTART)
    _exit(EXIT_RESTART if outage.seen else 0)


def loop_of(
    processor: Processor[S, I], description: ClusterDescription, outage: Outage, instance: str | None = None
) -> Loop[S, I]:
    """The loop of one worker, wired. `instance` tells workers of one processor apart (`PROOFDESK_INSTANCE`)."""
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


def _stop_on_signal() -> list[int]:
    """A list that a stop signal fills."""
    received: list[int] = []
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda number, _frame: received.append(number))
    return received


def _exit(status: int) -> NoReturn:
    """End at once: no closing of clients, which could wait on a broker that is gone; what is not committed never was."""
    tracing.flush()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
