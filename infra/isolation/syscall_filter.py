"""Refuses system calls to this process with seccomp.

Forbids listening, execution, sockets other than outgoing TCP, and access to other processes. Forbids the ways around these
rules: io_uring, which seccomp does not see; protocols and implicit connects (MPTCP, SCTP, TCP Fast Open) that Landlock's TCP
rules do not cover; new namespaces, which would give the rest back. Forbids two things that Landlock permits: changing modes
and owners of files, and sharing memory. Refused calls fail with EPERM. Needs libseccomp (libseccomp2 on Debian), found by
pyseccomp.
Refuses listed calls instead of allowing listed calls: the C libraries' calls change with their versions, and a signer
that dies of a new call during a signature is worse than a harmless call that is not refused.
"""

import errno
import socket
from typing import Final

try:
    import pyseccomp  # type: ignore[import-untyped] # it has no stubs
except (ImportError, RuntimeError, OSError):  # Not Linux, or no libseccomp: the sandbox reports it.
    pyseccomp = None

REFUSED_CALLS: Final = (
    *("bind", "listen", "accept", "accept4"),
    *("execve", "execveat"),
    *("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register"),
    *(
        "mount",
        "umount2",
        "move_mount",
        "mount_setattr",
        "fsopen",
        "fspick",
        "fsconfig",
        "fsmount",
        "open_tree",
        "open_tree_attr",
    ),
    *("pivot_root", "chroot", "setns", "unshare"),
    *("chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "setxattr", "lsetxattr", "setxattrat"),
    *("shmget", "shmat", "msgget", "msgsnd", "semget", "mq_open"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "bpf", "perf_event_open"),
    *("userfaultfd", "keyctl", "add_key", "request_key", "open_by_handle_at", "swapon", "swapoff", "reboot"),
)
NEWEST_CALLS: Final = {"fchmodat2": 452, "setxattrat": 463, "open_tree_attr": 467}
"""Numbers of calls that a kernel may have although its libseccomp lacks them; the same on all architectures."""
UNHEARD_OF: Final = -1
SOCKET_TYPE_MASK: Final = 0xF
SOCKET_TYPES: Final = range(SOCKET_TYPE_MASK + 1)
IPPROTO_TCP: Final = 6
MSG_FASTOPEN: Final = 0x2000_0000
# Position of the flags among the arguments of each call that sends.
SEND_FLAGS: Final = {"sendto": 3, "sendmsg": 2, "sendmmsg": 3}
NAMESPACE_FLAGS: Final = (0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000)
FAMILIES_ALLOWED: Final = (int(socket.AF_INET), int(socket.AF_INET6))


def available() -> bool:
    """Return True if this machine can load a filter."""
    return pyseccomp is not None


def load() -> None:
    """Refuse the calls to this thread and to all that it starts, for good. Raises OSError when the kernel refuses."""
    refuse = pyseccomp.ERRNO(errno.EPERM)
    calls = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for call in REFUSED_CALLS:
        if (number := _number(call)) is not None:
            calls.add_rule(refuse, number)
    _refuse_sockets(calls, refuse)
    for call, position in SEND_FLAGS.items():
        calls.add_rule(refuse, call, pyseccomp.Arg(position, pyseccomp.MASKED_EQ, MSG_FASTOPEN, MSG_FASTOPEN))
    for flag in NAMESPACE_FLAGS:
        calls.add_rule(refuse, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag))
    # clone3 takes its flags through a pointer, which no filter can follow. ENOSYS makes the C library use clone.
    calls.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    calls.load()


def _number(call: str) -> int | None:
    """Return a call's number; None where neither this libseccomp nor `NEWEST_CALLS` has one."""
    number: int = pyseccomp.resolve_syscall(pyseccomp.system_arch(), call)
    return NEWEST_CALLS.get(call) if number == UNHEARD_OF else number


def _refuse_sockets(calls: "pyseccomp.SyscallFilter", refuse: int) -> None:
    """Refuse socket() except TCP over IPv4 and IPv6, and socketpair() except streams, whose ends reach only each other.

    An end of a datagram pair could send to any Unix socket, such as a log's or an accomplice's, and pass open files.
    """
    family_max = max(FAMILIES_ALLOWED)
    for family in range(family_max + 1):
        if family not in FAMILIES_ALLOWED:
            calls.add_rule(refuse, "socket", pyseccomp.Arg(0, pyseccomp.EQ, family))
    calls.add_rule(refuse, "socket", pyseccomp.Arg(0, pyseccomp.GT, family_max))
    for kind in SOCKET_TYPES:
        if kind != socket.SOCK_STREAM:
            for call in ("socket", "socketpair"):
                calls.add_rule(refuse, call, pyseccomp.Arg(1, pyseccomp.MASKED_EQ, SOCKET_TYPE_MASK, kind))
    for protocol in range(1, IPPROTO_TCP):
        calls.add_rule(refuse, "socket", pyseccomp.Arg(2, pyseccomp.EQ, protocol))
    calls.add_rule(refuse, "socket", pyseccomp.Arg(2, pyseccomp.GT, IPPROTO_TCP))
