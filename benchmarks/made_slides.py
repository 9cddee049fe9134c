"""Whole slides as files: painted tissue on glass, JPEG-compressed pyramids."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from napari_wsol.slides.colour import RGB
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.slides.slide import Slide
from napari_wsol.slides.synthetic import synthetic_slide, write_pyramidal_tiff

MPP = 0.5
PATCH = 4096
"""Side of the painted tissue, which is repeated, in level-0 pixels."""

GLASS = 242


class LargeSlide(Slide):
    """Tissue in a square in the middle, which fills a share of the slide."""

    def __init__(self, side: int, share: float, patch: RGB) -> None:
        super().__init__('large', ((side, side),), PixelSize(MPP, MPP, 'made'))
        margin = round(side * (1 - math.sqrt(share)) / 2)
        self._inside = margin, side - margin
        self._patch = patch

    def read_level(
        self, level: int, y: int, x: int, height: int, width: int
    ) -> RGB:
        """Pixels ``(height, width, 3)`` uint8."""
        rows, columns = np.arange(y, y + height), np.arange(x, x + width)
        pixels = self._patch[
            np.ix_(rows % len(self._patch), columns % len(self._patch))
        ]
        start, stop = self._inside
        pixels[(rows < start) | (rows >= stop)] = GLASS
        pixels[:, (columns < start) | (columns >= stop)] = GLASS
        return pixels


def made_slide_file(
    folder: Path, side: int, share: float = 1.0, seed: int = 0
) -> Path:
    """A square slide of so many pixels, made once.

    Parameters
    ----------
    share
        Of the slide that is tissue.
    """
    path = folder / f'tissue-{side}-{share:.2f}-{seed}.ome.tif'
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        around = PATCH // 2  # painted tissue has bare glass at its border
        painted = synthetic_slide(2 * PATCH, 2 * PATCH, seed, MPP)
        patch = painted.read_level(0, around, around, PATCH, PATCH)
        partial = path.with_name(f'partial-{path.name}')
        write_pyramidal_tiff(partial, LargeSlide(side, share, patch))
        partial.replace(path)
    return path
