"""The images of the toy experiment: found in the stated order, checked, and honestly labelled."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import socket
import struct
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_toy import download as downloads
from mnist_toy import idx
from mnist_toy.data import DataName, ImageData, data_report, find_data, scaled
from mnist_toy.idx import parse_idx, read_idx
from mnist_toy.published import FASHION_MNIST, IDX_FILES, MNIST
from subliminal.errors import UserError

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = IDX_FILES
DIGITS_LABEL = "scikit-learn digits, 8x8 (embedded fallback, NOT MNIST)"


def idx_bytes(values: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.astype(np.uint8).tobytes()


def small_set(seed: int = 0, train: int = 12, test: int = 5, size: int = 4) -> dict[str, bytes]:
    """The four files of a random data set, each as uncompressed IDX bytes."""
    rng = np.random.default_rng(seed)
    arrays = (
        rng.integers(0, 256, (train, size, size)),
        np.arange(train) % 10,
        rng.integers(0, 256, (test, size, size)),
        np.arange(test) % 10,
    )
    return {name: idx_bytes(array) for name, array in zip(IDX_FILES, arrays, strict=True)}


def write_set(folder: Path, files: dict[str, bytes], compress: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if compress:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return folder


def load(folder: Path) -> ImageData:
    return find_data("mnist", folder=folder, environ={}, download=False, verify=False)


def assert_one_line(error: pytest.ExceptionInfo[UserError], *parts: str) -> None:
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment whose cache is an empty place of the test's own."""
    return {"SUBLIMINAL_CACHE": str(tmp_path / "cache")}


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


# Forms of the files


@pytest.mark.parametrize("layout", ["", "raw", "MNIST/raw"])
@pytest.mark.parametrize("compress", [False, True])
def test_reads_plain_and_gzipped_files_in_every_layout(
    tmp_path: Path, layout: str, compress: bool
) -> None:
    files = small_set()
    write_set(tmp_path / layout, files, compress)

    found = load(tmp_path)

    # The values follow headers of 16 bytes (images) and 8 bytes (labels).
    assert found.train_images.numpy().tobytes() == files[TRAIN_IMAGES][16:]
    assert found.test_images.numpy().tobytes() == files[TEST_IMAGES][16:]
    assert found.train_images.shape == (12, 4, 4)
    assert found.train_images.dtype == torch.uint8
    assert found.train_labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert found.test_labels.tolist() == [0, 1, 2, 3, 4]
    assert found.test_labels.dtype == torch.int64
    assert (found.name, found.image_size, found.source) == ("mnist", 4, "folder")


def test_own_data_are_not_called_mnist_without_a_caveat(tmp_path: Path) -> None:
    found = load(write_set(tmp_path, small_set()))
    assert found.label == "MNIST form, contents not verified (12 train / 5 test, 4x4)"


def test_of_two_forms_the_gzipped_file_is_read(tmp_path: Path) -> None:
    write_set(tmp_path, small_set(seed=1))
    write_set(tmp_path, small_set(seed=2), compress=True)
    assert load(tmp_path).train_images.numpy().tobytes() == small_set(seed=2)[TRAIN_IMAGES][16:]


# Fingerprint


def test_fingerprint_ignores_place_and_form_of_the_files(tmp_path: Path) -> None:
    plain = load(write_set(tmp_path / "a", small_set()))
    packed = load(write_set(tmp_path / "b" / "MNIST" / "raw", small_set(), compress=True))
    assert plain.fingerprint == packed.fingerprint
    assert len(plain.fingerprint) == 64


@pytest.mark.parametrize("name", IDX_FILES)
def test_fingerprint_changes_with_one_value_of_any_file(tmp_path: Path, name: str) -> None:
    files = small_set()
    before = load(write_set(tmp_path, files)).fingerprint
    changed = bytearray(files[name])
    changed[-1] = (changed[-1] + 1) % 10
    after = load(write_set(tmp_path, {**files, name: bytes(changed)})).fingerprint
    assert after != before


def test_fingerprint_tells_data_sets_of_the_same_values_apart(tmp_path: Path) -> None:
    folder = write_set(tmp_path, small_set())
    fashion = find_data("fashion-mnist", folder=folder, environ={}, verify=False)
    assert fashion.fingerprint != load(folder).fingerprint


# Damaged files


def damaged(name: str, content: bytes, *message: str) -> tuple[str, bytes, tuple[str, ...]]:
    return name, content, message


LABELS = idx_bytes(np.arange(12) % 10)
DAMAGES = {
    "file empty": damaged(TRAIN_LABELS, b"", "starts with nothing", "00000801"),
    "header cut": damaged(TRAIN_LABELS, LABELS[:6], "ends after 6 bytes", "header of 8"),
    "values cut": damaged(TRAIN_LABELS, LABELS[:-1], "12 = 12 bytes", "only 11"),
    "surplus": damaged(TRAIN_LABELS, LABELS + b"\0", "12 = 12 bytes", "but more"),
    "labels in place of images": damaged(TRAIN_IMAGES, LABELS, "00000801", "00000803"),
    "wrong type of values": damaged(TRAIN_LABELS, b"\0\0\x0d\x01" + LABELS[4:], "00000d01"),
    "gzip without .gz": damaged(TRAIN_LABELS, gzip.compress(LABELS), "compressed", ".gz"),
    "no entries": damaged(TRAIN_LABELS, idx_bytes(np.zeros(0)), "is empty", "at least one"),
    "huge": damaged(TRAIN_LABELS, b"\0\0\x08\x01\xff\xff\xff\xff", "4,294,967,295", "allowed"),
    "count": damaged(TRAIN_LABELS, idx_bytes(np.zeros(11)), "11 labels", "12 images"),
    "label": damaged(TEST_LABELS, idx_bytes(np.array([0, 1, 10, 3, 4])), "label 10 at index 2"),
    "not square": damaged(TRAIN_IMAGES, idx_bytes(np.zeros((12, 4, 5))), "4x5", "square"),
    "sizes": damaged(TEST_IMAGES, idx_bytes(np.zeros((5, 3, 3))), "3x3", "4x4", "same size"),
}


@pytest.mark.parametrize("case", DAMAGES)
@pytest.mark.parametrize("compress", [False, True])
def test_damage_is_a_user_error_that_names_file_and_fault(
    tmp_path: Path, case: str, compress: bool
) -> None:
    name, content, message = DAMAGES[case]
    write_set(tmp_path, {**small_set(), name: content}, compress)
    with pytest.raises(UserError) as error:
        load(tmp_path)
    assert_one_line(error, str(tmp_path / name), *message)


@pytest.mark.parametrize("kept", [3, 15, 60, -9, -1])
def test_truncated_gzip_is_a_user_error(tmp_path: Path, kept: int) -> None:
    path = write_set(tmp_path, small_set(), compress=True) / f"{TRAIN_IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError) as error:
        load(tmp_path)
    assert_one_line(error, str(path), "damaged gzip file", "fetch it again")


def test_gzip_whose_own_check_sum_differs_is_a_user_error(tmp_path: Path) -> None:
    path = write_set(tmp_path, small_set(), compress=True) / f"{TEST_IMAGES}.gz"
    content = bytearray(path.read_bytes())
    content[-8] ^= 1  # The CRC-32 is the first half of the last eight bytes.
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        load(tmp_path)
    assert_one_line(error, str(path), "damaged gzip file")


def test_gzip_bomb_is_refused_after_the_announced_size(tmp_path: Path) -> None:
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress(LABELS + bytes(10_000_000)))
    with pytest.raises(UserError, match="but more follow"):
        read_idx(path, rank=1)


def test_array_above_the_memory_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "MAX_BYTES", 11)
    with pytest.raises(UserError, match="more than the 11 allowed"):
        parse_idx(io.BytesIO(LABELS), rank=1, place="labels")


def test_folder_in_place_of_a_file_is_a_user_error(tmp_path: Path) -> None:
    write_set(tmp_path, small_set())
    (tmp_path / TRAIN_IMAGES).unlink()
    (tmp_path / TRAIN_IMAGES).mkdir()
    with pytest.raises(UserError) as error:
        load(tmp_path)
    assert_one_line(error, str(tmp_path / TRAIN_IMAGES), "cannot be read")


def test_file_without_permission_is_a_user_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Permissions do not bind the superuser, as whom tests may run: the refusal is simulated.
    def refuse(path: Path, mode: str = "r") -> None:
        raise PermissionError(13, "Permission denied", str(path))

    write_set(tmp_path, small_set())
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UserError) as error:
        load(tmp_path)
    assert_one_line(error, str(tmp_path / TRAIN_IMAGES), "Permission denied")


@given(kept=st.integers(0, 12 + 8))
def test_idx_cut_anywhere_parses_equal_or_is_a_user_error(kept: int) -> None:
    if kept == len(LABELS):
        assert parse_idx(io.BytesIO(LABELS), 1, "labels").values.tobytes() == LABELS[8:]
    else:
        with pytest.raises(UserError):
            parse_idx(io.BytesIO(LABELS[:kept]), 1, "labels")


@settings(deadline=None)
@given(header=st.binary(min_size=16, max_size=16), keep_magic=st.booleans())
def test_forged_header_parses_equal_or_is_a_user_error(header: bytes, keep_magic: bool) -> None:
    original = idx_bytes(np.arange(3 * 2 * 2).reshape(3, 2, 2))
    forged = (original[:4] + header[4:] if keep_magic else header) + original[16:]
    try:
        values = parse_idx(io.BytesIO(forged), 3, "images").values
    except UserError:
        return
    assert idx_bytes(values) == forged


@given(position=st.integers(0, 15), value=st.integers(0, 255))
def test_changed_header_byte_parses_equal_or_is_a_user_error(position: int, value: int) -> None:
    changed = bytearray(idx_bytes(np.arange(3 * 2 * 2).reshape(3, 2, 2)))
    same = changed[position] == value
    changed[position] = value
    try:
        values = parse_idx(io.BytesIO(changed), 3, "images").values
    except UserError:
        assert not same
    else:
        assert same
        assert values.tolist() == np.arange(12).reshape(3, 2, 2).tolist()


@settings(deadline=None)
@given(content=st.data())
def test_changed_gzip_never_gives_another_exception(
    tmp_path_factory: pytest.TempPathFactory, content: st.DataObject
) -> None:
    packed = bytearray(gzip.compress(LABELS, mtime=0))
    position = content.draw(st.integers(0, len(packed) - 1))
    packed[position] = content.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "changed.gz"
    path.write_bytes(packed)
    try:
        values = read_idx(path, rank=1).values
    except UserError:
        return
    assert values.tobytes() == LABELS[8:]


# Published sums


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


# Order of places


def test_argument_goes_before_variable_before_cache(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    places = {
        "argument": write_set(tmp_path / "argument", small_set(seed=1)),
        "variable": write_set(tmp_path / "variable", small_set(seed=2)),
        "cache": write_set(cache / "mnist", small_set(seed=3)),
    }
    prints = {place: load(folder).fingerprint for place, folder in places.items()}
    both = {"SUBLIMINAL_CACHE": str(cache), "SUBLIMINAL_MNIST": str(places["variable"])}
    only_cache = {"SUBLIMINAL_CACHE": str(cache), "SUBLIMINAL_MNIST": ""}

    by_argument = find_data(folder=places["argument"], environ=both, verify=False)
    by_variable = find_data(environ=both, verify=False)
    by_cache = find_data(environ=only_cache, verify=False)

    assert len(set(prints.values())) == 3
    assert by_argument.fingerprint == prints["argument"]
    assert by_variable.fingerprint == prints["variable"]
    assert by_cache.fingerprint == prints["cache"]


def test_each_data_set_has_its_own_variable(tmp_path: Path, environ: dict[str, str]) -> None:
    environ["SUBLIMINAL_FASHION_MNIST"] = str(write_set(tmp_path / "f", small_set()))
    found = find_data("fashion-mnist", environ=environ, verify=False)
    assert found.name == "fashion-mnist"
    with pytest.raises(UserError, match="SUBLIMINAL_MNIST"):
        find_data("mnist", environ=environ, download=False)


def test_home_is_understood_in_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_set(tmp_path / "digits", small_set())
    found = find_data(environ={"SUBLIMINAL_MNIST": "~/digits"}, verify=False)
    assert found.source == "folder"


@pytest.mark.parametrize("name", ["auto", "mnist"])
@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ("folder", "absent"),
        ("folder", "a file"),
        ("folder", "incomplete"),
        ("folder", "impossible"),
        ("SUBLIMINAL_MNIST", "absent"),
        ("SUBLIMINAL_MNIST", "a file"),
        ("SUBLIMINAL_MNIST", "incomplete"),
        ("cache", "a file"),
        ("cache", "incomplete"),
    ],
)
def test_wrong_place_is_never_passed_over(
    tmp_path: Path, name: DataName, setting: str, fault: str
) -> None:
    place = tmp_path / "mnist"
    if fault == "a file":
        place.write_text("")
    elif fault == "incomplete":
        write_set(place, small_set())
        (place / TEST_LABELS).unlink()
    elif fault == "impossible":
        place = Path("a\0b")
    environ = {"SUBLIMINAL_CACHE": str(tmp_path)}
    if setting == "SUBLIMINAL_MNIST":
        environ["SUBLIMINAL_MNIST"] = str(place)

    with pytest.raises(UserError) as error:
        find_data(name, folder=place if setting == "folder" else None, environ=environ)

    reason = f"lacks {TEST_LABELS}" if fault == "incomplete" else "is no readable folder"
    assert_one_line(error, f"{setting} {str(place)!r}", reason)


def test_unreadable_cache_is_a_user_error(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UserError) as error:
        find_data("auto", environ=environ)
    assert_one_line(error, "cache", "is no readable folder", "Permission denied")


def test_folder_for_the_embedded_digits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="reads no folder"):
        find_data("digits-8x8", folder=tmp_path, environ={})


def test_unknown_data_set_is_a_user_error() -> None:
    with pytest.raises(UserError, match=r"'cifar'.*choose one of auto, mnist, fashion-mnist"):
        find_data("cifar", environ={})  # type: ignore[arg-type]


# Embedded digits


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return find_data("digits-8x8", environ={})


def test_embedded_digits_are_labelled_as_not_mnist(digits: ImageData) -> None:
    assert (digits.name, digits.label) == ("digits-8x8", DIGITS_LABEL)
    assert (digits.image_size, digits.source) == (8, "scikit-learn")


def test_embedded_digits_span_all_grey_values(digits: ImageData) -> None:
    values = set(torch.cat([digits.train_images, digits.test_images]).unique().tolist())
    # v * 255 / 16 = v * 15.9375, rounded, for v = 0 .. 16; 8 * 15.9375 = 127.5 goes to even.
    assert values == {0, 16, 32, 48, 64, 80, 96, 112, 128, 143, 159, 175, 191, 207, 223, 239, 255}


def test_embedded_digits_are_split_by_class_without_overlap(digits: ImageData) -> None:
    assert (len(digits.train_images), len(digits.test_images)) == (1437, 360)
    shares = digits.test_labels.bincount() / (
        digits.train_labels.bincount() + digits.test_labels.bincount()
    )
    # 360 of 1,797 is .2003; a class of about 180 images can miss that by one image, .0056.
    assert torch.all((shares - 360 / 1797).abs() < 1 / 174)


def test_embedded_digits_never_change(digits: ImageData) -> None:
    assert digits.fingerprint == "38c3a9b8a205ab81d55ec708b1299c4a1e1a084c8399ef92c3d02f2eec91f1e0"


# Download


@pytest.mark.usefixtures("no_network")
def test_auto_falls_back_to_the_digits_without_network(environ: dict[str, str]) -> None:
    found = find_data("auto", environ=environ)
    assert found.label == DIGITS_LABEL
    assert found.fallback_reason == "not found, and no download server answers"


def test_digits_that_were_asked_for_are_no_fallback(digits: ImageData) -> None:
    assert digits.fallback_reason is None


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


# Scaling


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_scaled_maps_grey_values_to_minus_one_to_one(dtype: torch.dtype) -> None:
    images = torch.tensor([[[0, 255], [51, 204]]], dtype=torch.uint8)
    inputs = scaled(images, dtype)
    # 51 / 127.5 - 1 = -0.6 and 204 / 127.5 - 1 = 0.6; bfloat16 keeps 8 bits of 1.6, 2 ** -8 off.
    expected = torch.tensor([[-1.0, 1.0, -0.6, 0.6]], dtype=dtype)
    torch.testing.assert_close(inputs, expected, atol=2**-7, rtol=0)
    assert inputs.dtype == dtype


def test_scaled_leaves_its_argument_as_it_was() -> None:
    images = torch.tensor([[[0.0, 255.0]]])
    scaled(images)
    assert images.tolist() == [[[0.0, 255.0]]]


# Report for the doctor


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


# The real files


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
