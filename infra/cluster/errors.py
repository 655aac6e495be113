"""What can go wrong with a cluster. Every message ends with what a person can do about it."""

from __future__ import annotations

from pathlib import Path

LOG_LINES_SHOWN = 15


class ClusterError(Exception):
    """The cluster could not be started, stopped or asked."""


class NotReady(ClusterError):
    """A service did not answer in time."""

    def __init__(self, service: str, seconds: float, log: Path, reason: str = "") -> None:
        """Name the service, how long was waited, and show the end of what it printed."""
        lines = log.read_text("utf-8", "replace").splitlines()[-LOG_LINES_SHOWN:] if log.exists() else []
        shown = "\n".join(f"    {line}" for line in lines)
        because = f" ({reason})" if reason else ""
        super().__init__(f"{service} was not ready within {seconds:g} s{because}; the end of {log}:\n{shown}")
