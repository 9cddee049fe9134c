"""The network over batches of tiles, on a device, within its memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_wsol.errors import OutOfMemoryError
from napari_wsol.inference.compiling import PLAIN
from napari_wsol.inference.grid import Grid, Tile
from napari_wsol.inference.memory import is_out_of_memory
from napari_wsol.models.loading import LoadedModel
from napari_wsol.models.localizer import Glance, Localizer
from napari_wsol.slides.slide import RGB

Floats = npt.NDArray[np.float32]
Given = TypeVar('Given')

Look = Callable[[Localizer, Sequence[Tile], Tensor], Glance]
"""What to ask of a network about tiles: their places in the grid, and their
normalised pixels ``(B, 3, H, W)``, halo included."""


@dataclass(frozen=True)
class Answers:
    """What the network says about some tiles, perhaps still on its way.

    ``pixel`` is ``(B, K, h + 2m, w + 2m)``: the cores with the margin that is
    lent to neighbours. ``scores`` is ``(B, 3, C, hc, wc)``: the cells of the
    cores, or None.
    """

    pixel: Tensor
    scores: Tensor | None
    arrived: Callable[[], None]

    def arrays(self) -> tuple[Floats, Floats | None]:
        """Wait for the device, and give both as arrays."""
        self.arrived()
        scores = None if self.scores is None else self.scores.numpy()
        return self.pixel.numpy(), scores


@dataclass(frozen=True)
class Glanced:
    """Tiles at which the network took the first of its looks.

    Parameters
    ----------
    answers
        What can be shown of them already; without ``scores``.
    pixels, images, glance
        What the second look needs.
    """

    tiles: Sequence[Tile]
    answers: Answers
    pixels: Sequence[RGB]
    images: Tensor
    glance: Glance


class Forward:
    """Runs a network over tiles, in batches that fit.

    Every batch is filled up to the same size, so that a tile's bits do not
    depend on how many tiles were left.

    Parameters
    ----------
    classify
        Whether to ask the classifier, too; it then also looks at the
        foreground and the background alone.
    batch
        Tiles per batch to begin with; halved whenever memory runs out.
    precision
        Of autocast.

    Attributes
    ----------
    looks
        How the network is asked: plain at first; may be changed.
    look
        What is asked in place of the network's own localizer; None at first.
    """

    def __init__(
        self,
        model: LoadedModel,
        grid: Grid,
        *,
        device: torch.device,
        precision: torch.dtype,
        classify: bool,
        batch: int,
    ) -> None:
        self.look: Look | None = None
        self.looks = PLAIN
        self._classify = classify
        self.batch = batch
        self._grid = grid
        self._device = device
        self._precision = precision
        self._network = model.network.to(device).to(
            memory_format=torch.channels_last
        )
        self._uploads = Uploads(device)
        normalization = model.card.normalization
        self._mean = self._per_channel(normalization.mean)
        self._std = self._per_channel(normalization.std)

    def __call__(
        self, tiles: Sequence[Tile], pixels: Sequence[RGB]
    ) -> list[Answers]:
        """Answers for tiles and their pixels ``(H, W, 3)``, in their order.

        Raises
        ------
        OutOfMemoryError
            Where not even one tile at a time fits.
        """
        return [
            answers
            for glanced in self.glance(tiles, pixels)
            for answers in self.complete(glanced)
        ]

    def glance(
        self, tiles: Sequence[Tile], pixels: Sequence[RGB]
    ) -> list[Glanced]:
        """The first look alone, where one wants to see something soon.

        Raises
        ------
        OutOfMemoryError
            As a call.
        """
        found: list[Glanced] = []
        start = 0
        while start < len(tiles):
            part = slice(start, start + self.batch)
            one = self._try(self._glance, tiles[part], pixels[part])
            if one is None:
                self._halve()
                continue
            found.append(one)
            start += len(tiles[part])
        return found

    def complete(self, glanced: Glanced) -> list[Answers]:
        """What the second look says besides, and all else again.

        Raises
        ------
        OutOfMemoryError
            As a call.
        """
        answers = self._try(self._complete, glanced)
        if answers is None:
            if len(glanced.images) <= self.batch:
                self._halve()
            return self(glanced.tiles, glanced.pixels)
        return [answers]

    def _try(self, step: Callable[..., Given], *about: Any) -> Given | None:
        """What a step gives, or None where the device's memory ran out."""
        try:
            with torch.inference_mode(), self._autocast():
                return step(*about)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None

    def _halve(self) -> None:
        height, width = self._grid.input_shape
        if self.batch == 1:
            raise OutOfMemoryError(
                f'The device "{self._device.type}" has too little memory for '
                f'a tile of {height} x {width} pixels. Close other programs, '
                'or choose smaller tiles or another device.'
            )
        self.batch //= 2
        if self._device.type == 'cuda':
            torch.cuda.empty_cache()

    def _glance(self, tiles: Sequence[Tile], pixels: Sequence[RGB]) -> Glanced:
        missing = self.batch - len(tiles)
        filled = [*pixels, *[pixels[-1]] * missing]
        batch = self._uploads(torch.from_numpy(np.stack(filled)))
        # (B, H, W, 3) seen as (B, 3, H, W) is channels-last already.
        images = batch.permute(0, 3, 1, 2).float()
        images = images.div_(255).sub_(self._mean).div_(self._std)
        if self.look is None:
            glance = self.looks.glance(self._network, images, self._classify)
        else:
            places = [*tiles, *[tiles[-1]] * missing]
            glance = self.look(self._network, places, images)
        answers = self._answers(len(tiles), glance.pixel, None)
        return Glanced(tiles, answers, pixels, images, glance)

    def _complete(self, glanced: Glanced) -> Answers:
        glance = glanced.glance
        if glance.scores is None:
            return glanced.answers
        scores = self.looks.seen_apart(
            self._network, glanced.images, glance.scores, glance.foreground
        )
        return self._answers(len(glanced.tiles), glance.pixel, scores)

    def _answers(
        self, count: int, pixel: Tensor, scores: Tensor | None
    ) -> Answers:
        """The cores of the first ``count`` tiles, on their way."""
        grid = self._grid
        pixel = _core(pixel[:count], grid.halo // grid.stride, grid.margin)
        if scores is not None:
            scores = _core(scores[:count], grid.halo // grid.class_stride, 0)
        return _to_cpu(pixel, scores, self._device)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self._device.type,
            dtype=self._precision,
            enabled=self._precision != torch.float32,
        )

    def _per_channel(self, values: tuple[float, float, float]) -> Tensor:
        return torch.tensor(values, device=self._device).view(1, 3, 1, 1)


class Uploads:
    """Takes tensors to a device; on CUDA while the last batch is computed.

    A copy in the stream that computes would wait for what it computes.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = (
            torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            if device.type == 'cuda'
            else None
        )

    def __call__(self, tensor: Tensor) -> Tensor:
        """The tensor, there or on its way for whoever computes next."""
        if self._stream is None:
            return tensor.to(self._device)
        with torch.cuda.stream(self._stream):
            there = tensor.pin_memory().to(self._device, non_blocking=True)
        computing = torch.cuda.current_stream(self._device)
        computing.wait_stream(self._stream)
        there.record_stream(computing)
        return there


def _core(maps: Tensor, halo: int, margin: int) -> Tensor:
    """Without the halo but for a margin, along the last two axes."""
    cut = halo - margin
    if cut == 0:
        return maps
    return maps[..., cut:-cut, cut:-cut]


def _to_cpu(
    pixel: Tensor, scores: Tensor | None, device: torch.device
) -> Answers:
    if device.type != 'cuda':
        pixel = pixel.float().cpu()
        scores = None if scores is None else scores.float().cpu()
        return Answers(pixel, scores, lambda: None)
    copies = [
        None
        if tensor is None
        else torch.empty(tensor.shape, pin_memory=True).copy_(
            tensor, non_blocking=True
        )
        for tensor in (pixel, scores)
    ]
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record()
    assert copies[0] is not None
    return Answers(copies[0], copies[1], event.synchronize)
