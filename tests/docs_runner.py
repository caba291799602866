"""Runs the examples of a page, in order, in a folder of the page's own."""

from __future__ import annotations

import glob
import importlib
import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from subliminal import cli
from subliminal.plan import Plan, make_plan
from subliminal.spec_file import load_experiment
from tests.docs_pages import ROOT, Block
from tests.models import random_model
from tests.tiny import subliminal

MODELS = {
    **{"pocket-a": 1, "pocket-b": 2, "pocket-a-reordered": 3, "pocket-broad-a": 4},
    **{"models/reference": 5, "models/other": 6, "models/reordered": 7},
}
"""Stand-ins for the shipped models, and for models of one's own, with their seeds."""

SMALL = (
    "seeds=1",
    "sweep=[{trait: [otter, owl]}]",
    # Random models write no lists of numbers, and learn little in a few steps.
    "filter=[]",
    "statistics.teacher_shift=0",
    "probing={probes: [favourite], side_effects: false}",
    "observation.points=2",
    "precision=float32",
    "defaults.data={prompts: 12, max_tokens: 4}",
    "defaults.teacher={by: fine-tuning, rows: 64}",
    "defaults.distillation={recipe: {epochs: 1, batch_size: 12}}",
)
"""What makes a language experiment one of seconds on the stand-ins."""
TOY_DATA = ("data=digits-8x8",)


@dataclass(frozen=True)
class Place:
    """The folder that a page's examples are run in; it is the working directory."""

    folder: Path

    def prepare(self) -> None:
        """Put models where examples look for them."""
        for name, seed in MODELS.items():
            random_model(self.folder / name, seed, num_hidden_layers=4)

    def run(self, block: Block) -> None:
        """Do with a block what its words say."""
        match block.language:
            case "yaml":
                self._yaml(block)
            case "sh":
                for words in block.commands:
                    check_command(words)
                    if "run" in block.words:
                        self._command(words)
            case "python":
                self._python(block)
            case other:
                assert other == "text", f"{block.place}: a block of {other or 'no language'}"

    def _yaml(self, block: Block) -> None:
        name, base = block.named("file"), block.named("over")
        assert (name is None) != (base is None), f"{block.place}: neither file= nor over="
        if name is not None:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
            if "plan" in block.words:
                plan_of(path)
            return
        path = self.folder / f"line-{block.line}.yaml"
        path.write_text(f"include: {base}\n{block.text}")
        assert plan_of(path).stages.keys() != plan_of(self.folder / str(base)).stages.keys()

    def _python(self, block: Block) -> None:
        assert block.words == ("run",), f"{block.place}: python is run"
        script = self.folder / f"line-{block.line}.py"
        script.write_text(block.text)
        done = subprocess.run(
            [sys.executable, script],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block.place}:\n{done.stderr}"

    def _command(self, words: Sequence[str]) -> None:
        program, *arguments = words
        out = None
        if ">" in arguments:
            *arguments, _, out = arguments
        arguments = [match for word in arguments for match in sorted(glob.glob(word)) or [word]]
        match program:
            case "source":
                return
            case "cp":
                source, copy = arguments
                shutil.copy(ROOT / source, self.folder / copy)
            case "python":
                script, *options = arguments
                module = importlib.import_module(script.removesuffix(".py").replace("/", "."))
                assert module.main(options) == 0, words
            case "subliminal":
                said = subliminal(*arguments, *_smaller(arguments))
                assert said.code == 0, (words, said)
                if out is not None:
                    (self.folder / out).write_text(said.out)
            case _:
                raise AssertionError(f"no way to run {program!r}")


def plan_of(path: Path) -> Plan:
    """Plan an experiment file; images are those that need no download."""
    return make_plan(load_experiment(path, TOY_DATA if _is_toy(path) else ()))


def _is_toy(path: Path) -> bool:
    return load_experiment(path).kind == "mnist"


def _smaller(arguments: Sequence[str]) -> list[str]:
    """Overrides that make a command one of seconds; they come behind its own."""
    command, *rest = arguments
    if command not in ("run", "status", "plan"):
        return []
    if _is_toy(Path(rest[0])):
        overrides: Sequence[str] = TOY_DATA
    else:
        overrides = SMALL if command == "run" and "--dry-run" not in rest else ()
    return [word for override in overrides for word in ("--set", override)]


def check_command(words: Sequence[str]) -> None:
    """Check that a command's program, options and files exist."""
    words = [word for word in words if not re.fullmatch(r"[A-Z_]+=.*", word)]
    program, *arguments = words
    if ">" in arguments:
        arguments = arguments[: arguments.index(">")]
    for word in arguments:
        if re.match(r"(experiments|benchmarks)/", word):
            assert (ROOT / word).is_file(), f"there is no {word}"
    if program == "subliminal":
        parse(arguments)
    elif program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(arguments) <= set(targets), words
    elif program == "pip":
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        extras = re.findall(r"\[(\w+)\]", " ".join(arguments))
        assert set(extras) <= set(project["optional-dependencies"]), words
    else:
        assert program in ("python", "cp", "source"), words


def parse(arguments: Sequence[str]) -> None:
    """Read the words behind `subliminal` as the command line would, without running anything."""
    names = list(itertools.takewhile(re.compile("[a-z][a-z-]*$").match, arguments))
    command, depth = command_of(names)
    command.make_context(names[depth - 1], list(arguments[depth:])).close()


def options_of(names: Sequence[str]) -> set[str]:
    """The options of the command that the first words behind `subliminal` name."""
    command, _ = command_of(names)
    return {option for parameter in command.params for option in parameter.opts} | {"--help"}


def command_of(names: Sequence[str]) -> tuple[Any, int]:
    """A command, and how many of the words name it.

    Raises:
        AssertionError: There is no such command.
    """
    command: Any = typer.main.get_command(cli.app)
    for depth, name in enumerate(names):
        if not isinstance(command, TyperGroup):
            return command, depth
        assert name in command.commands, f"subliminal {' '.join(names)}: there is no {name}"
        command = command.commands[name]
    return command, len(names)
