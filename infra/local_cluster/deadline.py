"""Bounds a wait by the machine's own pace: `seconds` on a quiet machine, longer in proportion to its load.

A system of twenty processes needs seconds of processor time to start. Beside other work it gets less, so a bound in plain
seconds would fail a start that is only slow. Bounds of single requests and of promises to callers stay plain seconds.
"""

from __future__ import annotations

import os
import time
from typing import Final

STRETCH_MAX: Final = 10.0
"""A stuck process that keeps the machine busy is given up after this many times the bound."""
CORES: Final = os.cpu_count() or 1


class Deadline:
    """Passes `seconds` after it was made, times the highest load per core since then, if that is above one."""

    def __init__(self, seconds: float) -> None:
        """Begin now."""
        self._seconds = seconds
        self._begun = time.monotonic()
        self._stretch = 1.0

    @property
    def passed(self) -> bool:
        """Return True if the wait is over."""
        self._stretch = min(STRETCH_MAX, max(self._stretch, os.getloadavg()[0] / CORES))
        return time.monotonic() - self._begun > self._seconds * self._stretch
