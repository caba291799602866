"""IDX files: whatever is damaged is a user error that names the file and the fault."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_toy import idx
from mnist_toy.idx import parse_idx, read_idx
from subliminal.errors import UserError
from tests.idx_files import (
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    idx_bytes,
    load_folder,
    small_set,
    write_set,
)
from tests.user_errors import assert_one_line


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
        load_folder(tmp_path)
    assert_one_line(error, str(tmp_path / name), *message)


@pytest.mark.parametrize("kept", [3, 15, 60, -9, -1])
def test_truncated_gzip_is_a_user_error(tmp_path: Path, kept: int) -> None:
    path = write_set(tmp_path, small_set(), compress=True) / f"{TRAIN_IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError) as error:
        load_folder(tmp_path)
    assert_one_line(error, str(path), "damaged gzip file", "fetch it again")


def test_gzip_whose_own_check_sum_differs_is_a_user_error(tmp_path: Path) -> None:
    path = write_set(tmp_path, small_set(), compress=True) / f"{TEST_IMAGES}.gz"
    content = bytearray(path.read_bytes())
    content[-8] ^= 1  # The CRC-32 is the first half of the last eight bytes.
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        load_folder(tmp_path)
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
        load_folder(tmp_path)
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
        load_folder(tmp_path)
    assert_one_line(error, str(tmp_path / TRAIN_IMAGES), "Permission denied")


@given(kept=st.integers(0, 12 + 8))
def test_idx_cut_anywhere_parses_equal_or_is_a_user_error(kept: int) -> None:
    if kept == len(LABELS):
        assert parse_idx(io.BytesIO(LABELS), 1, "labels").values.tobytes() == LABELS[8:]
    else:
        with pytest.raises(UserError):
            parse_idx(io.BytesIO(LABELS[:kept]), 1, "labels")


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
