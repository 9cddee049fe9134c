"""The one way in which an image is read."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from napari_wsol.slides.colour import RGB, WHITE
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.pixel_size import PixelSize, require_pixel_size

__all__ = ['RGB', 'WHITE', 'Slide']

LARGEST_READ = 32 * 2**20
"""Pixels of a level held at once while an area is resampled."""


class Slide(ABC):
    """A pyramid of RGB levels, finest first, readable from several threads.

    Parameters
    ----------
    name
        What the user calls it: file name or layer name.
    level_shapes
        ``(height, width)`` in pixels of each level, finest first.
    pixel_size
        Of level 0, or None where nobody said.
    path
        The file it comes from, None for an image in memory.
    metadata
        Technical facts (vendor, magnification); never label text or patient
        data.
    bounds
        The scanned part of level 0, where the file states one.
    pixel_size_note
        Why a stated pixel size was not believed; empty where none was.
    """

    def __init__(
        self,
        name: str,
        level_shapes: tuple[tuple[int, int], ...],
        pixel_size: PixelSize | None,
        *,
        path: Path | None = None,
        metadata: dict[str, Any] | None = None,
        bounds: Box | None = None,
        pixel_size_note: str = '',
    ) -> None:
        self.name = name
        self.level_shapes = level_shapes
        self.pixel_size = pixel_size
        self.path = path
        self.metadata = metadata or {}
        self.bounds = bounds
        self.pixel_size_note = pixel_size_note

    @property
    def shape(self) -> tuple[int, int]:
        """``(height, width)`` of level 0 in pixels."""
        return self.level_shapes[0]

    @property
    def box(self) -> Box:
        """The whole of level 0."""
        return Box(0, 0, *self.shape)

    @property
    def held_bytes(self) -> int:
        """Of pixels that are kept in memory as long as the slide is open."""
        return 0

    @property
    def level_downsamples(self) -> tuple[tuple[float, float], ...]:
        """Level-0 pixels per pixel of each level, along y and x.

        A level whose size is a whole part of level 0's, cut off or filled up
        to whole pixels, has that whole number of them: the ratio of the sizes
        would be off by up to one of its pixels at the far end.
        """
        return tuple(
            _downsample(self.shape, shape) for shape in self.level_shapes
        )

    @abstractmethod
    def read_level(
        self, level: int, y: int, x: int, height: int, width: int
    ) -> RGB:
        """Pixels of one level that lie within its bounds, ``(H, W, 3)``.

        The rectangle is in that level's own pixels and never reaches outside
        the level. Must be safe to call from several threads.
        """

    def close(self) -> None:  # noqa: B027 - most slides hold nothing open
        """Release files; the slide cannot be read afterwards."""

    def best_level(self, step_y: float, step_x: float) -> int:
        """The coarsest level still at least as fine as the wanted steps.

        Parameters
        ----------
        step_y, step_x
            Wanted level-0 pixels per output pixel.
        """
        best = 0
        for level, (down_y, down_x) in enumerate(self.level_downsamples):
            if down_y <= step_y * 1.001 and down_x <= step_x * 1.001:
                best = level
        return best

    def read(self, box: Box, mpp: float) -> RGB:
        """An area at a pixel size, white where it lies outside the image.

        Parameters
        ----------
        box
            The area in level-0 pixels; fractions are honoured.
        mpp
            Wanted µm per pixel. The output is ``(H, W, 3)`` uint8 RGB with
            ``H = round(box.height * pixel_size.y / mpp)``, likewise ``W``.

        Raises
        ------
        PixelSizeError
            Where the slide's pixel size is missing or implausible.
        """
        size = require_pixel_size(
            self.pixel_size, self.name, self.pixel_size_note
        )
        height = max(1, round(box.height * size.y / mpp))
        width = max(1, round(box.width * size.x / mpp))
        return self.read_resized(box, height, width)

    def working_step(self, mpp: float | None) -> tuple[float, float]:
        """Level-0 pixels per pixel of ``mpp`` µm, along y and x.

        Without an mpp, 1: whoever works so takes pixels as they are.

        Raises
        ------
        PixelSizeError
            Where it is needed, and missing or implausible.
        """
        if mpp is None:
            return 1.0, 1.0
        size = require_pixel_size(
            self.pixel_size, self.name, self.pixel_size_note
        )
        return mpp / size.y, mpp / size.x

    def read_resized(self, box: Box, height: int, width: int) -> RGB:
        """An area resampled to ``(height, width, 3)``, whatever the mpp.

        Every output pixel depends on its own place only, not on how the area
        was cut: the antialiasing filter reads beyond the box. An area too
        large to be held at the level it is read from is put together from
        smaller ones.
        """
        step_y, step_x = box.height / height, box.width / width
        level = self.best_level(step_y, step_x)
        down_y, down_x = self.level_downsamples[level]
        pixels_read = box.height / down_y * box.width / down_x
        if pixels_read > LARGEST_READ and height * width > 1:
            return self._read_in_halves(box, height, width)
        y0, x0 = box.y / down_y, box.x / down_x
        y1, x1 = box.bottom / down_y, box.right / down_x
        margin_y = math.ceil(max(1.0, step_y / down_y)) + 1
        margin_x = math.ceil(max(1.0, step_x / down_x)) + 1
        exact = all(
            abs(value - round(value)) < 1e-6 for value in (y0, x0, y1, x1)
        ) and (round(y1 - y0), round(x1 - x0)) == (height, width)
        if exact:
            margin_y = margin_x = 0
            y0, x0, y1, x1 = (float(round(v)) for v in (y0, x0, y1, x1))
        top, left = math.floor(y0) - margin_y, math.floor(x0) - margin_x
        bottom, right = math.ceil(y1) + margin_y, math.ceil(x1) + margin_x
        pixels = self._read_edge_padded(
            level, top, left, bottom - top, right - left
        )
        if pixels is None:
            return np.full((height, width, 3), WHITE, np.uint8)
        if not exact:
            pixels = np.array(
                Image.fromarray(pixels).resize(
                    (width, height),
                    Image.Resampling.BILINEAR,
                    box=(x0 - left, y0 - top, x1 - left, y1 - top),
                )
            )
        centre_y = box.y + (np.arange(height) + 0.5) * step_y
        centre_x = box.x + (np.arange(width) + 0.5) * step_x
        pixels[(centre_y < 0) | (centre_y > self.shape[0])] = WHITE
        pixels[:, (centre_x < 0) | (centre_x > self.shape[1])] = WHITE
        return pixels

    def _read_in_halves(self, box: Box, height: int, width: int) -> RGB:
        result = np.empty((height, width, 3), np.uint8)
        if height >= width:
            rows = height // 2
            share = box.height * rows / height
            upper = Box(box.y, box.x, share, box.width)
            lower = Box(box.y + share, box.x, box.height - share, box.width)
            result[:rows] = self.read_resized(upper, rows, width)
            result[rows:] = self.read_resized(lower, height - rows, width)
        else:
            columns = width // 2
            share = box.width * columns / width
            left = Box(box.y, box.x, box.height, share)
            right = Box(box.y, box.x + share, box.height, box.width - share)
            result[:, :columns] = self.read_resized(left, height, columns)
            result[:, columns:] = self.read_resized(
                right, height, width - columns
            )
        return result

    def thumbnail(self, longest: int = 1024) -> RGB:
        """The whole slide with its longer side at most ``longest`` px."""
        height, width = self.shape
        shrink = max(1.0, max(height, width) / longest)
        return self.read_resized(
            self.box,
            max(1, round(height / shrink)),
            max(1, round(width / shrink)),
        )

    def _read_edge_padded(
        self, level: int, y: int, x: int, height: int, width: int
    ) -> RGB | None:
        """A writable rectangle of a level, its edge repeated outside.

        None where the rectangle lies wholly outside the level.
        """
        level_height, level_width = self.level_shapes[level]
        top, left = max(0, y), max(0, x)
        bottom = min(level_height, y + height)
        right = min(level_width, x + width)
        if bottom <= top or right <= left:
            return None
        inside = self.read_level(level, top, left, bottom - top, right - left)
        if inside.shape[:2] == (height, width):
            return np.array(inside)
        around = (
            (top - y, y + height - bottom),
            (left - x, x + width - right),
            (0, 0),
        )
        return np.pad(inside, around, mode='edge')


def _downsample(
    finest: tuple[int, int], level: tuple[int, int]
) -> tuple[float, float]:
    """Pixels of the finest level per pixel of another, by their sizes."""
    (height, width), (h, w) = finest, level
    whole = round(height / h)
    if all(
        size in (length // whole, -(-length // whole))
        for length, size in zip(finest, level, strict=True)
    ):
        return float(whole), float(whole)
    return height / h, width / w
