"""The wheel: it holds everything, needs what it says, and runs where there is no checkout."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from subliminal.results import MANIFEST, REPORT, read_manifest
from tests.tiny import run_folder

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = ("subliminal", "teachers", "students", "filters", "mnist_toy", "experiments")


def package_files() -> Iterator[Path]:
    """Every file of the packages, relative to the checkout."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(ROOT)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    run(*build, str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment's Python, with the wheel installed."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    run(*pip, "--no-deps", "--no-index", "--no-warn-script-location", str(wheel))
    # What the wheel needs is not installed twice but borrowed from the environment of the tests.
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return python


def run(*command: str, cwd: Path | None = None) -> str:
    """Run a command that must succeed, out of reach of the checkout; return what it printed."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_module_and_data_file_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = {path.as_posix() for path in package_files()}
    assert held == files
    suffixes = {Path(name).suffix for name in files}
    assert {".py", ".yaml", ".j2", ".mplstyle"} <= suffixes


def test_the_wheel_carries_its_licence_and_version(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (about,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        text = archive.read(about).decode()
        assert any(name.endswith("/licenses/LICENSE") for name in archive.namelist())
    assert f"Version: {metadata.version('subliminal')}\n" in text
    assert "License-Expression: MIT\n" in text


def test_the_installed_wheel_runs_a_packaged_experiment_elsewhere(
    python: Path, tmp_path: Path
) -> None:
    where = (
        "import subliminal, experiments; print(subliminal.__file__); print(experiments.__path__[0])"
    )
    module, experiments = run(str(python), "-c", where, cwd=tmp_path).splitlines()
    assert Path(module).is_relative_to(python.parent.parent)
    command = str(python.with_name("subliminal"))
    schema = json.loads(run(command, "schema", cwd=tmp_path))
    assert len(schema["anyOf"]) == 2

    small = (
        "data=digits-8x8",
        "seeds=1",
        "defaults.network.hidden=[16, 16]",
        "defaults.teaching.epochs=1",
        "defaults.teaching.samples_per_epoch=512",
        "defaults.distillation.epochs=1",
        "defaults.distillation.samples_per_epoch=512",
        "observation.alignment=false",
        "observation.points=2",
    )
    demo = str(Path(experiments) / "mnist" / "demo.yaml")
    printed = run(command, "run", demo, *(f"--set={item}" for item in small), cwd=tmp_path)
    folder = run_folder(tmp_path / "runs")
    assert f"report: {(folder / REPORT).relative_to(tmp_path)}" in printed
    assert {arm.state for arm in read_manifest(folder / MANIFEST).arms.values()} == {"done"}
    assert list((folder / "figures").glob("*.png"))


# Dependencies


def imported() -> set[str]:
    """The top-level modules that the packages import."""
    names: set[str] = set()
    for path in package_files():
        if path.suffix == ".py":
            for node in ast.walk(ast.parse((ROOT / path).read_text())):
                if isinstance(node, ast.Import):
                    names |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                    names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - set(PACKAGES)


def declared() -> set[str]:
    """The distributions that are declared as dependencies."""
    return {normal(re.split(r"[ <>=!~\[;]", item)[0]) for item in PROJECT["dependencies"]}


def optional(extra: str) -> list[str]:
    """What an extra asks for."""
    return list(PROJECT["optional-dependencies"][extra])


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    provides = metadata.packages_distributions()
    # What is not installed here is called as what it provides.
    needed = {name: {normal(each) for each in provides.get(name, [name])} for name in imported()}
    asked = [item for extra in ("lm", "services", "ray", "vllm") for item in optional(extra)]
    extras = {normal(re.split(r"[ <>=!~]", item)[0]) for item in asked}
    undeclared = {name for name, given in needed.items() if not given & (declared() | extras)}
    assert undeclared == set()
    assert declared() - set().union(*needed.values()) == set()


def test_packages_do_not_import_the_tests_or_the_benchmarks() -> None:
    assert imported().isdisjoint({"tests", "benchmarks"})
