"""Scanner vendors' formats, through OpenSlide."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import openslide

from napari_wsol.slides.block_cache import BlockCache
from napari_wsol.slides.colour import RGB, over_white
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.pixel_size import PixelSize, resolve_pixel_size
from napari_wsol.slides.refusal import unreadable
from napari_wsol.slides.slide import Slide

BLOCK = 1024
"""Side of the blocks in which uneven levels are read, in level pixels."""


class VendorSlide(Slide):
    """A slide in one of OpenSlide's formats (SVS, NDPI, MRXS, SCN, ...).

    OpenSlide's handle may be read from several threads at once. ``close``
    only lets go of it, so that a read under way in another thread ends well.

    Where a level's downsample is no whole number, OpenSlide shifts what it
    reads by a fraction of a pixel that depends on the place. Such levels are
    read in fixed blocks, so that a pixel is the same in every read.

    Raises
    ------
    BadInputError
        Where OpenSlide cannot open the file or, later, read from it.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._handle: Any = openslide.OpenSlide(path)
            properties = dict(self._handle.properties)
            sizes = self._handle.level_dimensions
            downsamples = self._handle.level_downsamples
        except openslide.OpenSlideError as error:
            raise unreadable(path.name, error) from error
        # What its places are divided by; not always a level's true step.
        self._downsamples: tuple[float, ...] = tuple(downsamples)
        self._cache = BlockCache()
        pixel_size, note = resolve_pixel_size(_stated(properties))
        super().__init__(
            path.name,
            tuple((height, width) for width, height in sizes),
            pixel_size,
            path=path,
            metadata=_technical(properties),
            bounds=_bounds(properties),
            pixel_size_note=note,
        )

    def read_level(
        self, level: int, y: int, x: int, height: int, width: int
    ) -> RGB:
        """Pixels of one level, ``(height, width, 3)`` uint8."""
        if self._downsamples[level].is_integer():
            return self._read_region(level, y, x, height, width)
        level_height, level_width = self.level_shapes[level]
        result = np.empty((height, width, 3), np.uint8)
        for top in range(y // BLOCK * BLOCK, y + height, BLOCK):
            for left in range(x // BLOCK * BLOCK, x + width, BLOCK):
                block = self._cache.get(
                    (level, top, left),
                    partial(
                        self._read_region,
                        level,
                        top,
                        left,
                        min(BLOCK, level_height - top),
                        min(BLOCK, level_width - left),
                    ),
                )
                rows = slice(max(0, top - y), top - y + block.shape[0])
                columns = slice(max(0, left - x), left - x + block.shape[1])
                target = result[rows, columns]
                target[:] = block[
                    max(0, y - top) : max(0, y - top) + target.shape[0],
                    max(0, x - left) : max(0, x - left) + target.shape[1],
                ]
        return result

    def close(self) -> None:
        """Let go of the file; the slide cannot be read afterwards."""
        self._handle = None

    def _read_region(
        self, level: int, y: int, x: int, height: int, width: int
    ) -> RGB:
        handle = self._handle
        if handle is None:
            raise unreadable(self.name, ValueError('it has been closed'))
        down = self._downsamples[level]
        try:
            image = handle.read_region(
                (round(x * down), round(y * down)), level, (width, height)
            )
        except openslide.OpenSlideError as error:
            raise unreadable(self.name, error) from error
        return over_white(np.asarray(image))


def is_vendor_format(path: Path) -> bool:
    """Whether OpenSlide knows the file as some scanner's format.

    Plain tiled TIFF, which it also reads, does not count.
    """
    try:
        vendor = openslide.OpenSlide.detect_format(path)
    except openslide.OpenSlideError:
        return False
    return vendor not in (None, 'generic-tiff')


def _stated(properties: Mapping[str, str]) -> list[PixelSize | None]:
    return [
        _pixel_size(properties, 'openslide.mpp-y', 'openslide.mpp-x'),
        _pixel_size(properties, 'aperio.MPP', 'aperio.MPP'),
    ]


def _pixel_size(
    properties: Mapping[str, str], key_y: str, key_x: str
) -> PixelSize | None:
    y, x = _number(properties, key_y), _number(properties, key_x)
    return None if y is None or x is None else PixelSize(y, x, key_x)


def _number(properties: Mapping[str, str], key: str) -> float | None:
    try:
        return float(properties[key].replace(',', '.'))
    except (KeyError, ValueError):
        return None


def _bounds(properties: Mapping[str, str]) -> Box | None:
    y, x, height, width = (
        _number(properties, f'openslide.bounds-{side}')
        for side in ('y', 'x', 'height', 'width')
    )
    if not (height and width):
        return None
    return Box(y or 0.0, x or 0.0, height, width)


def _technical(properties: Mapping[str, str]) -> dict[str, Any]:
    metadata: dict[str, Any] = {'format': 'openslide'}
    if vendor := properties.get('openslide.vendor'):
        metadata['vendor'] = vendor
    power = _number(properties, 'openslide.objective-power')
    if power is not None:
        metadata['objective_power'] = power
    return metadata
