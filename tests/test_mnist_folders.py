"""The images of the toy experiment are found in the stated order, in every form of their files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mnist_toy.data import DataName, find_data
from mnist_toy.published import IDX_FILES
from subliminal.errors import UserError
from tests.idx_files import (
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    load_folder,
    small_set,
    write_set,
)
from tests.user_errors import assert_one_line


@pytest.mark.parametrize("layout", ["", "raw", "MNIST/raw"])
@pytest.mark.parametrize("compress", [False, True])
def test_reads_plain_and_gzipped_files_in_every_layout(
    tmp_path: Path, layout: str, compress: bool
) -> None:
    files = small_set()
    write_set(tmp_path / layout, files, compress)

    found = load_folder(tmp_path)

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
    found = load_folder(write_set(tmp_path, small_set()))
    assert found.label == "MNIST form, contents not verified (12 train / 5 test, 4x4)"


def test_of_two_forms_the_gzipped_file_is_read(tmp_path: Path) -> None:
    write_set(tmp_path, small_set(seed=1))
    write_set(tmp_path, small_set(seed=2), compress=True)
    assert (
        load_folder(tmp_path).train_images.numpy().tobytes() == small_set(seed=2)[TRAIN_IMAGES][16:]
    )


def test_fingerprint_ignores_place_and_form_of_the_files(tmp_path: Path) -> None:
    plain = load_folder(write_set(tmp_path / "a", small_set()))
    packed = load_folder(write_set(tmp_path / "b" / "MNIST" / "raw", small_set(), compress=True))
    assert plain.fingerprint == packed.fingerprint
    assert len(plain.fingerprint) == 64


@pytest.mark.parametrize("name", IDX_FILES)
def test_fingerprint_changes_with_one_value_of_any_file(tmp_path: Path, name: str) -> None:
    files = small_set()
    before = load_folder(write_set(tmp_path, files)).fingerprint
    changed = bytearray(files[name])
    changed[-1] = (changed[-1] + 1) % 10
    after = load_folder(write_set(tmp_path, {**files, name: bytes(changed)})).fingerprint
    assert after != before


def test_fingerprint_tells_data_sets_of_the_same_values_apart(tmp_path: Path) -> None:
    folder = write_set(tmp_path, small_set())
    fashion = find_data("fashion-mnist", folder=folder, environ={}, verify=False)
    assert fashion.fingerprint != load_folder(folder).fingerprint


def test_argument_goes_before_variable_before_cache(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    places = {
        "argument": write_set(tmp_path / "argument", small_set(seed=1)),
        "variable": write_set(tmp_path / "variable", small_set(seed=2)),
        "cache": write_set(cache / "mnist", small_set(seed=3)),
    }
    prints = {place: load_folder(folder).fingerprint for place, folder in places.items()}
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
