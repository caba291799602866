"""Small random data sets in the IDX form of MNIST's files."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

from mnist_toy.data import ImageData, find_data
from mnist_toy.published import IDX_FILES

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = IDX_FILES
DIGITS_LABEL = "scikit-learn digits, 8x8 (embedded fallback, NOT MNIST)"
"""Label of the data that stand in where no such files are found."""


def idx_bytes(values: np.ndarray) -> bytes:
    """Values 0..255 in the IDX form, after their header."""
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
    """Write files into a folder, which is made and returned."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if compress:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return folder


def load_folder(folder: Path) -> ImageData:
    """The data set in a folder, whatever its checksums."""
    return find_data("mnist", folder=folder, environ={}, download=False, verify=False)
