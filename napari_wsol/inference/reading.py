"""What the network reads for a tile."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_wsol.inference.grid import Grid, Tile
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.slide import RGB, Slide


def read_tile(slide: Slide, grid: Grid, tile: Tile) -> RGB:
    """A tile with its halo, ``(H, W, 3)`` uint8 in working pixels.

    Outside the image, its pixels are mirrored at its border: the network
    then sees tissue where a frame of white or black would leave a mark.
    """
    height, width = grid.input_shape
    rows = mirrored(tile.row * grid.core_y - grid.halo, height, grid.height)
    cols = mirrored(tile.col * grid.core_x - grid.halo, width, grid.width)
    top, bottom = int(rows.min()), int(rows.max()) + 1
    left, right = int(cols.min()), int(cols.max()) + 1
    box = Box(
        top * grid.step_y,
        left * grid.step_x,
        (bottom - top) * grid.step_y,
        (right - left) * grid.step_x,
    )
    pixels = slide.read_resized(box, bottom - top, right - left)
    if pixels.shape[:2] == (height, width):
        return pixels
    return pixels[np.ix_(rows - top, cols - left)]


def mirrored(start: int, count: int, length: int) -> npt.NDArray[np.int64]:
    """Indices ``start`` onwards, mirrored into ``0 .. length - 1``.

    The first and the last index are not repeated: -1 becomes 1.
    """
    if length == 1:
        return np.zeros(count, np.int64)
    period = 2 * (length - 1)
    folded = np.mod(np.arange(start, start + count), period)
    return np.asarray(np.minimum(folded, period - folded))
