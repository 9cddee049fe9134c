"""Batches of crops, the same for the same seed and epoch."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from napari_wsol.methods.method import Batch
from napari_wsol.methods.terms import IGNORE
from napari_wsol.models.card import Normalization
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.mirroring import read_mirrored
from napari_wsol.slides.slide import RGB
from napari_wsol.training.augmentation import ColourJitter
from napari_wsol.training.views import (
    PixelMap,
    View,
    opened,
    pixel_classes,
    working_step,
)


@dataclass(frozen=True)
class Sampler:
    """Draws augmented crops from views.

    Parameters
    ----------
    mpp, crop
        Working µm per pixel, and side of a crop in working pixels.
    margin
        Context along each side of a crop, in working pixels, from the image
        where it goes on and mirrored where it ends.
    scale
        Crops show the image between ``1 / scale`` and ``scale`` times its
        size.
    balance
        Classes are drawn by 1 / size**balance: 0 as they are, 1 equally.
    roi
        Indices of the ROI classes, in the order of the pixel channels.
    """

    views: list[View]
    normalization: Normalization
    roi: list[int]
    mpp: float | None
    crop: int = 192
    margin: int = 32
    batch: int = 8
    scale: float = 1.25
    balance: float = 0.5
    colour: ColourJitter = field(default_factory=ColourJitter)
    seed: int = 0
    draws: int | None = None

    @property
    def steps(self) -> int:
        """Batches per epoch."""
        return max(1, (self.draws or len(self.views)) // self.batch)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """All batches of an epoch, read ahead by one thread."""
        order = self._order(epoch)
        chunks = [
            order[i * self.batch : (i + 1) * self.batch]
            for i in range(self.steps)
        ]
        with ThreadPoolExecutor(1, 'training-reader') as reader:
            ahead: list[Future[Batch]] = []
            for number, chunk in enumerate(chunks):
                ahead.append(reader.submit(self._batch, chunk, epoch, number))
                if len(ahead) > 3:
                    yield ahead.pop(0).result()
            for future in ahead:
                yield future.result()

    def _order(self, epoch: int) -> list[int]:
        rng = np.random.default_rng((self.seed, epoch))
        labels = np.array([view.label for view in self.views])
        _, inverse, counts = np.unique(
            labels, return_inverse=True, return_counts=True
        )
        weight = (1.0 / counts[inverse]) ** self.balance
        if self.draws is None and np.allclose(weight, weight[0]):
            return [int(i) for i in rng.permutation(len(labels))]
        wanted = self.steps * self.batch
        drawn = rng.choice(
            len(labels), max(wanted, 1), p=weight / weight.sum()
        )
        return [int(i) for i in drawn]

    def _batch(self, chunk: list[int], epoch: int, number: int) -> Batch:
        seed = (self.seed, epoch, number)
        rng = np.random.default_rng(seed)
        drawn = [self._crop(self.views[i], rng) for i in chunk]
        images = torch.from_numpy(np.stack([image for image, _ in drawn]))
        images = images.permute(0, 3, 1, 2).float() / 255
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        images = self.colour(images, generator)
        labels = torch.tensor([self.views[i].label for i in chunk])
        pixels = torch.from_numpy(np.stack([pixel for _, pixel in drawn]))
        return Batch(
            normalised(images, self.normalization),
            labels,
            pixels,
            margin=self.margin,
        )

    def _crop(
        self, view: View, rng: np.random.Generator
    ) -> tuple[RGB, PixelMap]:
        slide = opened(view.path, view.mpp)
        zoom = self.scale ** rng.uniform(-1, 1)
        step_y, step_x = (
            step / zoom for step in working_step(slide, self.mpp)
        )
        region = view.region
        slack_y = region.height - self.crop * step_y
        slack_x = region.width - self.crop * step_x
        core_y = region.y + slack_y * (rng.uniform() if slack_y > 0 else 0.5)
        core_x = region.x + slack_x * (rng.uniform() if slack_x > 0 else 0.5)
        side = self.crop + 2 * self.margin
        box = Box(
            core_y - self.margin * step_y,
            core_x - self.margin * step_x,
            side * step_y,
            side * step_x,
        )
        image = read_mirrored(slide, box, side, side)
        pixels = pixel_classes(view, box, side, side, self.roi)
        if self.margin:
            core = slice(self.margin, -self.margin)
            kept = pixels[core, core].copy()
            pixels[:] = IGNORE
            pixels[core, core] = kept
        turns = int(rng.integers(4))
        image, pixels = np.rot90(image, turns), np.rot90(pixels, turns)
        if rng.uniform() < 0.5:
            image, pixels = image[::-1], pixels[::-1]
        return np.ascontiguousarray(image), np.ascontiguousarray(pixels)


def normalised(images: Tensor, normalization: Normalization) -> Tensor:
    """``(B, 3, H, W)`` in [0, 1] -> normalised, channels last in memory."""
    mean = torch.tensor(normalization.mean)[:, None, None].to(images)
    std = torch.tensor(normalization.std)[:, None, None].to(images)
    return ((images - mean) / std).contiguous(
        memory_format=torch.channels_last
    )
