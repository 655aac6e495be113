"""Runs the body of a process from its start to its exit code: log, stop signals, refusals, restarts.

Every `streams/*/__main__.py` calls `run` with its own body and its own errors. Source: architecture, rule 3 (crash-only).
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from types import FrameType
from typing import Final

import structlog
from confluent_kafka import KafkaException

from infra.local_cluster.processes import EXIT_REFUSED
from infra.telemetry import logging
from streams.engine.outage import Outage

EXIT_STOPPED: Final = 0
EXIT_RESTART: Final = 3
"""An error that a fresh start mends: fencing, a time-out, a broker gone."""
PAUSE_SECONDS: Final = 1.0
"""The wait before a process ends with an error of `Ends.paused`, so that restarts are not a busy loop."""

log = structlog.get_logger(__name__)


class _StoppedAtStart(BaseException):
    """A stop signal came before the process's loop began."""


class Stop:
    """Tells a process's loop when to end: at SIGTERM or SIGINT, or once Kafka was out of reach."""

    def __init__(self) -> None:
        self.outage = Outage()
        """The `error_cb` of the process's clients."""
        self._signalled = Event()
        self._lost = False
        self._in_loop = False

    def listen(self) -> None:
        """Take the stop signals: one ends a start at once, and lets a loop finish its round. Only in the main thread."""
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, self._signal)

    def _signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signalled.set()
        if not self._in_loop:
            raise _StoppedAtStart

    def restart(self) -> None:
        """End the loop, and the process with `EXIT_RESTART`."""
        self._lost = True

    def wait(self, seconds: float) -> bool:
        """Wait, but not beyond a stop signal; return `is_due`."""
        self._in_loop = True
        self._signalled.wait(seconds)
        return self.is_due()

    def is_due(self) -> bool:
        """Return True once the loop must end."""
        self._in_loop = True
        return self._signalled.is_set() or self.outage.seen or self._lost

    @property
    def status(self) -> int:
        """Return the exit code of a loop that ended without an error."""
        return EXIT_RESTART if self.outage.seen or self._lost else EXIT_STOPPED


@dataclass(frozen=True, slots=True)
class Ends:
    """The errors that end a process, with the log line of each kind. Any other error is logged in full and restarts it."""

    refusals: tuple[type[Exception], ...] = ()
    """A person has to look: `EXIT_REFUSED`, and no restart."""
    refused: str = "stopping: this must be looked at, and is not tried again"
    restarting: str = "restarting: the log is the state"
    """The line for Kafka's errors and time-outs, which a fresh start mends: `EXIT_RESTART`."""
    paused: tuple[type[Exception], ...] = ()
    """A fresh start may mend them, after a pause: `EXIT_RESTART`."""
    pausing: str = "restarting after a pause"


def run(principal: str, body: Callable[[Stop], None], ends: Ends) -> int:
    """Run `body` until it returns or raises; return the exit code."""
    logging.configure(principal)
    stop = Stop()
    stop.listen()
    try:
        body(stop)
    except (KafkaException, TimeoutError) as failure:
        log.warning(ends.restarting, error=str(failure))
        return EXIT_RESTART
    except ends.refusals as refusal:
        log.error(ends.refused, reason=str(refusal))  # noqa: TRY400 - the reason is for people
        return EXIT_REFUSED
    except ends.paused as failure:
        log.warning(ends.pausing, error=str(failure))
        stop.wait(PAUSE_SECONDS)
        return EXIT_RESTART
    except _StoppedAtStart:
        return EXIT_STOPPED
    except Exception:
        log.exception("stopping: this must be looked at")
        return EXIT_RESTART
    return stop.status
