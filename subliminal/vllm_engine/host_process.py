"""The process in which vLLM runs, as seen by the one that started it."""

from __future__ import annotations

import json
import subprocess
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from subliminal.vllm_engine.program import Program

HOST = Path(__file__).with_name("host.py")
SECONDS_TO_END, SECONDS_TO_DIE = 20.0, 5.0
"""When asked to, and when its pipes are closed already."""
ENVIRONMENT: Mapping[str, str] = {
    # The engine runs in the host itself, which makes its batches the same at every run.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    # A child that was forked would hold the pipes open after the host's death.
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    "VLLM_RAISE_ON_LOGIT_NANS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_NO_USAGE_STATS": "1",
    # Models are folders by now.
    "HF_HUB_OFFLINE": "1",
}


READ_AT_ONCE = 2**20


class HostDiedError(Exception):
    """The process has ended, or is of no use any more."""


class HostProcess:
    """A host, started; see :mod:`subliminal.vllm_engine.host`.

    Args:
        environment: Variables beside those of this process.
        patience: Seconds without a sign of life after which it is taken for dead.

    Raises:
        UserError: No interpreter has vLLM.
    """

    def __init__(self, environment: Mapping[str, str], patience: float) -> None:
        self._patience = patience
        self._lines: deque[bytes] = deque()
        """Replies that have come and are not read yet."""
        self._begun = b""
        """Of the reply behind them."""
        self._program = Program(HOST, (), {**ENVIRONMENT, **environment}, replies=True)
        self._process = self._program.process

    def send(self, command: Mapping[str, Any]) -> None:
        """Give a command.

        Raises:
            HostDiedError: There is nobody to take it.
        """
        assert self._process.stdin is not None
        left = memoryview(json.dumps(command).encode() + b"\n")
        try:
            while left:
                left = left[self._process.stdin.write(left) :]
        except OSError:
            raise HostDiedError(self._last_words()) from None

    def reply(self) -> dict[str, Any]:
        """Wait for the next reply.

        Raises:
            HostDiedError: There will be none.
        """
        said: dict[str, Any] = {"alive": True}
        while "alive" in said:
            said = json.loads(self._line())
        if "broken" in said:
            raise HostDiedError(said["broken"])
        return said

    def close(self) -> None:
        """End it, and whatever it started."""
        with suppress(HostDiedError, subprocess.TimeoutExpired):
            self.send({"do": "end"})
            self._process.wait(SECONDS_TO_END)
        self.kill()

    def kill(self) -> None:
        """End it at once, and whatever it started."""
        self._program.kill()

    def _line(self) -> bytes:
        """The next line that it prints."""
        assert self._process.stdout is not None
        while not self._lines:
            if not wait([self._process.stdout.fileno()], self._patience):
                raise HostDiedError(f"it gave no sign of life for {self._patience:g} seconds")
            read = self._process.stdout.read(READ_AT_ONCE)
            if not read:
                raise HostDiedError(self._last_words())
            *lines, self._begun = (self._begun + read).split(b"\n")
            self._lines.extend(lines)
        return self._lines.popleft()

    def _last_words(self) -> str:
        """How it ended: the last line it printed."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(SECONDS_TO_DIE)
        return f"it ended with code {self._process.returncode} and said {self._program.last_line}"
