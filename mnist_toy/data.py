"""The images of the toy experiment: MNIST, Fashion-MNIST, or scikit-learn's small digits."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import platformdirs
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnist_toy.idx import IdxFile, read_idx
from subliminal.errors import UserError

DataName = Literal["mnist", "fashion-mnist", "digits-8x8"]
Source = Literal["folder", "download", "scikit-learn"]

CACHE_VARIABLE = "SUBLIMINAL_CACHE"
IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
CLASSES = 10
PROBE_SECONDS = 5.0
STALL_SECONDS = 30.0
DIGITS_TEST_SIZE = 360
DIGITS_SPLIT_SEED = 0


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


@dataclass(frozen=True)
class _Published:
    """A data set published as the four `IDX_FILES`, with the MD5 sums known for them, by file.

    Attributes:
        content_md5: Sums of the uncompressed files; they hold however a file was compressed.
        gzip_md5: Sums of the .gz files as published, for sets without `content_md5`.
    """

    name: DataName
    title: str
    variable: str
    torchvision_class: str
    content_md5: Mapping[str, str]
    gzip_md5: Mapping[str, str]


_MNIST = _Published(
    name="mnist",
    title="MNIST",
    variable="SUBLIMINAL_MNIST",
    torchvision_class="MNIST",
    content_md5={
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    gzip_md5={},
)
_FASHION_MNIST = _Published(
    name="fashion-mnist",
    title="Fashion-MNIST",
    variable="SUBLIMINAL_FASHION_MNIST",
    torchvision_class="FashionMNIST",
    content_md5={},
    gzip_md5={
        "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
    },
)
_PUBLISHED: Mapping[str, _Published] = {
    "auto": _MNIST,
    "mnist": _MNIST,
    "fashion-mnist": _FASHION_MNIST,
}


class _DownloadError(Exception):
    """The files could not be fetched; the message is one line with the reason."""


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
    files = _find_files(published, folder, environ)
    if files is not None:
        return _load_files(published, files, verify, source="folder")
    try:
        files = _download(published, environ, allowed=download)
    except _DownloadError as error:
        if name == "auto":
            return _load_digits()
        raise UserError(_how_to_get(published, environ, reason=str(error))) from error
    return _load_files(published, files, verify, source="download")


def scaled(images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Turn raw images, uint8 [N, H, W], into network inputs [N, H * W] in [-1, 1]."""
    return images.flatten(1).to(dtype, copy=True).div_(127.5).sub_(1.0)


def data_report(environ: Mapping[str, str] = os.environ) -> list[DataStatus]:
    """Say for each data set whether it can be loaded here, without touching the network.

    What is found is loaded and checked, which takes about a second for each set.
    """
    published = [_file_status(published, environ) for published in (_MNIST, _FASHION_MNIST)]
    digits = _load_digits()
    return [*published, DataStatus(digits.name, True, f"{digits.label}, from {digits.source}")]


def _published(name: str) -> _Published:
    try:
        return _PUBLISHED[name]
    except KeyError:
        known = ", ".join([*_PUBLISHED, "digits-8x8"])
        raise UserError(f"data {name!r}: no such data set; choose one of {known}") from None


def _file_status(published: _Published, environ: Mapping[str, str]) -> DataStatus:
    try:
        files = _find_files(published, None, environ)
        if files is None:
            missing = _how_to_get(published, environ, reason="not on this machine yet")
            return DataStatus(published.name, False, missing)
        data = _load_files(published, files, verify=True, source="folder")
    except UserError as error:
        return DataStatus(published.name, False, str(error))
    return DataStatus(published.name, True, f"{data.label}, in {files[IDX_FILES[0]].parent}")


def _how_to_get(published: _Published, environ: Mapping[str, str], reason: str) -> str:
    return (
        f"data {published.name}: {reason}; put {', '.join(IDX_FILES)} (plain or .gz) into a folder "
        f"and set {published.variable} to it, or allow the download into "
        f"{_cache_folder(published, environ)}, or use `data: digits-8x8`"
    )


# Where the files are


def _cache_folder(published: _Published, environ: Mapping[str, str]) -> Path:
    root = environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("subliminal")
    return _without_tilde(root) / published.name


def _without_tilde(path: str | Path) -> Path:
    # Unlike Path.expanduser, this leaves the home of an unknown user as it is instead of raising.
    return Path(os.path.expanduser(path))


def _find_files(
    published: _Published, folder: Path | None, environ: Mapping[str, str]
) -> dict[str, Path] | None:
    """Find the four files by their standard names, or None where only a download is left."""
    variable = environ.get(published.variable)
    if folder is not None:
        return _files_in(published, _without_tilde(folder), setting="folder")
    if variable:
        return _files_in(published, _without_tilde(variable), setting=published.variable)
    cache = _cache_folder(published, environ)
    if _is_absent_or_empty(cache):
        return None
    return _files_in(published, cache, setting="cache")


def _is_absent_or_empty(folder: Path) -> bool:
    try:
        return not any(folder.iterdir())
    except FileNotFoundError:
        return True
    except OSError:
        # It is there but cannot be read; `_files_in` tells the user why.
        return False


def _files_in(published: _Published, folder: Path, setting: str) -> dict[str, Path]:
    try:
        files = _idx_files_below(published, folder)
    except (OSError, ValueError) as error:
        # A ValueError comes from a path that no system call accepts, such as one with a NUL.
        raise UserError(
            f"{setting} {str(folder)!r}: is no readable folder "
            f"({getattr(error, 'strerror', None) or error}); "
            f"name the folder that holds the four {published.title} files"
        ) from error
    missing = [name for name in IDX_FILES if name not in files]
    if missing:
        raise UserError(
            f"{setting} {str(folder)!r}: lacks {', '.join(missing)} (plain or .gz); "
            f"the four {published.title} files must lie in it or in its folder "
            f"{published.torchvision_class}/raw"
        )
    return files


def _idx_files_below(published: _Published, folder: Path) -> dict[str, Path]:
    files = _idx_files(folder)
    for layout in (folder / "raw", folder / published.torchvision_class / "raw"):
        if not files and layout.is_dir():
            files = _idx_files(layout)
    return files


def _idx_files(folder: Path) -> dict[str, Path]:
    """Map standard names to paths, for those of the four files that `folder` holds.

    The .gz goes before the plain file: all published sums can be compared with it.
    """
    present = {path.name: path for path in folder.iterdir()}
    candidates = {name: present.get(f"{name}.gz", present.get(name)) for name in IDX_FILES}
    return {name: path for name, path in candidates.items() if path is not None}


# Reading and checking them


def _load_files(
    published: _Published, files: Mapping[str, Path], verify: bool, source: Source
) -> ImageData:
    contents = {
        name: read_idx(path, rank=3 if "images" in name else 1) for name, path in files.items()
    }
    verified = verify and _all_match_published(published, files, contents)
    arrays = tuple(contents[name].values for name in IDX_FILES)
    _check_split(files, contents, "train")
    _check_split(files, contents, "t10k")
    _check_sizes(files, contents)
    title = published.title if verified else f"{published.title} form, contents not verified"
    return _image_data(published.name, f"{title} ({_counts(arrays)})", arrays, source)


def _counts(arrays: tuple[NDArray[np.uint8], ...]) -> str:
    train, _, test, _ = arrays
    return f"{len(train):,} train / {len(test):,} test, {train.shape[1]}x{train.shape[2]}"


def _all_match_published(
    published: _Published, files: Mapping[str, Path], contents: Mapping[str, IdxFile]
) -> bool:
    # A list, so that every file is compared even after one without a known sum.
    matches = [
        _matches_published(published, name, files[name], contents[name]) for name in IDX_FILES
    ]
    return all(matches)


def _matches_published(published: _Published, name: str, path: Path, content: IdxFile) -> bool:
    """Compare one file with its published sum; False where none is known for its form.

    Raises:
        UserError: The sums differ.
    """
    if name in published.content_md5:
        found, expected, form = content.content_md5, published.content_md5[name], "content"
    elif name in published.gzip_md5 and path.suffix == ".gz":
        found, expected, form = _file_md5(path), published.gzip_md5[name], ".gz file"
    else:
        return False
    if found != expected:
        raise UserError(
            f"{path}: checksum differs (MD5 of the {form} is {found}, published {expected}): "
            f"damaged or not the published {published.title}; fetch it again, or pass verify=False "
            "(`verify: false`) to use it anyway"
        )
    return True


def _file_md5(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(
                stream, lambda: hashlib.md5(usedforsecurity=False)
            ).hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error


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


# Fetching them


def _download(published: _Published, environ: Mapping[str, str], allowed: bool) -> dict[str, Path]:
    """Fetch the four files into the cache with torchvision, which compares their sums.

    Raises:
        _DownloadError: Not allowed, no working torchvision, no network, or no place to write.
    """
    if not allowed:
        raise _DownloadError("not found, and downloading is switched off")
    cache = _cache_folder(published, environ)
    try:
        # Imported here because it takes seconds, which only a download need pay.
        import torchvision

        dataset = getattr(torchvision.datasets, published.torchvision_class)
        if not any(_answers(f"{mirror}{dataset.resources[0][0]}") for mirror in dataset.mirrors):
            raise _DownloadError("not found, and no download server answers")
        cache.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=cache.parent) as root, _socket_timeout(STALL_SECONDS):
            dataset(root, download=True)
            _move_folder(Path(root, published.torchvision_class, "raw"), cache)
    except (ImportError, RuntimeError, OSError, EOFError, HTTPException) as error:
        reason = " ".join(str(error).split())
        raise _DownloadError(f"not found, and the download failed ({reason})") from error
    return _files_in(published, cache, setting="cache")


def _answers(url: str) -> bool:
    """Ask a server for a file's header, for no longer than `PROBE_SECONDS`.

    A thread keeps this limit: where a name server or firewall stays silent, urllib's own timeout
    applies to every address of the host in turn, and adds up to minutes.
    """
    answered = threading.Event()

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")
        with suppress(OSError, HTTPException):
            urllib.request.urlopen(request, timeout=PROBE_SECONDS).close()
            answered.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return answered.is_set()


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Bound how long a connection may stall; torchvision sets no limit and takes none."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _move_folder(folder: Path, target: Path) -> None:
    """Rename a complete folder into place, so that no process ever sees half of a cache."""
    try:
        os.replace(folder, target)
    except OSError:
        # Another process was faster: its complete folder is as good as this one.
        if not (target.is_dir() and any(target.iterdir())):
            raise
