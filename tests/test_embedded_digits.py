"""scikit-learn's digits, which stand in for MNIST, never pass for it."""

from __future__ import annotations

import pytest
import torch

from mnist_toy.data import ImageData, find_data
from tests.idx_files import DIGITS_LABEL


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


def test_digits_that_were_asked_for_are_no_fallback(digits: ImageData) -> None:
    assert digits.fallback_reason is None
