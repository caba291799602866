"""The plotting script draws arms of several runs, and explains bad input."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.plot_transfer_curves import main
from tests.synthetic_run import plain_run, swept_run


@pytest.fixture(scope="module")
def plain_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder."""
    return plain_run().write(tmp_path_factory.mktemp("plain"))


def test_script_draws_arms_of_several_runs(tmp_path: Path) -> None:
    first = plain_run().write(tmp_path / "first")
    second = plain_run(seeds=[3, 4]).write(tmp_path / "second")
    out = tmp_path / "curves.svg"
    assert main([str(first), str(second), "--arms", "same-aux", "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"<?xml")


def test_script_draws_a_sweep(tmp_path: Path) -> None:
    run = swept_run("network.auxiliary", [1, 10]).write(tmp_path / "run")
    out = tmp_path / "sweep.png"
    arms = "same[auxiliary=1],same[auxiliary=10]"
    options = [str(run), "--sweep", "network.auxiliary", "--arms", arms, "--out", str(out)]
    assert main(options) == 0
    assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--arms", "sme-aux", "--out", "x.svg"], "did you mean 'same-aux'?"),
        (["--metric", "loss", "--out", "x.svg"], "--metric: no 'loss'"),
        (["--sweep", "network.auxiliary", "--out", "x.svg"], "--sweep: no 'network.auxiliary'"),
        (["--out", "x.pdf"], "use .svg or .png"),
    ],
)
def test_script_explains_bad_input_in_one_line(
    options: list[str],
    message: str,
    plain_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([str(plain_folder), *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_script_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "example: python experiments/plot_transfer_curves.py" in capsys.readouterr().out
