"""The class activation map of a whole image, from two looks at its tiles.

The first look gathers the encoder's last map of every wanted cell. What
class the image has, what its score owes to each cell, and between which
values the map is stretched, is then known for the image, not for a tile. The
second look shows the classifier what the map marks, and what it leaves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_wsol.errors import BadInputError
from napari_wsol.inference.area import Area
from napari_wsol.inference.blending import Blender
from napari_wsol.inference.forward import Answers
from napari_wsol.inference.grid import Grid, Tile
from napari_wsol.inference.job import Job
from napari_wsol.inference.settings import ChunkDone
from napari_wsol.inference.summary import asked_cells, class_probabilities
from napari_wsol.models.activation_maps import (
    ActivationMap,
    map_of_features,
    stretched,
)
from napari_wsol.models.localizer import Glance, Localizer

Floats = npt.NDArray[np.float32]

LARGEST = 2**27
"""Numbers that the gathered features may have: some 12,000 x 12,000 working
pixels of EfficientNet-Lite0, 8,000 x 8,000 of VGG-16; at the peak a computer
holds some four of each."""


def features_look(
    network: Localizer, tiles: Sequence[Tile], images: Tensor
) -> Glance:
    """What is gathered: the encoder's last map in place of pixels."""
    return Glance(network.encoder(images)[-1], None)


class FeatureCells:
    """The features of an image's wanted cells, as tiles bring them.

    Parameters
    ----------
    planned
        Every tile of the run.

    Raises
    ------
    BadInputError
        Where there are more than memory should hold.
    """

    def __init__(self, job: Job, area: Area, planned: Sequence[Tile]) -> None:
        self._job = job
        self._area = area
        self._planned = planned
        self._wanted = {
            tile: area.wanted_map(job.grid, tile) for tile in planned
        }
        self._features: dict[Tile, Floats] = {}
        self._blender = Blender(job.grid, planned, planned)
        channels = job.model.network.encoder.channels[-1]
        cells = sum(int(wanted.sum()) for wanted in self._wanted.values())
        if cells * channels > LARGEST:
            raise BadInputError(
                f'"{job.slide.name}" is too large for the map '
                f'"{job.settings.map}", which needs all of it at once. Choose '
                'a smaller area of it, or the map "localizer".'
            )

    def gather(
        self, tiles: Sequence[Tile], answers: Sequence[Answers], batch: int
    ) -> list[ChunkDone]:
        """Take the features of some tiles; nothing can be shown yet."""
        patches = (each for a in answers for each in a.arrays()[0])
        for tile, patch in zip(tiles, patches, strict=True):
            for chunk, blended in self._blender.add(tile, patch):
                wanted = self._wanted[chunk]
                height, width = wanted.shape
                self._features[chunk] = blended[:, :height, :width][:, wanted]
        return []

    def look(self, kind: ActivationMap, *, classify: bool) -> ClassMapLook:
        """The second look, once all tiles are there.

        The map is that of the image's likeliest class, stretched between its
        lowest and its highest wanted cell; of a fully negative class it is 0
        everywhere.
        """
        job, grid, network = self._job, self._job.grid, self._job.model.network
        cells = torch.from_numpy(
            np.concatenate([self._features[t] for t in self._planned], axis=1)
        )
        self._features.clear()
        # All wanted cells in one column: (1, K, N, 1).
        features = cells.to(job.device)[None, ..., None]
        with torch.inference_mode():
            scores = network.classifier(features)[0, ..., 0].float().cpu()
        whole = self._spread(scores.numpy(), np.float32(np.nan))
        chosen = whole[:, asked_cells(whole, grid, self._area)]
        best = int(class_probabilities(chosen, job.model).argmax())
        if best in network.roi:
            raw = map_of_features(network, features, best, kind)
            values = stretched(raw)[..., 0].cpu().numpy()
        else:
            values = np.zeros((1, cells.shape[1]), np.float32)
        probability = self._spread(values, np.float32(0))
        return ClassMapLook(grid, probability, whole if classify else None)

    def _spread(self, values: Floats, elsewhere: np.float32) -> Floats:
        """``(C, N)`` in the order of tiles -> ``(C, hc, wc)``."""
        grid = self._job.grid
        height, width = grid.chunk
        spread = np.full((len(values), *grid.cells_shape), elsewhere)
        start = 0
        for tile in self._planned:
            wanted = self._wanted[tile]
            end = start + int(wanted.sum())
            y, x = tile.row * height, tile.col * width
            spread[:, y : y + wanted.shape[0], x : x + wanted.shape[1]][
                :, wanted
            ] = values[:, start:end]
            start = end
        return spread


class ClassMapLook:
    """The second look: the finished map, and the classifier seeing parts.

    Parameters
    ----------
    probability
        ``(1, hc, wc)`` in [0, 1].
    scores
        ``(C, hc, wc)`` class maps of the image, NaN where not wanted; None
        where the classifier need not look again.
    """

    def __init__(
        self, grid: Grid, probability: Floats, scores: Floats | None
    ) -> None:
        self._grid = grid
        self._probability = self._with_halo(probability)
        self._scores = None if scores is None else self._with_halo(scores)

    def __call__(
        self, network: Localizer, tiles: Sequence[Tile], images: Tensor
    ) -> Glance:
        """As ``inference.forward.Look``."""
        mask = self._around(self._probability, tiles).to(images)
        scores = self._scores
        return Glance(
            torch.cat([1 - mask, mask], 1),
            None if scores is None else self._around(scores, tiles).to(images),
        )

    def _with_halo(self, cells: Floats) -> Tensor:
        """Filled up to whole tiles, mirrored all around as the pixels are."""
        grid = self._grid
        halo = grid.halo // grid.class_stride
        around = [(0, 0)]
        for length, count, core in zip(
            cells.shape[1:], (grid.rows, grid.cols), grid.chunk, strict=True
        ):
            around.append((halo, count * core - length + halo))
        return torch.from_numpy(np.pad(cells, around, mode='reflect'))

    def _around(self, cells: Tensor, tiles: Sequence[Tile]) -> Tensor:
        """``(B, C, h, w)`` of tiles with their halo."""
        height, width = self._grid.chunk
        halo = 2 * self._grid.halo // self._grid.class_stride
        return torch.stack(
            [
                cells[
                    :,
                    row * height : (row + 1) * height + halo,
                    col * width : (col + 1) * width + halo,
                ]
                for row, col in tiles
            ]
        )
