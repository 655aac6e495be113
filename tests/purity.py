"""Holds that a test marked `pure` uses Python alone: it starts no other program and opens no network connection.

`tests/conftest.py` marks every test that needs nothing as `pure`. Python's audit events (PEP 578) show what such a test really
does: the start of another program, or a socket that leaves the process, fails the test and names the mark that is missing.
C libraries raise no audit events; tests that use those carry a mark because they name them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

PROGRAM_EVENTS: Final = frozenset({"subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"})
SOCKET_EVENTS: Final = frozenset({"socket.connect", "socket.bind", "socket.getaddrinfo"})
PYTHON: Final = Path(sys.executable).resolve()


class NotPure(Exception):
    """A test without a mark used more than Python."""


class Guard:
    """Refuses programs and network connections while a pure test runs. One for a process: an audit hook cannot be removed."""

    def __init__(self) -> None:
        self.running: str | None = None
        """The pure test that runs now."""
        sys.addaudithook(self._hear)

    @contextmanager
    def over(self, test: str | None) -> Iterator[None]:
        """Guard `test` inside the block; None: nothing is guarded."""
        self.running = test
        try:
            yield
        finally:
            self.running = None

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.running is None:
            return
        if event in PROGRAM_EVENTS and not _is_python(arguments):
            self._refuse(f"starts {arguments[0]!r}")
        if event in SOCKET_EVENTS and _leaves_the_process(event, arguments):
            self._refuse(f"opens a connection ({event} {arguments[-1]!r})")

    def _refuse(self, act: str) -> None:
        test, self.running = self.running, None  # what the report itself does is not the test's act
        raise NotPure(f"{test} {act}: mark it `cluster`, `chain`, `token`, `shares` or `browser`")


def _is_python(arguments: tuple[Any, ...]) -> bool:
    program = arguments[0]
    return isinstance(program, str | bytes | Path) and Path(_text(program)).resolve() == PYTHON


def _text(program: str | bytes | Path) -> str:
    return program.decode() if isinstance(program, bytes) else str(program)


def _leaves_the_process(event: str, arguments: tuple[Any, ...]) -> bool:
    return event == "socket.getaddrinfo" or isinstance(arguments[1], tuple)
