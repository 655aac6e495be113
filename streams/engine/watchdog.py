"""Ends a process whose transaction does not end: a client can wait for a broker that came back without ever saying so.

Seen after a broker's restart: committing offsets stayed in the library for over a minute, past the time-out it was given.
Crash-only (architecture, rule 3): a fresh process has fresh clients, and the log is the state. Watches transactions only; a
fold of a long log may take its time.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

LOOK_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


class Watchdog:
    """Watches one loop. Its thread ends with the process."""

    def __init__(self, seconds_max: float, end: Callable[[], None]) -> None:
        """`end` is called from the watchdog's thread once something watched has taken longer than `seconds_max`."""
        self._seconds_max = seconds_max
        self._end = end
        self._begun: float | None = None
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch the body: it must end in time."""
        self._begun = time.monotonic()
        yield
        self._begun = None

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            begun = self._begun
            if begun is not None and time.monotonic() - begun > self._seconds_max:
                log.warning("restarting: a transaction does not end", seconds=round(time.monotonic() - begun))
                self._end()
                return


def exit_at_once(status: int) -> Callable[[], None]:
    """End the process without waiting for anything."""
    return lambda: os._exit(status)
