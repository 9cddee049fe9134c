"""A tiny network that answers like ``models.localizer.Localizer``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_wsol.inference.settings import Prediction
from napari_wsol.models.card import Architecture, ModelCard
from napari_wsol.models.loading import LoadedModel
from napari_wsol.models.localizer import Glance, Localizer
from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.pixel_size import PixelSize


class TinyNetwork(nn.Module):
    """Convolutions with a reach of some 20 pixels, stride 8 and 32."""

    stride = 8
    class_stride = 32

    def __init__(self, classes: int = 3, channels: int = 3) -> None:
        super().__init__()
        self.pixel_channels = channels
        self.class_channels = classes
        generator = torch.Generator().manual_seed(3)
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, 2, 1),
            nn.ReLU(),
        )
        self.pixel = nn.Conv2d(16, channels, 1)
        self.classify = nn.Conv2d(16, classes, 4, 4)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.35, generator=generator)
        self.largest_batch = 10**6
        self.batches: list[int] = []
        self.looks: list[str] = []

    def glance(self, images: Tensor, *, classify: bool) -> Glance:
        self.batches.append(len(images))
        self.looks.append('glance')
        if len(images) > self.largest_batch:
            raise torch.OutOfMemoryError('CUDA out of memory.')
        features = self.body(images)
        pixel = self.pixel(features).float().softmax(1)
        return Glance(pixel, self.classify(features) if classify else None)

    def seen_apart(
        self, images: Tensor, whole: Tensor, mask: Tensor
    ) -> Tensor:
        self.looks.append('apart')
        scores = whole.float()
        return torch.stack([scores, scores, 0 * scores], 1)

    def pool(self, scores: Tensor) -> Tensor:
        return scores.mean(0)


def loaded(card: ModelCard, network: nn.Module) -> LoadedModel:
    network.eval().requires_grad_(False)
    return LoadedModel(card, network, 'a' * 64)  # type: ignore[arg-type]


def untaught(card: ModelCard) -> Localizer:
    """A network of the real kind that has learned nothing."""
    torch.manual_seed(0)
    architecture = Architecture(
        encoder='test_resnet', neck='none', pixel_head='softmax'
    )
    return Localizer(architecture, card.classes, card.negative_class)


@pytest.fixture
def model(card: ModelCard) -> LoadedModel:
    """One that has learned nothing."""
    return loaded(card, untaught(card))


@pytest.fixture
def network() -> TinyNetwork:
    return TinyNetwork()


@pytest.fixture
def tiny_model(card: ModelCard, network: TinyNetwork) -> LoadedModel:
    """Three classes, one of them negative; tiles of 128 px, 0.5 µm/px."""
    small = card.model_copy(update={'tile': 128, 'halo': 32})
    return loaded(small, network)


@pytest.fixture
def make_slide() -> Callable[..., ArraySlide]:
    """Blotches of pink on white, always the same."""

    def make(
        height: int = 300,
        width: int = 500,
        pixel_size: PixelSize | None = PixelSize(0.5, 0.5, 'a test'),  # noqa: B008
        blank_from: int | None = None,
    ) -> ArraySlide:
        rng = np.random.default_rng(7)
        coarse = rng.integers(60, 230, (height // 16 + 2, width // 16 + 2, 3))
        pixels = coarse.repeat(16, 0).repeat(16, 1)[:height, :width]
        pixels = pixels + rng.integers(-20, 20, pixels.shape)
        if blank_from is not None:
            pixels[:, blank_from:] = 244
        return ArraySlide(
            'test', [pixels.clip(0, 255).astype(np.uint8)], pixel_size
        )

    return make


@pytest.fixture
def slide(make_slide: Callable[..., ArraySlide]) -> ArraySlide:
    return make_slide()


def exhaust(events: Any) -> tuple[list[Any], Prediction]:
    """All events of a run, and its result."""
    seen = []
    while True:
        try:
            seen.append(next(events))
        except StopIteration as stop:
            return seen, stop.value
