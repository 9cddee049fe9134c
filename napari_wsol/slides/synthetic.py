"""A synthetic H&E slide whose glands are known, made as it is read."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

from napari_wsol.slides.colour import RGB
from napari_wsol.slides.noise import Floats
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.slides.slide import Slide
from napari_wsol.slides.synthetic_tissue import Tissue
from napari_wsol.slides.tiff_writer import halve, write_pyramidal_tiff

__all__ = ['SyntheticSlide', 'synthetic_slide', 'write_pyramidal_tiff']

BLOCK = 512
"""Side of the areas that are painted at once, in level-0 pixels."""

COARSEST = 1024


class SyntheticSlide(Slide):
    """Tissue painted from noise: nothing is held, any size can be made.

    A pixel depends on the seed, the slide's size and its place only. Levels
    are halved until the longer side is at most 1024 px.
    """

    def __init__(self, height: int, width: int, seed: int, mpp: float) -> None:
        shapes = [(height, width)]
        while max(shapes[-1]) > COARSEST:
            shapes.append(((shapes[-1][0] + 1) // 2, (shapes[-1][1] + 1) // 2))
        super().__init__(
            'synthetic H&E',
            tuple(shapes),
            PixelSize(mpp, mpp, 'synthetic slide'),
            metadata={'format': 'synthetic', 'seed': seed},
        )
        self._mpp = mpp
        self._tissue = Tissue(height * mpp, width * mpp, seed)

    @property
    def level_downsamples(self) -> tuple[tuple[float, float], ...]:
        """Powers of two, also where a level's size had to be rounded."""
        count = len(self.level_shapes)
        return tuple((2.0**level, 2.0**level) for level in range(count))

    def read_level(
        self, level: int, y: int, x: int, height: int, width: int
    ) -> RGB:
        """Pixels of one level, ``(height, width, 3)`` uint8."""
        result = np.empty((height, width, 3), np.uint8)
        step = max(1, BLOCK >> level)
        for top, left in product(
            range(0, height, step), range(0, width, step)
        ):
            rows = min(step, height - top)
            columns = min(step, width - left)
            result[top : top + rows, left : left + columns] = self._paint(
                level, y + top, x + left, rows, columns
            )
        return result

    def gland_mask(
        self, y: int, x: int, height: int, width: int
    ) -> npt.NDArray[np.uint8]:
        """The truth in a rectangle of level 0, ``(height, width)`` uint8.

        0 outside glands, 1 in benign glands, 2 in malignant ones; a lumen
        belongs to its gland.
        """
        result = np.empty((height, width), np.uint8)
        for top, left in product(
            range(0, height, BLOCK), range(0, width, BLOCK)
        ):
            rows = min(BLOCK, height - top)
            columns = min(BLOCK, width - left)
            result[top : top + rows, left : left + columns] = (
                self._tissue.glands(
                    self._centres(y + top, rows),
                    self._centres(x + left, columns),
                )
            )
        return result

    def _paint(
        self, level: int, y: int, x: int, height: int, width: int
    ) -> RGB:
        if level == 0:
            return self._tissue.paint(
                self._centres(y, height), self._centres(x, width)
            )
        finer_height, finer_width = self.level_shapes[level - 1]
        return halve(
            self._paint(
                level - 1,
                2 * y,
                2 * x,
                min(2 * height, finer_height - 2 * y),
                min(2 * width, finer_width - 2 * x),
            )
        )

    def _centres(self, start: int, count: int) -> Floats:
        places = (np.arange(start, start + count) + 0.5) * self._mpp
        return places.astype(np.float32)


def synthetic_slide(
    height: int = 2048, width: int = 3072, seed: int = 0, mpp: float = 0.5
) -> SyntheticSlide:
    """A slide of benign and malignant glands in stroma, with bare glass.

    Parameters
    ----------
    height, width
        Of level 0 in pixels.
    seed
        Another seed gives another tissue.
    mpp
        µm per pixel; the tissue keeps its physical size.
    """
    return SyntheticSlide(height, width, seed, mpp)
