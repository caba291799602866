"""Imports point one way (docs/architecture.md), and no module imports itself through others."""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("subliminal", "mnist_toy", "teachers", "students", "filters", "experiments")
TERMINAL = {
    f"subliminal.{name}"
    for name in (
        *("cli", "console", "terminal", "audit_command", "detect_command", "filter_command"),
        "pocket_commands",
    )
}


def modules() -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: set[str]) -> set[str]:
    """Modules of ours that a file imports, at its top or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= (submodules & known) or {node.module}
    return names & known


COMPOSITION = {name for name in modules() if re.match(r"subliminal\.plan(\.|$)", name)} | TERMINAL
"""What may know the packages that make stages."""

GRAPH = {name: imports(path, set(modules())) for name, path in modules().items()}


def test_the_modules_are_found() -> None:
    assert {"subliminal.cli", "mnist_toy.stages", "subliminal.spec_file"} <= GRAPH.keys()
    assert "subliminal.stage" in GRAPH["mnist_toy.stages"]


def test_there_is_no_cycle() -> None:
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        raise AssertionError(f"import cycle: {' -> '.join(error.args[1])}") from None


def test_the_core_does_not_know_what_is_built_on_it() -> None:
    above = PACKAGES[1:5]
    wrong = {
        (name, other)
        for name, others in GRAPH.items()
        if name.split(".")[0] == "subliminal" and name not in COMPOSITION
        for other in others
        if other.split(".")[0] in above
    }
    assert not wrong


def test_only_commands_use_the_terminal() -> None:
    wrong = {(n, o) for n, others in GRAPH.items() for o in others & TERMINAL if n not in TERMINAL}
    assert not wrong


def test_the_spec_stands_below_everything() -> None:
    spec = {name for name in GRAPH if name.startswith("subliminal.spec.")} | {"subliminal.spec"}
    assert "subliminal.spec.common" in spec
    assert not {other for name in spec for other in GRAPH[name]} - spec
