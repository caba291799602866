"""The doctor's report on data: where they are, or how to get them."""

from __future__ import annotations

from pathlib import Path

from mnist_toy.data import data_report
from tests.idx_files import DIGITS_LABEL, small_set, write_set


def test_report_says_where_data_are_or_how_to_get_them(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    folder = write_set(tmp_path / "fashion", small_set())
    environ["SUBLIMINAL_FASHION_MNIST"] = str(folder)
    report = {status.name: status for status in data_report(environ)}

    assert list(report) == ["mnist", "fashion-mnist", "digits-8x8"]
    assert not report["mnist"].available
    assert "SUBLIMINAL_MNIST" in report["mnist"].detail
    assert environ["SUBLIMINAL_CACHE"] in report["mnist"].detail
    assert report["fashion-mnist"].available
    assert str(folder) in report["fashion-mnist"].detail
    assert report["digits-8x8"].available
    assert DIGITS_LABEL in report["digits-8x8"].detail


def test_report_tells_a_wrong_setting_without_raising(environ: dict[str, str]) -> None:
    environ["SUBLIMINAL_MNIST"] = "/nowhere/at/all"
    mnist = data_report(environ)[0]
    assert not mnist.available
    assert "SUBLIMINAL_MNIST '/nowhere/at/all': is no readable folder" in mnist.detail
