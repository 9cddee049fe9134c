"""Images and models that the benchmarks generate."""

from __future__ import annotations

import numpy as np
import torch

from napari_wsol.models.card import (
    Architecture,
    ModelCard,
    Normalization,
    TrainingRecord,
)
from napari_wsol.models.loading import LoadedModel, build
from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.pixel_size import PixelSize


def made_slide(
    height: int, width: int, mpp: float, seed: int = 0
) -> ArraySlide:
    """Blotches of H&E colours with grain, `(height, width)` pixels."""
    rng = np.random.default_rng(seed)
    colours = np.array(
        [(120, 70, 150), (225, 150, 190), (240, 225, 235)], np.uint8
    )
    block = 1024
    patch = colours[rng.integers(0, 3, (block // 32 + 1, block // 32 + 1))]
    patch = patch.repeat(32, 0).repeat(32, 1)[:block, :block]
    grain = rng.integers(-15, 16, (block, block, 1))
    patch = (patch.astype(int) + grain).clip(0, 255).astype(np.uint8)
    pixels = np.tile(patch, (-(-height // block), -(-width // block), 1))
    pixels = pixels[:height, :width]
    return ArraySlide(
        'made', [pixels], PixelSize(mpp, mpp, 'made by a benchmark')
    )


def random_model(
    encoder: str = 'tf_efficientnet_lite0', seed: int = 0
) -> LoadedModel:
    """A localizer of the usual shape that has learned nothing."""
    torch.manual_seed(seed)
    card = ModelCard(
        name='random',
        title='Random weights',
        finds='nothing',
        tissue='none',
        method='max-min-uncertainty',
        architecture=Architecture(encoder=encoder, pixel_head='softmax'),
        classes=('background', 'benign', 'malignant'),
        negative_class='background',
        mpp=0.5,
        normalization=Normalization(
            mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
        ),
        training=TrainingRecord(data='none'),
    )
    network = build(card)
    network.eval().requires_grad_(False)
    return LoadedModel(card, network, '0' * 64)
