"""What a run found, from what lies in its store."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import zarr

from napari_wsol.inference.area import Area
from napari_wsol.inference.grid import Grid
from napari_wsol.models.loading import LoadedModel

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Cells = npt.NDArray[Any] | zarr.Array[Any]


@dataclass(frozen=True)
class ImageAnswer:
    """What the classifier says about an image.

    Entropies are divided by log(C); of the whole image, its foreground alone
    and its background alone; ``background`` holds the latter's class
    probabilities.
    """

    probabilities: tuple[float, ...]
    entropies: tuple[float, float, float]
    background: tuple[float, ...]


def image_answer(
    scores: Cells, model: LoadedModel, grid: Grid, area: Area
) -> ImageAnswer | None:
    """Pool the cells that were asked about; None where there are none.

    They are read row by row of chunks: what is kept at once is a number for
    each asked cell and class, of one of the three.

    Parameters
    ----------
    scores
        ``(3, C, hc, wc)`` of the whole image, its foreground, its background;
        NaN where not computed.
    """
    asked: list[tuple[int, Bools]] = [
        (start, area.wanted((start, 0), grid.cell_step, shape))
        for start, shape in cell_bands(grid)
    ]
    cells = _gathered(scores, 0, asked)
    if not cells.size:
        asked = [(start, np.ones_like(each)) for start, each in asked]
        cells = _gathered(scores, 0, asked)
        if not cells.size:
            return None
    seen = [class_probabilities(cells, model)]
    for kind in (1, 2):
        del cells
        cells = _gathered(scores, kind, asked)
        seen.append(class_probabilities(cells, model))
    whole, foreground, background = (entropy(each) for each in seen)
    return ImageAnswer(
        tuple(seen[0].tolist()),
        (whole, foreground, background),
        tuple(seen[2].tolist()),
    )


def cell_bands(grid: Grid) -> Iterator[tuple[int, tuple[int, int]]]:
    """First row and shape ``(h, wc)`` of each row of chunks of cells."""
    height, width = grid.cells_shape
    for start in range(0, height, grid.cells_chunk[0]):
        yield start, (min(grid.cells_chunk[0], height - start), width)


def _gathered(
    scores: Cells, kind: int, asked: Sequence[tuple[int, Bools]]
) -> npt.NDArray[np.float32]:
    """The asked cells ``(C, N)`` of one kind of scores, where computed.

    Parameters
    ----------
    asked
        First row and ``(h, wc)`` of bands of cells.
    """
    most = sum(int(each.sum()) for _, each in asked)
    cells = np.empty((scores.shape[1], most), np.float32)
    count = 0
    for start, each in asked:
        if not each.any():
            continue
        band = np.asarray(scores[kind, :, start : start + len(each)])
        found = band[:, each & _computed(band)]
        cells[:, count : count + found.shape[1]] = found
        count += found.shape[1]
    return cells[:, :count]


def _computed(scores: npt.NDArray[np.float32]) -> Bools:
    """Which cells ``(h, w)`` of ``(C, h, w)`` there are answers for."""
    return np.asarray(~np.isnan(scores[0]))


def asked_cells(
    scores: npt.NDArray[np.float32], grid: Grid, area: Area
) -> Bools:
    """Which cells ``(hc, wc)`` the image's answer is pooled from.

    Those that were asked about, or all where no centre of a cell was.

    Parameters
    ----------
    scores
        ``(C, hc, wc)``, NaN where not computed.
    """
    computed = _computed(scores)
    cells = computed & area.wanted((0, 0), grid.cell_step, grid.cells_shape)
    return np.asarray(cells if cells.any() else computed)


def class_probabilities(
    cells: npt.NDArray[np.float32], model: LoadedModel
) -> Floats:
    """Of an image with these cells ``(C, N)`` of class maps."""
    own = np.require(cells, requirements=['C', 'W'])
    logits = model.network.pool(torch.from_numpy(own).T)
    probabilities = logits.double() / model.card.image_temperature
    return np.asarray(probabilities.softmax(-1).numpy(), np.float64)


def entropy(probabilities: Floats) -> float:
    """Of a distribution over C classes, divided by log(C)."""
    positive = probabilities[probabilities > 0]
    total = -float((positive * np.log(positive)).sum())
    return max(0.0, total / math.log(len(probabilities)))
