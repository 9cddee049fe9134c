"""Batches of crops, the same for the same seed and epoch."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from napari_wsol.methods.method import Batch
from napari_wsol.methods.terms import IGNORE
from napari_wsol.models.card import Normalization
from napari_wsol.training.augmentation import ColourChange, ColourJitter
from napari_wsol.training.crops import (
    Crop,
    draw_crop,
    read_image,
    read_pixels,
    read_seeds,
)
from napari_wsol.training.views import View

READERS = max(1, min(8, (os.cpu_count() or 1) - 1))
"""Threads that read ahead of the training."""

Asked = TypeVar('Asked')
Answer = TypeVar('Answer')


@dataclass(frozen=True)
class Look:
    """One crop of one view, with the change of its colours (a batch of 1)."""

    view: View
    crop: Crop
    colour: ColourChange


@dataclass(frozen=True)
class Draw:
    """Which views one step learns from, before anything is read."""

    epoch: int
    number: int
    views: tuple[int, ...]


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
    versions
        Looks at each view that there are in all, the same in every epoch;
        0: always new ones.
    rank, ranks
        Of several processes that train together, this one gets every
        ``ranks``-th crop of each batch.
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
    versions: int = 0
    rank: int = 0
    ranks: int = 1

    @property
    def side(self) -> int:
        """Pixels along each side of an image, its margin included."""
        return self.crop + 2 * self.margin

    @property
    def steps(self) -> int:
        """Batches per epoch."""
        return max(1, (self.draws or len(self.views)) // self.batch)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """All batches of an epoch, read ahead."""

        def read(draw: Draw) -> Batch:
            looks = self.looks(draw)
            return self.labelled(looks, self.images(looks))

        return read_ahead(read, self.draw(epoch))

    def draw(self, epoch: int) -> list[Draw]:
        """What each step of an epoch learns from."""
        order = self._order(epoch)
        return [
            Draw(epoch, i, tuple(order[i * self.batch : (i + 1) * self.batch]))
            for i in range(self.steps)
        ]

    def looks(self, draw: Draw) -> list[Look]:
        """The crops of one step, as far as they are this process's."""
        rng = np.random.default_rng((self.seed, draw.epoch, draw.number))
        views = [self.views[i] for i in draw.views]
        if self.versions:
            looks = [
                self._version(view, int(rng.integers(self.versions)))
                for view in views
            ]
        else:
            looks = self._looks(views, rng)
        return looks[self.rank :: self.ranks]

    def images(self, looks: Sequence[Look]) -> Tensor:
        """``(B, 3, H, W)`` in [0, 1], colours changed."""
        read = [read_image(look.view, look.crop, self.side) for look in looks]
        images = torch.from_numpy(np.stack(read)).permute(0, 3, 1, 2)
        change = ColourChange.join([look.colour for look in looks])
        return change(images.float() / 255)

    def labelled(self, looks: Sequence[Look], images: Tensor) -> Batch:
        """Images in [0, 1] with all that is known of them."""
        side, margin = self.side, self.margin
        pixels, in_field = zip(
            *(
                read_pixels(look.view, look.crop, side, margin, self.roi)
                for look in looks
            ),
            strict=True,
        )
        seeds = None
        if any(view.seeds is not None for view in self.views):
            seeds = torch.from_numpy(
                np.stack(
                    [
                        read_seeds(look.view, look.crop, side, margin)
                        for look in looks
                    ]
                )
            )
        return Batch(
            self.normalised(images),
            torch.tensor([look.view.label for look in looks]),
            torch.from_numpy(np.stack(pixels)),
            torch.from_numpy(np.stack(in_field)),
            seeds=seeds,
            margin=margin,
        )

    def normalised(self, images: Tensor) -> Tensor:
        """``(B, 3, H, W)`` in [0, 1] as the encoder takes them."""
        return normalised(images, self.normalization)

    def one_class_batches(self) -> int:
        """Batches of the first epoch whose images all have one label."""
        drawn = [
            {self.views[i].label for i in draw.views} for draw in self.draw(0)
        ]
        return sum(
            len(labels) == 1 and IGNORE not in labels for labels in drawn
        )

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

    def _looks(
        self, views: Sequence[View], rng: np.random.Generator
    ) -> list[Look]:
        """A new look at each view: all crops are drawn, then all colours."""
        crops = [
            draw_crop(view, self.mpp, self.crop, self.margin, self.scale, rng)
            for view in views
        ]
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        colours = self.colour.draw(len(views), generator)
        return [
            Look(view, crop, colours[i : i + 1])
            for i, (view, crop) in enumerate(zip(views, crops, strict=True))
        ]

    def _version(self, view: View, version: int) -> Look:
        """A look that depends on nothing but the view and its number."""
        told = hashlib.sha256(f'{view.path.name} {view.region}'.encode())
        number = int.from_bytes(told.digest()[:8])
        rng = np.random.default_rng((number, version))
        return self._looks([view], rng)[0]


def read_ahead(
    read: Callable[[Asked], Answer],
    asked: Sequence[Asked],
    threads: int = READERS,
) -> Iterator[Answer]:
    """``read`` of each in turn, some of them ahead in other threads."""
    with ThreadPoolExecutor(threads, 'training-reader') as readers:
        ahead: deque[Future[Answer]] = deque()
        for item in asked:
            ahead.append(readers.submit(read, item))
            if len(ahead) > 2 + threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def normalised(images: Tensor, normalization: Normalization) -> Tensor:
    """``(B, 3, H, W)`` in [0, 1] -> normalised, channels last in memory."""
    mean = torch.tensor(normalization.mean)[:, None, None].to(images)
    std = torch.tensor(normalization.std)[:, None, None].to(images)
    return ((images - mean) / std).contiguous(
        memory_format=torch.channels_last
    )
