"""Hosts of vLLM in tests: stand-ins, and what they were asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from subliminal.vllm_engine.interpreter import VARIABLE

HOST, WEB = (Path(__file__).with_name(name) for name in ("vllm_host.py", "vllm_web.py"))
_PYTHON = f"""\
#!/bin/sh
shift
case "$1" in
    *serve.py) shift; exec "{sys.executable}" "{WEB}" "$@";;
    *) exec "{sys.executable}" "{HOST}";;
esac
"""


@dataclass(frozen=True)
class FakeVllm:
    """A stand-in for vLLM, in the place of the interpreter that has it."""

    folder: Path

    @property
    def starts(self) -> int:
        """How often it was started."""
        return len(list(self.folder.glob("start-*")))

    def commands(self, do: str) -> list[dict[str, Any]]:
        """What it was asked to do, of one kind, without the requests."""
        lines = (self.folder / "commands.jsonl").read_text().splitlines()
        return [command for command in map(json.loads, lines) if command["do"] == do]

    @property
    def arguments(self) -> list[str]:
        """Those of the server that was started last."""
        arguments: list[str] = json.loads((self.folder / "arguments.json").read_text())
        return arguments


def fake_vllm(
    folder: Path, patch: pytest.MonkeyPatch, faults: Sequence[Mapping[str, Any]] = ()
) -> FakeVllm:
    """Let a stand-in be started for vLLM.

    Args:
        folder: Of what it keeps.
        patch: Undoes it.
        faults: Of its first, second ... start; see `tests/vllm_host.py` and `tests/vllm_web.py`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "python"
    python.write_text(_PYTHON)
    python.chmod(0o755)
    (folder / "faults.json").write_text(json.dumps(list(faults)))
    patch.setenv("FAKE_VLLM", str(folder))
    patch.setenv(VARIABLE, str(python))
    return FakeVllm(folder)
