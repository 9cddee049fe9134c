"""What a run found, from what lies in its store."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from napari_wsol.inference.area import Area
from napari_wsol.inference.grid import Grid
from napari_wsol.models.loading import LoadedModel

Floats = npt.NDArray[np.float64]


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
    scores: npt.NDArray[np.float32], model: LoadedModel, grid: Grid, area: Area
) -> ImageAnswer | None:
    """Pool the cells that were asked about; None where there are none.

    Parameters
    ----------
    scores
        ``(3, C, hc, wc)`` of the whole image, its foreground, its background;
        NaN where not computed.
    """
    cells = asked_cells(scores[0], grid, area)
    if not cells.any():
        return None
    seen = [class_probabilities(each[:, cells], model) for each in scores]
    whole, foreground, background = (entropy(each) for each in seen)
    return ImageAnswer(
        tuple(seen[0].tolist()),
        (whole, foreground, background),
        tuple(seen[2].tolist()),
    )


def asked_cells(
    scores: npt.NDArray[np.float32], grid: Grid, area: Area
) -> npt.NDArray[np.bool_]:
    """Which cells ``(hc, wc)`` the image's answer is pooled from.

    Those that were asked about, or all where no centre of a cell was.

    Parameters
    ----------
    scores
        ``(C, hc, wc)``, NaN where not computed.
    """
    computed = ~np.isnan(scores[0])
    cells = computed & area.wanted((0, 0), grid.cell_step, grid.cells_shape)
    return np.asarray(cells if cells.any() else computed)


def class_probabilities(
    cells: npt.NDArray[np.float32], model: LoadedModel
) -> Floats:
    """Of an image with these cells ``(C, N)`` of class maps."""
    logits = model.network.pool(torch.from_numpy(cells.T.copy()))
    probabilities = logits.double() / model.card.image_temperature
    return np.asarray(probabilities.softmax(-1).numpy(), np.float64)


def entropy(probabilities: Floats) -> float:
    """Of a distribution over C classes, divided by log(C)."""
    positive = probabilities[probabilities > 0]
    total = -float((positive * np.log(positive)).sum())
    return max(0.0, total / math.log(len(probabilities)))
