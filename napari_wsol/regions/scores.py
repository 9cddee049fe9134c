"""How many pixels have which ROI probability, counted chunk by chunk."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wsol.errors import BadInputError
from napari_wsol.inference.maps import GRAIN
from napari_wsol.regions.region import Frame
from napari_wsol.slides.geometry import Box

Counts = npt.NDArray[np.int64]
"""``(GRAIN + 1,)``: pixels from ``k / GRAIN`` up to the next, last exactly 1.

What a threshold ``k / GRAIN`` marks is the sum from ``k`` on, to the pixel.
"""

BLOCK = 1024
"""Map pixels along a side that are read at once, at least."""


def count_scores(
    probability: Any,
    frame: Frame | None = None,
    box: Box | None = None,
    *,
    wanted: int | None = None,
) -> Counts:
    """Count the pixels of a probability map by their value.

    Parameters
    ----------
    probability
        ``(H, W)`` in [0, 1]: NumPy, Zarr or Dask; never read as a whole.
    frame, box
        A rectangle in level-0 pixels, and where the map lies; pixels count
        whose centre is inside. None counts all.
    wanted
        Pixels that were computed, where the rest of the map is 0 because
        nobody asked (glass, with "tissue only"): the rest does not count.

    Raises
    ------
    BadInputError
        Where the rectangle holds no pixel of the map.
    """
    height, width = probability.shape
    rows, columns = slice(0, height), slice(0, width)
    if box is not None:
        if frame is None:
            raise ValueError('a box needs a frame')
        rows = _inside(frame.origin_y, frame.step_y, height, box.y, box.bottom)
        columns = _inside(
            frame.origin_x, frame.step_x, width, box.x, box.right
        )
    size = (rows.stop - rows.start) * (columns.stop - columns.start)
    if size <= 0:
        raise BadInputError(
            'The field lies outside of the map, or is smaller than one of '
            'its pixels: nothing can be counted there.'
        )
    counts = np.zeros(GRAIN + 1, np.int64)
    for part in _parts(probability, rows, columns):
        values = np.asarray(probability[part], np.float32)
        # GRAIN is a power of two: this is exact, and so is the count.
        bins = (values * np.float32(GRAIN)).clip(0, GRAIN).astype(np.int32)
        counts += np.bincount(bins.ravel(), minlength=GRAIN + 1)
    if wanted is not None:
        counts[0] -= min(int(counts[0]), max(0, size - wanted))
    return counts


def _inside(
    origin: float, step: float, size: int, start: float, stop: float
) -> slice:
    """The map pixels whose centre lies in ``[start, stop)``."""
    first, end = (
        min(max(0, math.ceil((place - origin) / step - 0.5)), size)
        for place in (start, stop)
    )
    return slice(first, end)


def _parts(
    array: Any, rows: slice, columns: slice
) -> Iterator[tuple[slice, slice]]:
    """Rectangles that follow the array's own chunks."""
    chunk = getattr(array, 'chunksize', None)  # Dask
    chunk = chunk or getattr(array, 'chunks', None) or (BLOCK, BLOCK)
    sides = [
        list(_cuts(part, side * math.ceil(BLOCK / side)))
        for part, side in zip((rows, columns), chunk, strict=True)
    ]
    yield from product(*sides)


def _cuts(part: slice, step: int) -> Iterator[slice]:
    for start in range(part.start // step * step, part.stop, step):
        yield slice(max(start, part.start), min(start + step, part.stop))
