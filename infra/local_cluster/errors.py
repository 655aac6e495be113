"""Defines the errors of a cluster. Each message says what happened, then what to do."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

LOG_LINES_SHOWN: Final = 15
LOG_BYTES_READ_MAX: Final = 65_536
ERRORS: Final = frozenset({"error", "critical"})


class ClusterError(Exception):
    """The cluster could not be started, stopped or queried."""


class NotReady(ClusterError):
    """A service did not answer in time."""

    def __init__(self, service: str, seconds: float, log: Path, reason: str = "") -> None:
        """Name the service and the seconds waited; show the end of its log."""
        lines = log.read_text("utf-8", "replace").splitlines()[-LOG_LINES_SHOWN:] if log.exists() else []
        shown = "\n".join(f"    {line}" for line in lines)
        because = f" ({reason})" if reason else ""
        super().__init__(f"{service} was not ready within {seconds:g} s{because}; the end of {log}:\n{shown}")


def last_error(log: Path) -> str:
    """Return the last error that one of our processes logged (`infra.telemetry.logging`); else name the log to read."""
    for line in reversed(_end(log)):
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and said.get("level") in ERRORS:
            reason = said.get("reason") or said.get("error") or ""
            return ": ".join(filter(None, (str(said.get("event", "")), str(reason))))
    return f"see the end of {log}"


def _end(log: Path) -> list[bytes]:
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LOG_BYTES_READ_MAX), os.SEEK_SET)
        return file.read().splitlines()
