"""Grey values are scaled to the inputs of networks."""

from __future__ import annotations

import pytest
import torch

from mnist_toy.data import scaled


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
