"""The sandbox's inside: a small clean interpreter that forks one confined process for each run.

Started by :class:`filters.sandbox.Sandbox`, which it talks to in JSON. It never runs foreign code
itself, and what the confined processes write it hands on unread. It needs nothing but the standard
library.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import importlib
import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from importlib.machinery import BuiltinImporter, FrozenImporter
from multiprocessing.connection import Connection
from typing import Literal, NoReturn, TypedDict

from filters import confinement

MODULES: tuple[str, ...] = (
    *("abc", "array", "base64", "binascii", "bisect", "calendar", "cmath", "collections"),
    *("collections.abc", "contextlib", "copy", "csv", "dataclasses", "datetime", "_strptime"),
    *("decimal", "difflib", "enum", "fractions", "functools", "hashlib", "heapq", "html"),
    *("inspect", "io", "itertools", "json", "math", "numbers", "operator", "os", "random", "re"),
    *("statistics", "string", "struct", "sys", "textwrap", "time", "types", "typing"),
    *("unicodedata", "uuid", "zlib"),
)
"""Modules that runs can count on; all are loaded beforehand, since a run can open no file. What
else the interpreter holds they may import too, and are refused what it is for."""

_CODECS = (
    *("ascii", "latin_1", "cp1252", "utf_8", "utf_8_sig", "utf_16", "utf_16_le", "utf_16_be"),
    *("utf_32", "unicode_escape", "hex_codec", "base64_codec", "rot_13"),
)

Ended = Literal["exited", "killed", "too slow", "too much output"]

EXIT_WRITTEN, EXIT_MEMORY, EXIT_FAULT = 0, 11, 12
"""How a confined process ends: with its report written, out of memory, or otherwise."""

MOST_CROWDED = 30.0
"""Seconds by the clock that a second of a run's processor time may take: others compute too."""

_RESULT = 3  # the pipe of a confined process that its report goes into
_CHUNK = 1 << 16


class Request(TypedDict):
    """One run: the source of a function, its name, and the arguments of each call."""

    source: str
    function: str
    calls: list[list[object]]
    cpu_seconds: float
    wall_seconds: float
    memory_mib: int
    output_bytes: int


class Reply(TypedDict):
    """How a run ended; `code` is its exit code or signal, `output` its report, unread."""

    ended: Ended
    code: int
    output: str


class Report(TypedDict, total=False):
    """What a confined process writes: one of these."""

    returned: list[object]
    raised: str
    missing: bool
    unwritable: bool


def serve(descriptor: int) -> None:
    """Answer requests until there are no more.

    Args:
        descriptor: Of the connection that they come from.
    """
    connection = Connection(descriptor)
    protections = confinement.leave_network_and_processes()
    server = Server(owns_processes=confinement.OWN_PROCESSES in protections)
    protections += server.protections
    connection.send_bytes(json.dumps(protections).encode())
    while True:
        try:
            request: Request = json.loads(connection.recv_bytes())
        except EOFError:
            return
        connection.send_bytes(json.dumps(server.run(request)).encode())


class Server:
    """Forks and confines.

    Args:
        owns_processes: Whether this process is the first of a namespace of its own, so that it may
            kill all that it sees.

    Attributes:
        protections: What holds the confined processes.
    """

    def __init__(self, owns_processes: bool) -> None:
        self._owns_processes = owns_processes
        for name in (*MODULES, *(f"encodings.{codec}" for codec in _CODECS)):
            importlib.import_module(name)
        self._taken = confinement.address_space()
        self._filter = self._tried_filter()
        self.protections = [confinement.LIMITS, confinement.AUDITED]
        if self._filter is not None:
            self.protections.append(confinement.NO_SYSTEM_CALLS)
        gc.freeze()  # forks then share what is loaded

    def run(self, request: Request) -> Reply:
        """Run in a process of its own, and end whatever it has started."""
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._run_confined(request, write_end)
        os.close(write_end)
        output, ended = _read(read_end, pid, request)
        os.close(read_end)
        # One that has written and ended keeps its exit code; one that only closed the pipe is
        # killed here like one that ran over.
        self._kill(pid)
        _, status = os.waitpid(pid, 0)
        self._reap_strays()
        code = os.waitstatus_to_exitcode(status)
        if ended == "exited" and code < 0:
            ended = "too slow" if -code in (signal.SIGPROF, signal.SIGXCPU) else "killed"
        return {"ended": ended, "code": code, "output": output.decode("utf-8", "replace")}

    def _kill(self, pid: int) -> None:
        """Kill a run that has not been waited for, with its group, or all that can be seen."""
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        if self._owns_processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)

    def _reap_strays(self) -> None:
        """Wait for what a run has left behind; as the first process, this one inherits it."""
        with contextlib.suppress(ChildProcessError):
            while self._owns_processes:
                os.waitpid(-1, 0)

    def _run_confined(self, request: Request, result: int) -> NoReturn:
        leave = os._exit  # under a name that the completion cannot put something else under
        code = EXIT_FAULT
        try:
            self._confine(request, result)
            _write(_report(request))
            code = EXIT_WRITTEN
        except MemoryError:
            code = EXIT_MEMORY
        finally:
            leave(code)

    def _confine(self, request: Request, result: int) -> None:
        os.setsid()
        confinement.die_with_parent()
        os.dup2(result, _RESULT)
        os.closerange(_RESULT + 1, os.sysconf("SC_OPEN_MAX"))
        os.dup2(1, 2)  # nothing: what it prints is of no use
        random.seed(0)  # so that a verdict repeats
        sys.path.clear()
        sys.meta_path[:] = [BuiltinImporter, FrozenImporter]
        memory = self._taken + (request["memory_mib"] << 20)
        confinement.limit(request["cpu_seconds"], memory, _RESULT + 1)
        if self._filter is not None:
            self._filter.put_on()
        confinement.audit()

    @staticmethod
    def _tried_filter() -> confinement.SystemCallFilter | None:
        """The filter of system calls, if this system has one and it refuses what it must."""
        try:
            system_calls = confinement.SystemCallFilter()
        except OSError:
            return None
        pid = os.fork()
        if pid == 0:
            code = EXIT_FAULT
            try:
                system_calls.put_on()
                tried = (lambda: os.open("/", os.O_RDONLY), os.pipe, os.fork)
                code = EXIT_WRITTEN if all(map(_is_refused, tried)) else EXIT_FAULT
            finally:
                os._exit(code)
        return system_calls if os.waitpid(pid, 0)[1] == EXIT_WRITTEN else None


def _report(request: Request) -> str:
    """Run the completion and write down what its function returns, as JSON of a `Report`."""
    names: dict[str, object] = {"__name__": "completion", "__builtins__": builtins}
    returned: list[str] = []
    try:
        # Not under this file's own `from __future__`.
        exec(compile(request["source"], "completion", "exec", dont_inherit=True), names)
        function = names.get(request["function"])
        if not callable(function):
            return json.dumps(Report(missing=True))
        for arguments in request["calls"]:
            # Written at once: later calls may change it.
            result = function(*arguments)
            try:
                returned.append(json.dumps(result))
            except (TypeError, ValueError, RecursionError):
                return json.dumps(Report(unwritable=True))
    except MemoryError:
        raise
    except BaseException as error:  # whatever it raises, an exit included, is its result
        return json.dumps(Report(raised=type(error).__name__))
    return f'{{"returned": [{", ".join(returned)}]}}'


def _write(report: str) -> None:
    left = memoryview(report.encode())
    while left:
        left = left[os.write(_RESULT, left) :]


def _read(pipe: int, pid: int, request: Request) -> tuple[bytes, Ended]:
    """Read until the other end closes, time is up or it has become too much."""
    until = time.monotonic() + request["wall_seconds"]
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    read = bytearray()
    while len(read) <= request["output_bytes"]:
        left = until + MOST_CROWDED * _processor_seconds(pid) - time.monotonic()
        if not poll.poll(max(0.0, left) * 1000):
            if left <= 0:
                return bytes(read), "too slow"
            continue  # unless it has waited all that time, it has more by now
        chunk = os.read(pipe, _CHUNK)
        if not chunk:
            return bytes(read), "exited"
        read += chunk
    return b"", "too much output"


def _processor_seconds(pid: int) -> float:
    """Processor time of another process; 0 where the system does not say."""
    if sys.platform != "linux":
        return 0.0
    with contextlib.suppress(OSError):
        # As clock_getcpuclockid(3) makes it, which Python has for threads only.
        return time.clock_gettime(~pid << 3 | 2)
    return 0.0


def _is_refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except PermissionError:
        return True
    return False
