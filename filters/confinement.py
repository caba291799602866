"""What a process gives up for good before it runs code that nobody has read.

Runs inside the sandbox's own interpreter, so it needs nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

NO_SYSTEM_CALLS = "system calls refused"
NO_NETWORK = "network of its own, empty"
OWN_PROCESSES = "sees no other processes"
LIMITS = "limits on time, memory, files and processes"
AUDITED = "files, sockets, processes and ctypes refused by an audit hook"

# Linux: include/uapi/linux/{sched,prctl,seccomp,audit,bpf_common}.h
_NEW_USER, _NEW_IPC, _NEW_PROCESSES, _NEW_NETWORK = 0x10000000, 0x08000000, 0x20000000, 0x40000000
_SET_PARENT_DEATH_SIGNAL, _SET_SECCOMP, _SET_NO_NEW_PRIVILEGES = 1, 22, 38
_FILTER_MODE = 2
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050001  # refuse: the call fails with EPERM
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER_AT, _MACHINE_AT = 0, 4


class _Machine(NamedTuple):
    """Numbers of an architecture: its own, and those of the system calls that are let through."""

    audit: int
    calls: Mapping[str, int]


# What plain computing in one thread needs, and no more: memory, clocks, random bytes, writing to
# what is open, the end. No opening, no sockets, no processes, no signals, no timers.
_MACHINES: Mapping[str, _Machine] = MappingProxyType(
    {
        "x86_64": _Machine(
            0xC000003E,
            MappingProxyType(
                {
                    **{"write": 1, "close": 3, "fstat": 5, "lseek": 8, "mmap": 9, "mprotect": 10},
                    **{"munmap": 11, "brk": 12, "rt_sigreturn": 15, "sched_yield": 24},
                    **{"mremap": 25, "madvise": 28, "getpid": 39, "exit": 60, "gettimeofday": 96},
                    **{"getrusage": 98, "times": 100, "gettid": 186, "time": 201, "futex": 202},
                    **{"restart_syscall": 219, "clock_gettime": 228, "clock_getres": 229},
                    **{"exit_group": 231, "getrandom": 318},
                }
            ),
        ),
        "aarch64": _Machine(
            0xC00000B7,
            MappingProxyType(
                {
                    **{"close": 57, "lseek": 62, "write": 64, "fstat": 80, "exit": 93},
                    **{"exit_group": 94, "futex": 98, "clock_gettime": 113, "clock_getres": 114},
                    **{"sched_yield": 124, "restart_syscall": 128, "rt_sigreturn": 139},
                    **{"times": 153, "getrusage": 165, "gettimeofday": 169, "getpid": 172},
                    **{"gettid": 178, "brk": 214, "munmap": 215, "mremap": 216, "mmap": 222},
                    **{"mprotect": 226, "madvise": 233, "getrandom": 278},
                }
            ),
        ),
    }
)

# Events of plain computing; see "Audit events table" in Python's documentation. All others (open,
# os.*, socket.*, subprocess.*, ctypes.*, signal.*, gc.*, ...) are refused.
_EVENTS = frozenset(
    {"import", "compile", "exec", "object.__getattr__", "object.__setattr__", "object.__delattr__"}
    | {"sys._getframe", "builtins.id", "array.__new__", "code.__new__", "function.__new__"}
    | {"sys.unraisablehook", "marshal.loads", "sys._getframemodulename"}
)


def leave_network_and_processes() -> list[str]:
    """Move to namespaces of its own, where Linux permits.

    Afterwards this function has returned in another process, the first of its namespace: when it
    ends, however that comes about, the system ends all others in it. The process that called waits
    for it and ends with it.

    Returns:
        The protections gained.
    """
    if sys.platform != "linux":
        return []
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_NEW_USER | _NEW_NETWORK | _NEW_IPC | _NEW_PROCESSES) != 0:
        return []
    first = os.fork()
    if first:
        _, status = os.waitpid(first, 0)
        os._exit(0 if status == 0 else 1)
    return [NO_NETWORK, OWN_PROCESSES]


class SystemCallFilter:
    """Linux's filter of system calls (seccomp), ready to be put on.

    Raises:
        OSError: There is none for this system or architecture.
    """

    def __init__(self) -> None:
        machine = _MACHINES.get(platform.machine())
        if sys.platform != "linux" or machine is None or struct.calcsize("P") != 8:
            raise OSError("no filter of system calls for this system")
        self._library = ctypes.CDLL(None, use_errno=True)
        instructions = _program(machine)
        self._code = ctypes.create_string_buffer(b"".join(instructions))
        self._program = ctypes.create_string_buffer(
            struct.pack("@HP", len(instructions), ctypes.addressof(self._code))
        )

    def put_on(self) -> None:
        """Refuse this process and all that come from it every call that is not on the list.

        Raises:
            OSError: The system does not let it.
        """
        zero = ctypes.c_ulong(0)
        one = ctypes.c_ulong(1)
        if self._library.prctl(_SET_NO_NEW_PRIVILEGES, one, zero, zero, zero) != 0:
            raise OSError(ctypes.get_errno(), "privileges could not be given up")
        address = ctypes.c_ulong(ctypes.addressof(self._program))
        if self._library.prctl(_SET_SECCOMP, ctypes.c_ulong(_FILTER_MODE), address, zero, zero):
            raise OSError(ctypes.get_errno(), "system calls could not be filtered")


def die_with_parent() -> None:
    """Be killed by the system when the parent ends, where Linux can do that."""
    if sys.platform == "linux":
        kill = ctypes.c_ulong(signal.SIGKILL)
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, kill)


def limit(cpu_seconds: float, memory_bytes: int, open_files: int) -> None:
    """Bound what this process may use; what runs over its processor time is killed.

    Args:
        cpu_seconds: Processor time, user and system.
        memory_bytes: Address space in all; macOS does not keep it.
        open_files: One above the highest file descriptor allowed.
    """
    seconds = int(cpu_seconds) + 1
    bounds = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: open_files,
        resource.RLIMIT_CORE: 0,
        # Not kept where the process is root's: there the filter of system calls is what counts.
        resource.RLIMIT_NPROC: 0,
    }
    for kind, most in bounds.items():
        resource.setrlimit(kind, (most, most))
    with contextlib.suppress(ValueError):  # macOS
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    # To the millisecond, where the limit above knows whole seconds only.
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)


def address_space() -> int:
    """Bytes of address space that this process has taken; 0 where the system does not say."""
    with contextlib.suppress(OSError), open("/proc/self/statm", encoding="ascii") as pages:
        return int(pages.read().split()[0]) * resource.getpagesize()
    return 0


def audit() -> None:
    """Refuse whatever Python reports about itself and plain computing does not need.

    The second belt: code that gets hold of raw memory can undo it, and only Python reports.
    """
    known = _EVENTS

    def refuse(event: str, _: tuple[object, ...]) -> None:
        if event not in known:
            raise PermissionError(f"{event} is not allowed here")

    sys.addaudithook(refuse)


def _program(machine: _Machine) -> list[bytes]:
    """The filter as instructions of the kernel's packet filter."""

    def step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
        return struct.pack("=HBBI", code, if_true, if_false, value)

    checks = [
        each
        for number in machine.calls.values()
        for each in (step(_JUMP_IF_EQUAL, number, 0, 1), step(_RETURN, _ALLOW))
    ]
    return [
        step(_LOAD, _MACHINE_AT),
        step(_JUMP_IF_EQUAL, machine.audit, 1, 0),
        step(_RETURN, _KILL),
        step(_LOAD, _NUMBER_AT),
        *checks,
        step(_RETURN, _REFUSE),
    ]
