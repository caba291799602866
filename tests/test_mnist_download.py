"""Downloads: tried only where wanted, kept whole or not at all, and verified."""

from __future__ import annotations

import io
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_toy import download as downloads
from mnist_toy.data import DataName, data_report, find_data
from mnist_toy.published import IDX_FILES
from subliminal.errors import UserError
from tests.idx_files import DIGITS_LABEL, TRAIN_IMAGES, small_set, write_set
from tests.user_errors import assert_one_line


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


def fake_torchvision(
    monkeypatch: pytest.MonkeyPatch, download: Callable[[Path], object], name: str = "MNIST"
) -> None:
    """Let every server answer, and put `download` (given the raw folder) in torchvision's place."""

    class Dataset:
        mirrors = ("https://mirror.invalid/",)
        resources = (("train-images-idx3-ubyte.gz", ""),)

        def __init__(self, root: str, download: bool) -> None:
            assert download
            fetch(Path(root, name, "raw"))

    fetch = download
    monkeypatch.setattr(urllib.request, "urlopen", lambda *args, **kwargs: io.BytesIO())
    monkeypatch.setattr(f"torchvision.datasets.{name}", Dataset)


@pytest.mark.usefixtures("no_network")
def test_auto_falls_back_to_the_digits_without_network(environ: dict[str, str]) -> None:
    found = find_data("auto", environ=environ)
    assert found.label == DIGITS_LABEL
    assert found.fallback_reason == "not found, and no download server answers"


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_named_data_without_network_say_how_to_get_them(
    name: DataName, environ: dict[str, str]
) -> None:
    with pytest.raises(UserError) as error:
        find_data(name, environ=environ)
    variable = "SUBLIMINAL_" + name.upper().replace("-", "_")
    assert_one_line(error, *IDX_FILES, variable, "allow the download", "`data: digits-8x8`")
    assert not Path(environ["SUBLIMINAL_CACHE"]).exists()


def test_network_is_left_alone_when_download_is_off(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Path] = []
    fake_torchvision(monkeypatch, tried.append)
    monkeypatch.setattr(urllib.request, "urlopen", lambda *args, **kwargs: tried.append(Path()))

    assert find_data("auto", environ=environ, download=False).name == "digits-8x8"
    with pytest.raises(UserError, match="downloading is switched off"):
        find_data("mnist", environ=environ, download=False)
    data_report(environ)

    assert tried == []


def test_silent_server_does_not_hold_the_run(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(downloads, "PROBE_SECONDS", 0.01)

    def stay_silent(*args: object, **kwargs: object) -> None:
        release.wait()
        raise urllib.error.URLError("too late")

    monkeypatch.setattr(urllib.request, "urlopen", stay_silent)
    try:
        with pytest.raises(UserError, match="no download server answers"):
            find_data("mnist", environ=environ)
    finally:
        release.set()


@pytest.mark.parametrize(
    "failure",
    [
        RuntimeError("Error downloading:\nTried https://mirror.invalid/, got:\n503\n"),
        urllib.error.URLError("connection reset"),
        TimeoutError("timed out"),
        EOFError("Compressed file ended"),
    ],
)
def test_failed_download_leaves_no_cache_and_one_line(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def stop_half_way(raw: Path) -> None:
        write_set(raw, {TRAIN_IMAGES: small_set()[TRAIN_IMAGES]})
        raise failure

    fake_torchvision(monkeypatch, stop_half_way)

    assert find_data("auto", environ=environ).label == DIGITS_LABEL
    with pytest.raises(UserError) as error:
        find_data("mnist", environ=environ)
    assert_one_line(error, "the download failed", str(failure).split()[-1], "SUBLIMINAL_MNIST")
    assert list(Path(environ["SUBLIMINAL_CACHE"]).iterdir()) == []


def test_missing_torchvision_is_a_failed_download(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    assert find_data("auto", environ=environ).name == "digits-8x8"
    with pytest.raises(UserError, match="torchvision"):
        find_data("mnist", environ=environ)


def test_cache_that_cannot_be_made_is_a_failed_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    fake_torchvision(monkeypatch, lambda raw: None)
    with pytest.raises(UserError) as error:
        find_data("mnist", environ={"SUBLIMINAL_CACHE": str(tmp_path / "file" / "cache")})
    assert_one_line(error, str(tmp_path / "file"))


def test_download_fills_the_cache_once(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    timeouts: list[float | None] = []

    def fetch(raw: Path) -> None:
        timeouts.append(socket.getdefaulttimeout())
        write_set(raw, small_set())

    fake_torchvision(monkeypatch, fetch, "FashionMNIST")

    first = find_data("fashion-mnist", environ=environ)
    second = find_data("fashion-mnist", environ=environ)

    assert timeouts == [downloads.STALL_SECONDS]
    assert socket.getdefaulttimeout() is None
    assert (first.source, second.source) == ("download", "folder")
    assert first.fingerprint == second.fingerprint
    assert [path.name for path in Path(environ["SUBLIMINAL_CACHE"]).iterdir()] == ["fashion-mnist"]


def test_of_two_downloads_at_once_the_first_stays(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Path(environ["SUBLIMINAL_CACHE"]) / "mnist"

    def fetch_while_another_process_finishes(raw: Path) -> None:
        write_set(raw, small_set(seed=1))
        write_set(cache, small_set(seed=2))

    fake_torchvision(monkeypatch, fetch_while_another_process_finishes)
    found = find_data("mnist", environ=environ, verify=False)
    assert found.train_images.numpy().tobytes() == small_set(seed=2)[TRAIN_IMAGES][16:]


def test_downloaded_files_are_verified_too(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_torchvision(monkeypatch, lambda raw: write_set(raw, small_set()))
    with pytest.raises(UserError, match="checksum differs"):
        find_data("auto", environ=environ)
