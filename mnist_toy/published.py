"""The data sets published as IDX files: MNIST and Fashion-MNIST, their names and checksums."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mnist_toy.idx import IdxFile
from subliminal.errors import UserError

PublishedName = Literal["mnist", "fashion-mnist"]

IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True)
class Published:
    """A data set published as the four `IDX_FILES`, with the MD5 sums known for them, by file.

    Attributes:
        name: What experiments call it.
        title: What people call it.
        variable: The environment variable that names its folder.
        torchvision_class: The data set's class in torchvision, and the folder this writes to.
        content_md5: Sums of the uncompressed files; they hold however a file was compressed.
        gzip_md5: Sums of the .gz files as published, for sets without `content_md5`.
    """

    name: PublishedName
    title: str
    variable: str
    torchvision_class: str
    content_md5: Mapping[str, str]
    gzip_md5: Mapping[str, str]


MNIST = Published(
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
FASHION_MNIST = Published(
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


def match_published(
    published: Published, files: Mapping[str, Path], contents: Mapping[str, IdxFile]
) -> bool:
    """Compare the four files with their published sums.

    Args:
        published: The data set they should be.
        files: Their paths, by standard name.
        contents: What they hold, likewise.

    Returns:
        Whether all of them match; False where no sum is known for the form of one of them.

    Raises:
        UserError: A sum is known and differs.
    """
    # A list, so that every file is compared even after one without a known sum.
    matches = [_matches(published, name, files[name], contents[name]) for name in IDX_FILES]
    return all(matches)


def _matches(published: Published, name: str, path: Path, content: IdxFile) -> bool:
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
