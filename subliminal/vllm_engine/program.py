"""A program of this package that runs in the interpreter that has vLLM."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from subliminal.errors import UserError
from subliminal.vllm_engine.interpreter import VARIABLE, vllm_python


class Program:
    """It leads a process group of its own, and what it prints is kept.

    Args:
        script: What is run.
        arguments: Its own.
        environment: Variables beside those of this process.
        replies: Whether its standard output is for whoever started it, and not to be kept.

    Raises:
        UserError: No interpreter has vLLM, or it cannot be started.
    """

    def __init__(
        self,
        script: Path,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        replies: bool,
    ) -> None:
        python = vllm_python()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 closed with the process
        try:
            self.process = subprocess.Popen(
                # -P: the script's folder must not come before the libraries of its interpreter.
                [python, "-P", script, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if replies else self._log,
                stderr=self._log,
                env={**os.environ, **environment},
                start_new_session=True,
                bufsize=0,  # or what has come could not be told from what is awaited
            )
        except OSError as error:
            self._log.close()
            raise UserError(
                f"{python}: cannot be started ({error.strerror}); name the Python that has vLLM in "
                f"the environment variable {VARIABLE}"
            ) from None

    @property
    def last_line(self) -> str:
        """The last line that it printed, cut short."""
        self._log.seek(0)
        lines = [line for line in self._log.read().decode(errors="replace").splitlines() if line]
        return " ".join(lines[-1].split())[:500] if lines else "nothing"

    def kill(self) -> None:
        """End it at once, and whatever it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._log.close()
