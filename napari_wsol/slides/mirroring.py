"""Reading beyond the border: the image goes on as its own mirror."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_wsol.slides.geometry import Box
from napari_wsol.slides.slide import RGB, Slide


def read_mirrored(slide: Slide, box: Box, height: int, width: int) -> RGB:
    """A box resampled to ``(height, width, 3)``, mirrored outside the image.

    A network then sees tissue where a frame of white or black would leave a
    mark. The pixels inside are those of ``slide.read_resized``.
    """
    step_y, step_x = box.height / height, box.width / width
    rows = _cells_of_image(box.y, step_y, height, slide.shape[0])
    columns = _cells_of_image(box.x, step_x, width, slide.shape[1])
    top, bottom = int(rows.min()), int(rows.max()) + 1
    left, right = int(columns.min()), int(columns.max()) + 1
    pixels = slide.read_resized(
        Box(
            box.y + top * step_y,
            box.x + left * step_x,
            (bottom - top) * step_y,
            (right - left) * step_x,
        ),
        bottom - top,
        right - left,
    )
    if pixels.shape[:2] == (height, width):
        return pixels
    return pixels[np.ix_(rows - top, columns - left)]


def _cells_of_image(
    start: float, step: float, count: int, length: int
) -> npt.NDArray[np.int64]:
    """For ``count`` cells from ``start`` on, the cell to read instead.

    Cells whose centre lies in ``[0, length]`` stand for themselves; the
    others are folded back, the outermost cell not being repeated.
    """
    first = math.ceil(-start / step - 0.5 - 1e-6)
    last = max(first, math.floor((length - start) / step - 0.5 + 1e-6))
    if first == last:
        return np.full(count, first, np.int64)
    period = 2 * (last - first)
    folded = np.mod(np.arange(count) - first, period)
    return np.asarray(first + np.minimum(folded, period - folded))
