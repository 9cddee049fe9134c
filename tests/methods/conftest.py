"""A small real network, and batches for it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from napari_wsol.methods.method import Batch
from napari_wsol.models.card import Architecture
from napari_wsol.models.localizer import Localizer

MakeNetwork = Callable[..., Localizer]
MakeBatch = Callable[..., Batch]


@pytest.fixture
def make_network() -> MakeNetwork:
    """Give a localizer of 3 classes, in training mode.

    With a negative class its pixel head tells the ROI classes apart.
    """

    def make(negative: str | None = None, **architecture: Any) -> Localizer:
        torch.manual_seed(0)
        chosen = {
            'encoder': 'test_resnet',
            'channels': 8,
            'pixel_head': 'softmax' if negative else 'class-maps',
        }
        return Localizer(
            Architecture(**chosen | architecture),
            ('benign', 'normal', 'malignant'),
            negative,
        )

    return make


@pytest.fixture
def make_batch() -> MakeBatch:
    """Give a batch of noise with these labels."""

    def make(labels: list[int], side: int = 64, **given: Any) -> Batch:
        generator = torch.Generator().manual_seed(1)
        count = len(labels)
        shape = (count, side, side)
        given = {
            'pixels': torch.full(shape, -1),
            'in_field': torch.zeros(shape, dtype=torch.bool),
        } | given
        images = torch.randn(count, 3, side, side, generator=generator)
        return Batch(images, torch.tensor(labels), **given)

    return make
