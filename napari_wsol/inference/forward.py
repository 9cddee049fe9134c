"""The network over batches of tiles, on a device, within its memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_wsol.errors import OutOfMemoryError
from napari_wsol.inference.grid import Grid, Tile
from napari_wsol.inference.memory import is_out_of_memory
from napari_wsol.models.loading import LoadedModel
from napari_wsol.models.localizer import Localizer, TileMaps
from napari_wsol.slides.slide import RGB

Floats = npt.NDArray[np.float32]


Look = Callable[[Localizer, Sequence[Tile], Tensor], TileMaps]
"""What to ask of a network about tiles: their places in the grid, and their
normalised pixels ``(B, 3, H, W)``, halo included."""


def localizer_look(*, classify: bool) -> Look:
    """The look that asks the network's own localizer."""

    def look(
        network: Localizer, tiles: Sequence[Tile], images: Tensor
    ) -> TileMaps:
        return network.maps(images, classify=classify)

    return look


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


class Forward:
    """Runs a network over tiles, in batches that fit.

    Every batch is filled up to the same size, so that a tile's bits do not
    depend on how many tiles were left.

    Parameters
    ----------
    look
        What to ask of the network; may be changed between calls.
    batch
        Tiles per batch to begin with; halved whenever memory runs out.
    precision
        Of autocast.
    """

    def __init__(
        self,
        model: LoadedModel,
        grid: Grid,
        *,
        device: torch.device,
        precision: torch.dtype,
        look: Look,
        batch: int,
    ) -> None:
        self.look = look
        self.batch = batch
        self._grid = grid
        self._device = device
        self._precision = precision
        self._network = model.network.to(device).to(
            memory_format=torch.channels_last
        )
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
        answers: list[Answers] = []
        start = 0
        while start < len(tiles):
            part = slice(start, start + self.batch)
            answer = self._try(tiles[part], pixels[part])
            if answer is None:
                self._halve()
                continue
            answers.append(answer)
            start += len(tiles[part])
        return answers

    def _try(
        self, tiles: Sequence[Tile], pixels: Sequence[RGB]
    ) -> Answers | None:
        """The answers, or None where the device's memory ran out."""
        try:
            return self._answers(tiles, pixels)
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

    @torch.inference_mode()
    def _answers(
        self, tiles: Sequence[Tile], pixels: Sequence[RGB]
    ) -> Answers:
        grid, device = self._grid, self._device
        missing = self.batch - len(tiles)
        batch = torch.from_numpy(np.stack([*pixels, *[pixels[-1]] * missing]))
        if device.type == 'cuda':
            batch = batch.pin_memory()
        batch = batch.to(device, non_blocking=True)
        # (B, H, W, 3) seen as (B, 3, H, W) is channels-last already.
        images = batch.permute(0, 3, 1, 2).float()
        images = images.div_(255).sub_(self._mean).div_(self._std)
        with torch.autocast(
            device.type,
            dtype=self._precision,
            enabled=self._precision != torch.float32,
        ):
            places = [*tiles, *[tiles[-1]] * missing]
            maps = self.look(self._network, places, images)
        pixel = _core(
            maps.pixel[: len(tiles)], grid.halo // grid.stride, grid.margin
        )
        scores = maps.class_scores
        if scores is not None:
            scores = _core(
                scores[: len(tiles)], grid.halo // grid.class_stride, 0
            )
        return _to_cpu(pixel, scores, device)

    def _per_channel(self, values: tuple[float, float, float]) -> Tensor:
        return torch.tensor(values, device=self._device).view(1, 3, 1, 1)


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
