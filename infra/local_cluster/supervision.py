"""Configures supervisord for one cluster and controls it over XML-RPC on the loopback, with a password.

Supervisord restarts every program that exits, except a process of ours that needs a person (`EXIT_REFUSED`). On a stop,
services outlive our processes. A process sees only the environment that it is given. A Unix socket would need no password,
but its path has at most 107 bytes, and folders of clones and tests are longer. Source: supervisor's manual, "Configuration
File", "XML-RPC API".
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from xmlrpc.client import Error, ServerProxy

import psutil

from infra.identity.private_file import write_private
from infra.local_cluster.errors import ClusterError, NotReady, last_error
from infra.local_cluster.processes import EXIT_REFUSED
from infra.local_cluster.runtime import LOOPBACK, ROOT, Runtime

START_SECONDS_MAX: Final = 10
STOP_SECONDS_MAX: Final = 45
POLL_SECONDS: Final = 0.05
PROGRAM_STOP_SECONDS_MAX: Final = 15
RESTARTS_MAX: Final = 1_000_000
"""Quick failures in a row until supervisord gives up: never, since a broker may be away for long. It backs off by itself."""
SERVICE_RESTARTS: Final = ("autorestart=true", "startsecs=1", f"startretries={RESTARTS_MAX}")
PROCESS_RESTARTS: Final = ("autorestart=unexpected", f"exitcodes={EXIT_REFUSED}", "startsecs=0")
"""Supervisord ignores the exit status of a program that ends within `startsecs`, so that is 0."""
LOG_MB_MAX: Final = 20
MARK: Final = "PROOFDESK_SUPERVISED_IN"
"""Marks a cluster's processes, to find them if supervisord dies before them. No person's shell has it."""
KEPT_VARIABLES: Final = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "JAVA_HOME",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "PROOFDESK_LOG_LEVEL",
    "PROOFDESK_DEVELOPMENT",
)
"""The variables that a cluster takes from the shell that started it."""


@dataclass(frozen=True, slots=True)
class Program:
    """One program for supervisord. `service` programs start at once and stop last."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    service: bool = False
    user: str | None = None
    stop_signal: str = "TERM"

    @property
    def full_name(self) -> str:
        """Supervisord's name of the program."""
        return f"{'services' if self.service else 'processes'}:{self.name}"


@dataclass(frozen=True, slots=True)
class Running:
    """A program as supervisord sees it. `state` is supervisord's; `why` is the last error of one not restarted."""

    name: str
    state: str
    pid: int
    seconds: int
    why: str = ""


class Supervisor:
    """The supervisord of one cluster, running or not."""

    def __init__(self, runtime: Runtime) -> None:
        """Connect to nothing yet."""
        self._runtime = runtime
        self._folder = runtime.folder
        self._password = runtime.password("supervisor.json")
        port = runtime.ports()["supervisor"]
        self._place = f"{LOOPBACK}:{port}"
        self._server = ServerProxy(f"http://proofdesk:{self._password}@{self._place}/RPC2")

    @property
    def pid(self) -> int | None:
        """Process id of the running supervisord, None when there is none."""
        try:
            pid = int((self._folder / "supervisord.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if alive(pid) else None

    def start(self, programs: Iterable[Program]) -> None:
        """Start supervisord and with it the services. Raises ClusterError, NotReady."""
        settings = self._folder / "supervisord.conf"
        write_private(settings, self._configuration(list(programs)).encode())
        started = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(settings)],
            env={name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if started.returncode != 0:
            raise ClusterError(f"supervisord did not start: {started.stderr.strip() or started.stdout.strip()}")
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._answers():
            if time.monotonic() > deadline:
                raise NotReady("supervisord", START_SECONDS_MAX, self._runtime.logs / "supervisord.log")
            time.sleep(POLL_SECONDS)

    def _answers(self) -> bool:
        try:
            self._server.supervisor.getState()
        except (OSError, Error):
            return False
        return True

    def start_processes(self) -> None:
        """Start our own processes without waiting for them."""
        self._order("startProcessGroup", "processes", False)  # noqa: FBT003 - XML-RPC takes arguments by place

    def restart(self, full_name: str) -> None:
        """Stop one program and start it again."""
        self._order("stopProcess", full_name)
        self._order("startProcess", full_name)

    def stop_program(self, full_name: str) -> None:
        """Stop one program; it stays stopped."""
        self._order("stopProcess", full_name)

    def start_program(self, full_name: str) -> None:
        """Start one program that was stopped."""
        self._order("startProcess", full_name)

    def running(self) -> tuple[Running, ...]:
        """Every program, services first."""
        found = self._order("getAllProcessInfo")
        programs = [
            Running(
                name=str(each["name"]),
                state=str(each["statename"]).lower(),
                pid=int(each["pid"]),
                seconds=int(each["now"]) - int(each["start"]) if each["pid"] else 0,
                why=self._why(each),
            )
            for each in sorted(found, key=lambda each: str(each["group"]), reverse=True)
        ]
        return tuple(programs)

    def _why(self, process: Mapping[str, Any]) -> str:
        """Return the reason that a process is not restarted; empty for any other process."""
        if str(process["statename"]) != "EXITED" or process["exitstatus"] != EXIT_REFUSED:
            return ""
        return last_error(self._runtime.logs / f"{process['name']}.log")

    def stop(self) -> None:
        """Stop supervisord and all its programs, and check that none is left. Raises ClusterError."""
        pid = self.pid
        if pid is None:
            self._stop_strays()
            return
        children = self._children()
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS_MAX
        while any(alive(each) for each in (pid, *children)):
            if time.monotonic() > deadline:
                left = [each for each in (pid, *children) if alive(each)]
                raise ClusterError(f"processes {left} do not stop; see {self._runtime.logs}, then kill -9 them")
            time.sleep(POLL_SECONDS)

    def _stop_strays(self) -> None:
        """Stop the programs that a killed supervisord left behind. Raises ClusterError."""
        strays = self._strays()
        for stray in strays:
            with suppress(psutil.NoSuchProcess):
                stray.terminate()
        for survivor in psutil.wait_procs(strays, timeout=PROGRAM_STOP_SECONDS_MAX)[1]:
            with suppress(psutil.NoSuchProcess):
                survivor.kill()
        left = [each.pid for each in psutil.wait_procs(strays, timeout=PROGRAM_STOP_SECONDS_MAX)[1]]
        if left:
            raise ClusterError(f"processes {left} do not stop; see {self._runtime.logs}, then reboot: they ignore SIGKILL")

    def _strays(self) -> list[psutil.Process]:
        """Return this cluster's processes, found by the mark in their environment."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(MARK) == str(self._folder):
                    found.append(process)
        return found

    def _children(self) -> list[int]:
        try:
            return [each.pid for each in self.running() if each.pid]
        except ClusterError:  # it is stopping already, or its port is taken: wait for supervisord alone
            return []

    def _order(self, method: str, *arguments: str | bool) -> Any:
        try:
            return getattr(self._server.supervisor, method)(*arguments)
        except (OSError, Error) as failure:
            reason = f"{type(failure).__name__}: {getattr(failure, 'faultString', failure)}"
            raise ClusterError(f"supervisord at {self._place}: {method} {arguments}: {reason}; see make status") from failure

    def _configuration(self, programs: list[Program]) -> str:
        sections = [
            "[supervisord]",
            f"pidfile={_escaped(self._folder)}/supervisord.pid",
            f"logfile={_escaped(self._runtime.logs)}/supervisord.log",
            f"directory={_escaped(ROOT)}",
            "umask=077",
            *(["user=root"] if os.geteuid() == 0 else []),
            "[inet_http_server]",
            f"port={self._place}",
            "username=proofdesk",
            f"password={self._password}",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        ]
        for program in programs:
            sections += self._section(program)
        for group, priority in (("services", 1), ("processes", 2)):
            names = [each.name for each in programs if each.service == (group == "services")]
            if names:
                sections += [f"[group:{group}]", f"programs={','.join(names)}", f"priority={priority}"]
        return "\n".join(sections) + "\n"

    def _section(self, program: Program) -> list[str]:
        marked = {**program.environment, MARK: str(self._folder)}
        environment = ",".join(f'{name}="{_escaped(value)}"' for name, value in marked.items())
        return [
            f"[program:{program.name}]",
            f"command={_escaped(shlex.join(program.command))}",
            f"environment={environment}",
            f"autostart={'true' if program.service else 'false'}",
            *(SERVICE_RESTARTS if program.service else PROCESS_RESTARTS),
            f"stopsignal={program.stop_signal}",
            f"stopwaitsecs={PROGRAM_STOP_SECONDS_MAX}",
            "killasgroup=true",
            f"stdout_logfile={_escaped(self._runtime.logs / program.name)}.log",
            f"stdout_logfile_maxbytes={LOG_MB_MAX}MB",
            "stdout_logfile_backups=1",
            "redirect_stderr=true",
            *([f"user={program.user}"] if program.user else []),
        ]


def alive(pid: int) -> bool:
    """Return True if a process exists and is no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    state = Path(f"/proc/{pid}/stat")
    try:
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _escaped(text: object) -> str:
    """Escape `%`, which supervisord's configuration expands."""
    return str(text).replace("%", "%%")
