"""The regions of a stored result, found and measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator

import numpy as np
import numpy.typing as npt

from napari_wsol.inference.settings import Prediction, Progress
from napari_wsol.regions.extraction import extract
from napari_wsol.regions.outlines import Outlines
from napari_wsol.regions.region import RegionTable
from napari_wsol.regions.relevance import weighed
from napari_wsol.regions.stain import stained
from napari_wsol.regions.stored import stored_result
from napari_wsol.slides.slide import Slide

MOST_WEIGHED = 500
"""Regions, the largest ones, of which is asked whether they matter."""

STAIN_MEGAPIXELS = 25
"""Of a map: a larger one has its stain measured on coarser pixels."""

Finding = Generator[Progress, None, tuple[RegionTable, Outlines]]
Classify = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]]


def find_regions(
    prediction: Prediction,
    threshold: float,
    slide: Slide | None = None,
    classify: Classify | None = None,
) -> Finding:
    """Find, outline and measure the regions of a result.

    Parameters
    ----------
    threshold
        ROI probability from which a pixel is marked.
    slide
        What the result is of; None leaves the stain unmeasured.
    classify
        Class probabilities of an image with some cells ``(C, N)``; None
        leaves open which regions matter to the answer.

    Raises
    ------
    BadInputError
        Where the maps are damaged.
    """
    result = stored_result(prediction)
    maps = result.maps
    table, outlines = yield from extract(
        maps, threshold, result.frame, prediction.roi_classes
    )
    if slide is not None:
        megapixels = math.prod(maps.shape) / 1e6
        coarser = math.ceil(math.sqrt(megapixels / STAIN_MEGAPIXELS))
        table = yield from stained(table, outlines, slide, coarser=coarser)
    if classify is not None and maps.scores is not None:
        table = yield from weighed(
            table,
            outlines,
            np.asarray(maps.scores[0]),
            result.cell_step,
            classify,
            most=MOST_WEIGHED,
        )
    return table, outlines
