"""Restricts this process with Landlock to listed files and TCP ports.

The rules are those of `landlock(7)` and linux/landlock.h. Parts that the running kernel's ABI lacks are not enforced, and the
result says so: TCP needs ABI 4 (Linux 6.7), scopes ABI 6 (Linux 6.12).
Leaves out everything but files opened by path and TCP ports: see `syscall_filter`.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path
from typing import Final

SYSCALL_CREATE_RULESET: Final = 444
SYSCALL_ADD_RULE: Final = 445
SYSCALL_RESTRICT_SELF: Final = 446
CREATE_RULESET_VERSION: Final = 1
RULE_PATH_BENEATH: Final = 1
RULE_NET_PORT: Final = 2
PR_SET_NO_NEW_PRIVS: Final = 38

ABI_NONE: Final = 0
ABI_REFER: Final = 2
ABI_TRUNCATE: Final = 3
ABI_TCP: Final = 4
ABI_IOCTL: Final = 5
ABI_SCOPES: Final = 6


class FileAccess(IntFlag):
    """LANDLOCK_ACCESS_FS_*."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


class PortAccess(IntFlag):
    """LANDLOCK_ACCESS_NET_*."""

    BIND_TCP = 1 << 0
    CONNECT_TCP = 1 << 1


class Scope(IntFlag):
    """LANDLOCK_SCOPE_*: limits on reaching other processes."""

    ABSTRACT_UNIX_SOCKET = 1 << 0
    SIGNAL = 1 << 1


# No EXECUTE anywhere: the process runs no program, and mapping a library needs only read access.
READ: Final = FileAccess.READ_FILE | FileAccess.READ_DIR
WRITE: Final = (
    READ
    | FileAccess.WRITE_FILE
    | FileAccess.TRUNCATE
    | FileAccess.MAKE_REG
    | FileAccess.MAKE_DIR
    | FileAccess.REMOVE_FILE
    | FileAccess.REMOVE_DIR
    | FileAccess.REFER
)
# The rights that apply to a plain file; the kernel refuses rules with more.
ON_FILES: Final = FileAccess.READ_FILE | FileAccess.WRITE_FILE | FileAccess.TRUNCATE


@dataclass(frozen=True, slots=True)
class Ruleset:
    """The restrictions that the kernel enforces on this thread and everything that it starts."""

    abi: int
    files: bool
    ports: bool
    scopes: bool


def abi() -> int:
    """Return the kernel's Landlock ABI, 0 where there is none."""
    if sys.platform != "linux":
        return ABI_NONE
    try:
        return _syscall(SYSCALL_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(CREATE_RULESET_VERSION))
    except OSError:
        return ABI_NONE


def restrict(read: Iterable[Path], write: Iterable[Path], connect_ports: Iterable[int]) -> Ruleset:
    """Allow reading below `read`, reading and writing below `write`, connecting to `connect_ports`; nothing else.

    Raises FileNotFoundError for a path that is not there, OSError when the kernel refuses.
    """
    version = abi()
    if version == ABI_NONE:
        return Ruleset(ABI_NONE, files=False, ports=False, scopes=False)
    handled = _handled(version)
    ruleset = _create(version, handled)
    try:
        for path in read:
            _allow_path(ruleset, path, READ & handled)
        for path in write:
            _allow_path(ruleset, path, WRITE & handled)
        if version >= ABI_TCP:
            for port in connect_ports:
                rule = struct.pack("=QQ", PortAccess.CONNECT_TCP, port)
                _syscall(SYSCALL_ADD_RULE, ruleset, RULE_NET_PORT, rule, 0)
        forbid_new_privileges()
        _syscall(SYSCALL_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return Ruleset(version, files=True, ports=version >= ABI_TCP, scopes=version >= ABI_SCOPES)


def forbid_new_privileges() -> None:
    """Give up set-uid and file capabilities for good; Landlock and seccomp require it of unprivileged processes."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")


def _handled(version: int) -> FileAccess:
    since = {FileAccess.REFER: ABI_REFER, FileAccess.TRUNCATE: ABI_TRUNCATE, FileAccess.IOCTL_DEV: ABI_IOCTL}
    handled = FileAccess(0)
    for access in FileAccess:
        if version >= since.get(access, 1):
            handled |= access
    return handled


def _create(version: int, handled: FileAccess) -> int:
    ports = PortAccess.BIND_TCP | PortAccess.CONNECT_TCP if version >= ABI_TCP else PortAccess(0)
    scopes = Scope.ABSTRACT_UNIX_SOCKET | Scope.SIGNAL if version >= ABI_SCOPES else Scope(0)
    # An older kernel accepts the longer structure as long as the fields it does not know are zero.
    attributes = struct.pack("=QQQ", handled, ports, scopes)
    return _syscall(SYSCALL_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)


def _allow_path(ruleset: int, path: Path, access: FileAccess) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        allowed = access if path.is_dir() else access & ON_FILES
        _syscall(SYSCALL_ADD_RULE, ruleset, RULE_PATH_BENEATH, struct.pack("=Qi", allowed, descriptor), 0)
    finally:
        os.close(descriptor)


def _syscall(number: int, *arguments: object) -> int:
    outcome: int = ctypes.CDLL(None, use_errno=True).syscall(number, *arguments)
    if outcome < 0:
        failure = ctypes.get_errno()
        raise OSError(failure, os.strerror(failure))
    return outcome
