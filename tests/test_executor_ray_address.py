"""Where there is no cluster, one line says so at once."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from subliminal.errors import UserError
from subliminal.executors.ray import RayExecutor
from subliminal.executors.ray_cluster import connected
from subliminal.store import Store
from tests.tiny import TINY, subliminal
from tests.toy_stages import KINDS, Recorder, run_here, stage
from tests.user_errors import assert_one_line


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which nobody listens, and which nobody else can be given."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


def refusal(address: str | None) -> pytest.ExceptionInfo[UserError]:
    with pytest.raises(UserError) as error, connected(address):
        pass
    return error


def test_an_address_where_nobody_answers(closed_port: int) -> None:
    address = f"127.0.0.1:{closed_port}"
    start = f"--address {address}: there is no Ray cluster to join (Connection refused); start one"
    assert_one_line(refusal(address), start, "`ray start --head`")


def test_an_address_in_the_environment_counts(
    closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{closed_port}")
    assert_one_line(refusal(None), f"127.0.0.1:{closed_port}: there is no Ray cluster")


@pytest.mark.parametrize("address", ["nonsense", "host:port", "host:99999", "http://host:1/x"])
def test_what_is_no_address(address: str) -> None:
    assert_one_line(refusal(address), f"--address {address}: is not an address; give host:port")


def test_a_client_of_a_cluster_is_sent_to_it() -> None:
    assert_one_line(refusal("ray://head:10001"), "on a node of the cluster", "`ray job submit`")


def test_ray_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert_one_line(refusal(None), "--executor ray: needs the library ray; pip install")


def test_no_cluster_is_needed_where_nothing_is_missing(tmp_path: Path, closed_port: int) -> None:
    store, made = Store(tmp_path / "store"), stage("number", 1, value=1)
    store.prepare()
    run_here(store, made)
    executor = RayExecutor(KINDS, address=f"127.0.0.1:{closed_port}")
    assert executor.run({made.key: made}, [made.key], store, Recorder())[made.key].state == "cached"


def test_the_command_line_says_the_same(tmp_path: Path, closed_port: int) -> None:
    experiment = tmp_path / "tiny.yaml"
    experiment.write_text(TINY)
    run = ("run", experiment, "--out", tmp_path / "runs")
    address = f"127.0.0.1:{closed_port}"
    said = subliminal(*run, "--executor", "ray", "--address", address)
    assert said.error.startswith(f"--address {address}: there is no Ray cluster")
    said = subliminal(*run, "--address", address)
    assert said.error == f"--address {address}: is for a Ray cluster; add --executor ray"
