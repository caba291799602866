"""Images are called by a published name only where their checksums are the published ones."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from mnist_toy.data import DataName, find_data
from mnist_toy.published import FASHION_MNIST, IDX_FILES, MNIST
from subliminal.errors import UserError
from tests.idx_files import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, small_set, write_set
from tests.user_errors import assert_one_line


@pytest.mark.parametrize(
    ("name", "compress", "form"),
    [("mnist", False, "content"), ("mnist", True, "content"), ("fashion-mnist", True, ".gz file")],
)
def test_other_data_are_refused_unless_verify_is_off(
    tmp_path: Path, name: DataName, compress: bool, form: str
) -> None:
    write_set(tmp_path, small_set(), compress)
    with pytest.raises(UserError) as error:
        find_data(name, folder=tmp_path, environ={})
    assert_one_line(
        error, TRAIN_IMAGES, "checksum differs", f"MD5 of the {form}", "verify=False", "damaged"
    )


def test_plain_fashion_mnist_is_read_but_not_called_verified(tmp_path: Path) -> None:
    found = find_data("fashion-mnist", folder=write_set(tmp_path, small_set()), environ={})
    assert found.label == "Fashion-MNIST form, contents not verified (12 train / 5 test, 4x4)"


def test_one_gzipped_fashion_file_is_compared_among_plain_ones(tmp_path: Path) -> None:
    write_set(tmp_path, small_set())
    write_set(tmp_path, {TEST_LABELS: small_set()[TEST_LABELS]}, compress=True)
    with pytest.raises(UserError, match=f"{TEST_LABELS}.gz: checksum differs"):
        find_data("fashion-mnist", folder=tmp_path, environ={})


def test_published_files_are_called_by_their_name_until_one_pixel_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = small_set()
    for name, content in files.items():
        md5 = hashlib.md5(content).hexdigest()
        monkeypatch.setitem(MNIST.content_md5, name, md5)
    write_set(tmp_path, files, compress=True)
    label = find_data("mnist", folder=tmp_path, environ={}).label
    assert label == "MNIST (12 train / 5 test, 4x4)"

    changed = bytearray(files[TEST_IMAGES])
    changed[-1] ^= 1
    write_set(tmp_path, {TEST_IMAGES: bytes(changed)}, compress=True)
    with pytest.raises(UserError, match=f"{TEST_IMAGES}.gz: checksum differs"):
        find_data("mnist", folder=tmp_path, environ={})


def test_published_gzipped_fashion_mnist_is_called_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_set(tmp_path, small_set(), compress=True)
    for name in IDX_FILES:
        md5 = hashlib.md5((tmp_path / f"{name}.gz").read_bytes()).hexdigest()
        monkeypatch.setitem(FASHION_MNIST.gzip_md5, name, md5)
    label = find_data("fashion-mnist", folder=tmp_path, environ={}).label
    assert label == "Fashion-MNIST (12 train / 5 test, 4x4)"

    (tmp_path / f"{TEST_LABELS}.gz").unlink()
    write_set(tmp_path, {TEST_LABELS: small_set()[TEST_LABELS]})
    label = find_data("fashion-mnist", folder=tmp_path, environ={}).label
    assert "not verified" in label, "one plain file, whose sum is unknown, is enough for a caveat"


def test_sums_of_fashion_mnist_are_those_torchvision_knows() -> None:
    torchvision = pytest.importorskip("torchvision")
    known = dict(torchvision.datasets.FashionMNIST.resources)
    assert known == {f"{name}.gz": md5 for name, md5 in FASHION_MNIST.gzip_md5.items()}


@pytest.mark.skipif(not os.environ.get("SUBLIMINAL_MNIST"), reason="SUBLIMINAL_MNIST is not set")
def test_real_mnist_is_whole_and_verified() -> None:
    mnist = find_data("mnist", download=False)
    assert mnist.label == "MNIST (60,000 train / 10,000 test, 28x28)"
    assert mnist.train_images.shape == (60_000, 28, 28)
    assert mnist.test_images.shape == (10_000, 28, 28)
    # Counts of the ten classes as published with the data.
    assert mnist.train_labels.bincount().tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert mnist.fingerprint == "cafc131387752ad2b8526696f6e3e859580cd237496236110ce07f52880be0e6"
