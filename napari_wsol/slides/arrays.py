"""Slides over arrays: what a napari layer holds, or blocks from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from napari_wsol.slides.colour import RGB, as_rgb8
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.slides.refusal import refusal, unreadable
from napari_wsol.slides.slide import Slide

ReadBlock = Callable[[int, int, int, int, int], RGB]
"""``(level, y, x, height, width)`` -> ``(height, width, 3)`` uint8."""


class ArraySlide(Slide):
    """A slide over NumPy, Dask or Zarr arrays, one per level.

    Parameters
    ----------
    name
        What the user calls it.
    levels
        Arrays of shape ``(H, W, 3)`` or ``(H, W, 4)``, finest first, uint8
        or float in 0..1; opacity is laid over white.
    pixel_size
        Of level 0, or None where nobody said.

    Raises
    ------
    BadInputError
        Where an array is not RGB, or neither uint8 nor float.
    """

    def __init__(
        self,
        name: str,
        levels: Sequence[Any],
        pixel_size: PixelSize | None = None,
        *,
        metadata: dict[str, Any] | None = None,
        pixel_size_note: str = '',
    ) -> None:
        for level in levels:
            _require_rgb(name, level)
        self._levels = tuple(levels)
        super().__init__(
            name,
            tuple((int(a.shape[0]), int(a.shape[1])) for a in levels),
            pixel_size,
            metadata=metadata,
            pixel_size_note=pixel_size_note,
        )

    def read_level(
        self, level: int, y: int, x: int, height: int, width: int
    ) -> RGB:
        """Pixels of one level, ``(height, width, 3)`` uint8."""
        array = self._levels[level]
        try:
            block = np.asarray(array[y : y + height, x : x + width])
        except Exception as error:
            raise unreadable(self.name, error) from error
        return as_rgb8(block)


class BlockSlide(Slide):
    """A slide whose pixels come from a function, such as a remote viewer.

    Parameters
    ----------
    name
        What the user calls it.
    level_shapes
        ``(height, width)`` in pixels of each level, finest first.
    pixel_size
        Of level 0, or None where nobody said.
    read_block
        Called as ``read_block(level, y, x, height, width)`` from any
        thread; gives ``(height, width, 3)`` uint8.
    """

    def __init__(
        self,
        name: str,
        level_shapes: tuple[tuple[int, int], ...],
        pixel_size: PixelSize | None,
        read_block: ReadBlock,
    ) -> None:
        super().__init__(name, level_shapes, pixel_size)
        self._read_block = read_block

    def read_level(
        self, level: int, y: int, x: int, height: int, width: int
    ) -> RGB:
        """Pixels of one level, ``(height, width, 3)`` uint8."""
        return self._read_block(level, y, x, height, width)


class LevelArray:
    """One level of a slide as an array that reads what is sliced from it.

    Parameters
    ----------
    slide, level
        Where the pixels come from; the array is ``(H, W, 3)`` uint8.
    """

    dtype = np.dtype(np.uint8)
    ndim = 3

    def __init__(self, slide: Slide, level: int) -> None:
        self._slide = slide
        self._level = level
        self.shape = (*slide.level_shapes[level], 3)

    def __getitem__(self, key: tuple[slice, slice, slice]) -> RGB:
        rows, columns, channels = key
        top, bottom, _ = rows.indices(self.shape[0])
        left, right, _ = columns.indices(self.shape[1])
        return self._slide.read_level(
            self._level, top, left, bottom - top, right - left
        )[:: rows.step, :: columns.step, channels]


def _require_rgb(name: str, array: Any) -> None:
    shape, dtype = tuple(array.shape), np.dtype(array.dtype)
    if len(shape) != 3 or shape[2] not in (3, 4):
        kind = 'grayscale' if len(shape) == 2 else f'of shape {shape}'
        raise refusal(name, f'{kind}, not RGB')
    if dtype != np.uint8 and dtype.kind != 'f':
        raise refusal(name, f'of type {dtype}, not 8-bit')
    if 0 in shape:
        raise refusal(name, 'empty')
