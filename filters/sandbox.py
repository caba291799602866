"""Running code that a model wrote, at a distance.

    with Sandbox() as sandbox:
        outcome = sandbox.run("def total(numbers): return sum(numbers)", "total", [[[1, 2]]])
    assert outcome.returned == [3]

A small interpreter is started once, with no environment, in a folder that no longer exists. For
each run it forks a process that gives up everything but computing (:mod:`filters.confinement`), and
kills it, with all that it may have started, when it is done or its time is up. A fork takes
milliseconds, and no run sees what another has done.

What protects depends on the system; :attr:`Sandbox.protections` says what there is. The wall is
Linux's filter of system calls: a run cannot open files, make sockets or processes, or send signals,
whatever it does to its interpreter. Namespaces, limits and an audit hook stand behind and before
it. Where there is no such filter, only `weak` sandboxes run, which code made for it can leave.

A completion shares its interpreter with the code that reports what it returned, so it can report
what it likes: that it failed, or made-up results. The results expected never enter the sandbox, so
made-up results must be right to be of use. It can also use the time, memory and output that it is
allowed, read the clock, and recognise arguments.
"""

from __future__ import annotations

import builtins
import json
import os
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, cast

from filters.confinement import NO_SYSTEM_CALLS
from filters.sandbox_server import (
    EXIT_MEMORY,
    EXIT_WRITTEN,
    MOST_CROWDED,
    Reply,
    Report,
    Request,
)
from subliminal.errors import UserError

End = Literal[
    "returned", "raised", "no such function", "no JSON", "too slow", "too much memory",
    "too much output", "crashed",
]  # fmt: skip

ANOTHER_EXCEPTION = "an exception of its own"

# The package's own __init__ loads what the sandbox must not hold, so an empty one stands in for it.
_START = """\
import sys, types
package = sys.modules["filters"] = types.ModuleType("filters")
package.__path__ = [sys.argv[1]]
from filters.sandbox_server import serve
serve(int(sys.argv[2]))
"""
_GRACE_SECONDS = 30.0  # for a reply, beyond what its run may take
_STOP_SECONDS = 5.0
_ATTEMPTS = 2  # at a run whose interpreter ends or hangs
_EXCEPTIONS = frozenset(
    name
    for name, each in vars(builtins).items()
    if isinstance(each, type) and issubclass(each, BaseException)
)


@dataclass(frozen=True)
class Limits:
    """What one run may use.

    Attributes:
        cpu_seconds: Processor time, so that a busy machine changes no verdict.
        wall_seconds: Time by the clock, for runs that wait instead of computing; what they compute
            may take as much longer as a busy machine makes it.
        memory_mib: Address space beyond the interpreter's own; not kept on macOS.
        output_bytes: Length of all results as JSON.
    """

    cpu_seconds: float = 1.0
    wall_seconds: float = 10.0
    memory_mib: int = 128
    output_bytes: int = 1 << 20


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        end: In one word or few; `crashed` is an end by a signal or without a report.
        returned: What each call returned, as JSON holds it (tuples are lists), if all returned.
        exception: The name of a builtin exception, or :data:`ANOTHER_EXCEPTION`, if one was raised.
    """

    end: End
    returned: list[object] = field(default_factory=list)
    exception: str = ""


class Sandbox:
    """Runs functions in confined processes, one at a time; not for several threads at once.

    Nothing is started before the first run. It is stopped by `close`, at the end of a `with`, when
    the sandbox is forgotten, or when this process ends, however it ends.

    Args:
        limits: What each run may use.
        weak: Run also where the system has no filter of system calls.
    """

    def __init__(self, limits: Limits | None = None, *, weak: bool = False) -> None:
        self.limits = limits or Limits()
        self._weak = weak
        self._server: _Server | None = None

    @property
    def protections(self) -> tuple[str, ...]:
        """What holds the runs on this machine, as constants of :mod:`filters.confinement`.

        Raises:
            UserError: See :meth:`run`.
        """
        return self._started().protections

    def run(self, source: str, function: str, calls: Sequence[Sequence[object]]) -> Outcome:
        """Define a function and call it.

        Args:
            source: Python code; never executed or compiled in this process.
            function: The name of the function in it.
            calls: The positional arguments of each call, of what JSON can hold. The calls are made
                one after the other in the same process, until one fails.

        Raises:
            UserError: The system has no sandbox, or none but a weak one.
            ValueError: JSON cannot hold the arguments.
        """
        request = self._request(source, function, calls)
        for _ in range(_ATTEMPTS):
            server = self._started()
            try:
                reply = server.ask(request, self._patience)
            except (EOFError, OSError, TimeoutError):
                # The system ended the server too, for lack of memory say, which another run may
                # have used up: this one is tried again with a new server.
                self.close()
            except BaseException:
                self.close()  # lest the next run reads this one's reply
                raise
            else:
                return _outcome(reply, len(calls))
        return Outcome("crashed")

    def close(self) -> None:
        """Stop what runs. A closed sandbox starts again when it is used."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _patience(self) -> float:
        limits = self.limits
        return limits.wall_seconds + MOST_CROWDED * limits.cpu_seconds + _GRACE_SECONDS

    def _request(self, source: str, function: str, calls: Sequence[Sequence[object]]) -> bytes:
        request: Request = {
            "source": source,
            "function": function,
            "calls": [list(each) for each in calls],
            **asdict(self.limits),  # type: ignore[typeddict-item]
        }
        try:
            return json.dumps(request).encode()
        except (TypeError, RecursionError) as error:
            raise ValueError("JSON cannot hold the arguments") from error

    def _started(self) -> _Server:
        if self._server is None:
            server = _Server()
            if NO_SYSTEM_CALLS not in server.protections and not self._weak:
                server.stop()
                raise UserError(
                    "sandbox: this system cannot filter system calls, so code written to break out "
                    "could; use Linux on x86-64 or arm64, or allow a weak sandbox"
                )
            self._server = server
        return self._server


class _Server:
    """The interpreter that forks: its process, and the connection to it."""

    def __init__(self) -> None:
        if not hasattr(os, "fork"):
            raise UserError("sandbox: this system cannot fork; use Linux or macOS")
        self._connection, inside = Pipe()
        folder = tempfile.mkdtemp()
        try:
            start = ["-c", _START, str(Path(__file__).parent), str(inside.fileno())]
            process = subprocess.Popen(
                [sys.executable, "-P", "-s", "-S", "-B", *start],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd=folder,
                # One order of sets for all runs, so that a verdict repeats; no keys of the user's.
                env={"PYTHONHASHSEED": "0"},
                pass_fds=[inside.fileno()],
                start_new_session=True,
            )
            inside.close()
            self._finalizer = weakref.finalize(self, _stop, process, self._connection, os.getpid())
            self.protections = self._greeting()
        finally:
            os.rmdir(folder)  # the interpreter stays in it, and nobody can put anything there

    def _greeting(self) -> tuple[str, ...]:
        """The protections, which are the first that the interpreter says."""
        try:
            return tuple(json.loads(self._connection.recv_bytes()))
        except (EOFError, OSError) as error:
            self.stop()
            raise UserError(
                f"sandbox: {sys.executable} did not start without its environment; "
                "what it said is above"
            ) from error

    def ask(self, request: bytes, seconds: float) -> Reply:
        """Send a request and wait for its reply.

        Raises:
            EOFError, OSError: The interpreter has ended.
            TimeoutError: It has not replied.
        """
        self._connection.send_bytes(request)
        if not self._connection.poll(seconds):
            raise TimeoutError
        reply: Reply = json.loads(self._connection.recv_bytes())
        return reply

    def stop(self) -> None:
        """End it and all its runs; does nothing the second time."""
        self._finalizer()


def _stop(process: subprocess.Popen[bytes], connection: Connection, owner: int) -> None:
    if os.getpid() != owner:
        return  # a fork of the process that started it
    connection.close()  # upon which it ends by itself
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _outcome(reply: Reply, calls: int) -> Outcome:
    if reply["ended"] == "too slow" or reply["ended"] == "too much output":
        return Outcome(reply["ended"])
    if reply["ended"] == "exited" and reply["code"] == EXIT_MEMORY:
        return Outcome("too much memory")
    if reply["ended"] != "exited" or reply["code"] != EXIT_WRITTEN:
        return Outcome("crashed")
    return _reported(_report(reply["output"]), calls)


def _report(output: str) -> Report:
    """What a confined process wrote; nothing of it is to be trusted."""
    try:
        report = json.loads(output)
    except (ValueError, RecursionError):
        return {}
    return cast(Report, report) if isinstance(report, dict) else {}


def _reported(report: Report, calls: int) -> Outcome:
    if "raised" in report:
        name = report["raised"]
        known = isinstance(name, str) and name in _EXCEPTIONS
        return Outcome("raised", exception=name if known else ANOTHER_EXCEPTION)
    if "missing" in report:
        return Outcome("no such function")
    if "unwritable" in report:
        return Outcome("no JSON")
    returned = report.get("returned")
    if isinstance(returned, list) and len(returned) == calls:
        return Outcome("returned", returned)
    return Outcome("crashed")
