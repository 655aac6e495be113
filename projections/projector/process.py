"""The projector and the rebuild as processes: wiring, signals, exit status."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Final, NoReturn

import psycopg
import structlog

from infra.kafka import clients
from infra.local_cluster.processes import EXIT_REFUSED
from infra.settings.description import ClusterDescription
from infra.telemetry import logging
from projections.folds.arrivals import UnreadableEvent
from projections.projector.log import Log, LogLost
from projections.projector.projecting import Outside, Stopped
from projections.storage.roles import PROJECTOR, conninfo
from projections.storage.tables import Writer

EXIT_FAILED: Final = 3

_DURABILITY: Final = "-c synchronous_commit=off"
"""Rows and offsets that a crash of the machine takes are taken together, and are read from the log again."""

COLLECTED_OBJECTS: Final = 200_000
"""Python looks for cycles after so many new objects: a batch holds as many, none of them in a cycle, and looking through them
again and again took a fifth of the time."""

log = structlog.get_logger(__name__)


def run(what: Callable[[Outside], object], description: ClusterDescription) -> NoReturn:
    """Run until done or stopped (exit 0), or until an operator must act."""
    logging.configure(PROJECTOR)
    gc.set_threshold(COLLECTED_OBJECTS)
    received: list[int] = []
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda number, _frame: received.append(number))
    try:
        what(outside(description, lambda: bool(received)))
    except Stopped:
        _exit(0)
    except (UnreadableEvent, LogLost) as error:
        log.critical("stopping: nothing is projected beyond this until a person has looked at it", error=str(error))
        _exit(EXIT_REFUSED)
    except Exception:
        log.exception("stopping: this must be looked at")
        _exit(EXIT_FAILED)
    _exit(0)


def outside(description: ClusterDescription, stopping: Callable[[], bool]) -> Outside:
    """This cluster's PostgreSQL and Kafka."""
    url = conninfo(description, PROJECTOR)

    def connect() -> Writer:
        return psycopg.connect(url, autocommit=True, options=_DURABILITY, application_name="proofdesk-projector")

    reader = partial(clients.consumer, description, PROJECTOR)
    return Outside(
        connect,
        follow=partial(Log, reader, until_end=False),
        read_to_end=partial(Log, reader, until_end=True),
        stopping=stopping,
    )


def _exit(status: int) -> NoReturn:
    """End at once: closing clients could wait on a broker that is gone, and there is nothing that must still be done."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
