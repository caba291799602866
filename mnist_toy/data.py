"""The images of the toy experiment: MNIST, Fashion-MNIST, or scikit-learn's small digits."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnist_toy.download import DownloadError, fetch
from mnist_toy.folders import cache_folder, files_in, find_files
from mnist_toy.idx import IdxFile, read_idx
from mnist_toy.published import FASHION_MNIST, IDX_FILES, MNIST, Published, match_published
from subliminal.errors import UserError

DataName = Literal["mnist", "fashion-mnist", "digits-8x8"]
Source = Literal["folder", "download", "scikit-learn"]

CLASSES = 10
DIGITS_TEST_SIZE = 360
DIGITS_SPLIT_SEED = 0
_PUBLISHED: Mapping[str, Published] = {
    "auto": MNIST,
    "mnist": MNIST,
    "fashion-mnist": FASHION_MNIST,
}


@dataclass(frozen=True, eq=False)
class ImageData:
    """A labelled set of square grey images in ten classes, divided into train and test.

    Attributes:
        name: Which data set it is.
        label: The same for people; belongs in every output, so that a fallback is never taken
            for MNIST.
        train_images: uint8 [N, H, W], raw values 0..255; `scaled` makes network inputs of them.
        train_labels: int64 [N], 0..9.
        test_images: As `train_images`.
        test_labels: As `train_labels`.
        image_size: H, which equals W, in pixels.
        fingerprint: SHA-256 (hex) over the name, the shapes and the values of the four arrays.
            The same data give the same fingerprint wherever they were found.
        source: Whether the files were already on disk, fetched by this call, or come with
            scikit-learn.
        fallback_reason: Why these are not the MNIST that "auto" prefers, in one line; None where
            nothing was fallen back from.
    """

    name: DataName
    label: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    image_size: int
    fingerprint: str
    source: Source
    fallback_reason: str | None = None


@dataclass(frozen=True)
class DataStatus:
    """What `find_data` would meet for one data set, without downloading.

    Attributes:
        name: The data set.
        available: Whether it can be loaded now.
        detail: Where it is, or what is missing or wrong and how to mend it; one line.
    """

    name: DataName
    available: bool
    detail: str


def find_data(
    name: Literal["mnist", "fashion-mnist", "digits-8x8", "auto"] = "auto",
    *,
    folder: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    download: bool = True,
    verify: bool = True,
) -> ImageData:
    """Find and load image data.

    MNIST and Fashion-MNIST are looked for in `folder`, in the folder that SUBLIMINAL_MNIST or
    SUBLIMINAL_FASHION_MNIST names, in the user's cache (SUBLIMINAL_CACHE moves it), and are then
    downloaded by torchvision into that cache. A folder holds the four standard IDX files, each
    plain or .gz (of both, the .gz is read), or has them below in torchvision's layout.

    Args:
        name: The data set; "auto" is MNIST, or scikit-learn's digits where MNIST is neither
            found nor to be had from the network.
        folder: Folder of IDX files, which must hold them.
        environ: The environment variables.
        download: Whether to try the network.
        verify: Whether to compare the files with the published MD5 sums; turn it off to use other
            data in the same form, whose label then says that they are not verified. MNIST's
            sums are those of the uncompressed files. For Fashion-MNIST only the sums of the
            published .gz files are known: its plain files are checked for structure alone, and
            their label says so too.

    Raises:
        UserError: The data set is unknown or not to be had, or a folder given by argument, by
            variable or as cache lacks files or holds damaged ones; this never leads to a fallback.
    """
    if name == "digits-8x8":
        if folder is not None:
            raise UserError(
                f"folder {folder}: digits-8x8 comes with scikit-learn and reads no folder; "
                "leave the folder out, or choose mnist or fashion-mnist"
            )
        return _load_digits()
    published = _published(name)
    files = find_files(published, folder, environ)
    if files is not None:
        return _load_files(published, files, verify, source="folder")
    try:
        files = _download(published, environ, allowed=download)
    except DownloadError as error:
        if name == "auto":
            return replace(_load_digits(), fallback_reason=str(error))
        raise UserError(_how_to_get(published, environ, reason=str(error))) from error
    return _load_files(published, files, verify, source="download")


def scaled(images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Turn raw images, uint8 [N, H, W], into network inputs [N, H * W] in [-1, 1]."""
    return images.flatten(1).to(dtype, copy=True).div_(127.5).sub_(1.0)


def data_report(environ: Mapping[str, str] = os.environ) -> list[DataStatus]:
    """Say for each data set whether it can be loaded here, without touching the network.

    What is found is loaded and checked, which takes about a second for each set.
    """
    published = [_file_status(published, environ) for published in (MNIST, FASHION_MNIST)]
    digits = _load_digits()
    return [*published, DataStatus(digits.name, True, f"{digits.label}, from {digits.source}")]


def _published(name: str) -> Published:
    try:
        return _PUBLISHED[name]
    except KeyError:
        known = ", ".join([*_PUBLISHED, "digits-8x8"])
        raise UserError(f"data {name!r}: no such data set; choose one of {known}") from None


def _file_status(published: Published, environ: Mapping[str, str]) -> DataStatus:
    try:
        files = find_files(published, None, environ)
        if files is None:
            missing = _how_to_get(published, environ, reason="not on this machine yet")
            return DataStatus(published.name, False, missing)
        data = _load_files(published, files, verify=True, source="folder")
    except UserError as error:
        return DataStatus(published.name, False, str(error))
    return DataStatus(published.name, True, f"{data.label}, in {files[IDX_FILES[0]].parent}")


def _how_to_get(published: Published, environ: Mapping[str, str], reason: str) -> str:
    return (
        f"data {published.name}: {reason}; put {', '.join(IDX_FILES)} (plain or .gz) into a folder "
        f"and set {published.variable} to it, or allow the download into "
        f"{cache_folder(published, environ)}, or use `data: digits-8x8`"
    )


def _download(published: Published, environ: Mapping[str, str], allowed: bool) -> dict[str, Path]:
    if not allowed:
        raise DownloadError("not found, and downloading is switched off")
    cache = cache_folder(published, environ)
    fetch(published, cache)
    return files_in(published, cache, setting="cache")


# Reading and checking files


def _load_files(
    published: Published, files: Mapping[str, Path], verify: bool, source: Source
) -> ImageData:
    contents = {
        name: read_idx(path, rank=3 if "images" in name else 1) for name, path in files.items()
    }
    verified = verify and match_published(published, files, contents)
    arrays = tuple(contents[name].values for name in IDX_FILES)
    _check_split(files, contents, "train")
    _check_split(files, contents, "t10k")
    _check_sizes(files, contents)
    title = published.title if verified else f"{published.title} form, contents not verified"
    return _image_data(published.name, f"{title} ({_counts(arrays)})", arrays, source)


def _counts(arrays: tuple[NDArray[np.uint8], ...]) -> str:
    train, _, test, _ = arrays
    return f"{len(train):,} train / {len(test):,} test, {train.shape[1]}x{train.shape[2]}"


def _check_split(files: Mapping[str, Path], contents: Mapping[str, IdxFile], part: str) -> None:
    images, labels = f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
    image_count, label_count = len(contents[images].values), len(contents[labels].values)
    if image_count != label_count:
        raise UserError(
            f"{files[labels]}: {label_count:,} labels for the {image_count:,} images of "
            f"{files[images].name}; the two files must belong together"
        )
    largest = int(contents[labels].values.max())
    if largest >= CLASSES:
        index = int(contents[labels].values.argmax())
        raise UserError(
            f"{files[labels]}: label {largest} at index {index}; labels are 0 to {CLASSES - 1}"
        )


def _check_sizes(files: Mapping[str, Path], contents: Mapping[str, IdxFile]) -> None:
    train, test = IDX_FILES[0], IDX_FILES[2]
    height, width = contents[train].values.shape[1:]
    if height != width:
        raise UserError(f"{files[train]}: images of {height}x{width} pixels; they must be square")
    found = contents[test].values.shape[1:]
    if found != (height, width):
        raise UserError(
            f"{files[test]}: images of {found[0]}x{found[1]} pixels, but {files[train].name} has "
            f"{height}x{width}; both must have the same size"
        )


def _load_digits() -> ImageData:
    """Load scikit-learn's 1,797 digits, values 0..16, with a fixed stratified split."""
    # Imported here because it takes about a second, which runs on MNIST need not pay.
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    labels = digits.target.astype(np.uint8)
    train, test = train_test_split(
        np.arange(len(labels)),
        test_size=DIGITS_TEST_SIZE,
        stratify=labels,
        random_state=DIGITS_SPLIT_SEED,
    )
    return _image_data(
        "digits-8x8",
        "scikit-learn digits, 8x8 (embedded fallback, NOT MNIST)",
        (images[train], labels[train], images[test], labels[test]),
        "scikit-learn",
    )


def _image_data(
    name: DataName, label: str, arrays: tuple[NDArray[np.uint8], ...], source: Source
) -> ImageData:
    """Assemble images and labels of train, then of test, all uint8."""
    train_images, train_labels, test_images, test_labels = (
        torch.from_numpy(array.copy()) for array in arrays
    )
    return ImageData(
        name=name,
        label=label,
        train_images=train_images,
        train_labels=train_labels.long(),
        test_images=test_images,
        test_labels=test_labels.long(),
        image_size=train_images.shape[1],
        fingerprint=_fingerprint(name, arrays),
        source=source,
    )


def _fingerprint(name: str, arrays: Iterable[NDArray[np.uint8]]) -> str:
    digest = hashlib.sha256(name.encode())
    for array in arrays:
        digest.update(f";{array.shape};".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).data)
    return digest.hexdigest()
