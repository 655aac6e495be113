"""Reads and writes files that only their owner may read: keys, PINs, credentials.

Reads a secret only from a regular file of mode 0600 that belongs to the reading user. Writes it so that at no moment
another user could read it and no crash leaves half of it. The rule is OpenSSH's for private keys (`ssh(1)`, FILES).
Leaves out the content's meaning, and encryption at rest.
"""

import os
import secrets
import stat
from pathlib import Path
from typing import Final

PRIVATE_FILE_MODE: Final = 0o600
PRIVATE_FOLDER_MODE: Final = 0o700
PRIVATE_FILE_BYTES_MAX: Final = 1_048_576


class PrivateFileRefused(Exception):
    """The file is not private or not usable; the message says what to do."""

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        """Say what is wrong with `path`, and the `remedy` a person can apply."""
        super().__init__(f"{path}: {problem}; {remedy}")
        self.path = path
        self.problem = problem
        self.remedy = remedy


def read_private(path: Path) -> bytes:
    """Return the bytes of `path`, at most PRIVATE_FILE_BYTES_MAX.

    Raises PrivateFileRefused unless it is a regular file, not a symbolic link, owned by the current user, mode 0600.
    The checks are made on the opened descriptor, so the file cannot be swapped between check and use.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise PrivateFileRefused(path, "no such file", "create it, or correct the path") from None
    except OSError as failure:
        problem = failure.strerror or "cannot be opened"
        raise PrivateFileRefused(path, problem, "name a plain, readable file") from failure
    try:
        _check_private(path, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(PRIVATE_FILE_BYTES_MAX)
    finally:
        os.close(descriptor)


def write_private(path: Path, content: bytes) -> None:
    """Replace `path` by `content`, mode 0600, durably: after the return a crash cannot bring the old bytes back."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _create_private(draft, content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def create_private(path: Path, content: bytes) -> None:
    """Write `content` to a new file `path`, mode 0600, durably. Raises PrivateFileRefused when `path` exists."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _create_private(draft, content)
        # A link, unlike a rename, never replaces: of two creators only one succeeds.
        os.link(draft, path)
    except FileExistsError:
        raise PrivateFileRefused(path, "already exists", "choose another path, or remove it by hand") from None
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def _create_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, PRIVATE_FILE_MODE)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _check_private(path: Path, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        raise PrivateFileRefused(path, "is not a regular file", "name a plain file")
    if status.st_uid != os.geteuid():
        raise PrivateFileRefused(path, f"belongs to user {status.st_uid}", f"chown {os.geteuid()} {path}")
    if mode != PRIVATE_FILE_MODE:
        raise PrivateFileRefused(path, f"has mode {mode:04o}, others might read or change it", f"chmod 0600 {path}")
    if status.st_size > PRIVATE_FILE_BYTES_MAX:
        raise PrivateFileRefused(path, f"is over {PRIVATE_FILE_BYTES_MAX} bytes", "name the file of the secret itself")


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable: creations, renames and removals survive a crash."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
