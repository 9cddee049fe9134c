"""Writes a slide as a tiled, pyramidal OME-TIFF without holding it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tifffile

from napari_wsol.slides.colour import RGB
from napari_wsol.slides.slide import Slide

COARSEST = 1024
"""The pyramid ends where the longer side is at most this, in pixels."""


def write_pyramidal_tiff(
    path: str | Path,
    slide: Slide,
    *,
    tile: int = 512,
    compression: Literal['jpeg', 'deflate'] = 'jpeg',
    quality: int = 90,
) -> Path:
    """Writes level 0 of a slide, and halved levels of it as SubIFDs.

    One row of tiles is held at a time; the halved levels wait, raw, in a
    temporary folder beside the file (a third of the slide's raw size).

    Parameters
    ----------
    path
        The file to write; conventionally ``*.ome.tif``.
    slide
        Read tile by tile, from several threads. Its pixel size, where
        known, becomes ``PhysicalSizeX`` and ``PhysicalSizeY``.
    tile
        Side of the tiles in pixels, a multiple of 16.
    compression, quality
        ``'jpeg'`` of that quality, or lossless ``'deflate'``.

    Returns
    -------
    Path
        The file.
    """
    path = Path(path)
    shapes = [slide.shape]
    while max(shapes[-1]) > COARSEST:
        height, width = shapes[-1]
        shapes.append(((height + 1) // 2, (width + 1) // 2))
    options: dict[str, Any] = {
        'dtype': 'uint8',
        'tile': (tile, tile),
        'photometric': 'rgb',
        'compression': compression,
        'maxworkers': 1,
    }
    if compression == 'jpeg':
        options['compressionargs'] = {'level': quality}
    with (
        tempfile.TemporaryDirectory(dir=path.parent) as folder,
        ThreadPoolExecutor(2) as threads,
        tifffile.TiffWriter(path, bigtiff=_is_large(slide), ome=True) as tiff,
    ):
        source = slide
        for number, shape in enumerate(shapes):
            halved = None
            if number + 1 < len(shapes):
                halved = np.memmap(
                    Path(folder) / f'{number + 1}.raw',
                    np.uint8,
                    'w+',
                    shape=(*shapes[number + 1], 3),
                )
            finest = number == 0
            tiff.write(
                _tiles(source, shape, tile, halved, threads),
                shape=(*shape, 3),
                subifds=len(shapes) - 1 if finest else None,
                subfiletype=0 if finest else 1,
                metadata=_ome(slide) if finest else None,
                **options,
            )
            if halved is not None:
                source = _Raw(halved)
    return path


class _Raw(Slide):
    def __init__(self, pixels: RGB) -> None:
        super().__init__('level', (pixels.shape[:2],), None)
        self._pixels = pixels

    def read_level(
        self, level: int, y: int, x: int, height: int, width: int
    ) -> RGB:
        return np.asarray(self._pixels[y : y + height, x : x + width])


def _tiles(
    source: Slide,
    shape: tuple[int, int],
    tile: int,
    halved: RGB | None,
    threads: ThreadPoolExecutor,
) -> Iterator[RGB]:
    """Tiles row by row, padded to full size; fills the next level."""
    height, width = shape

    def read(place: tuple[int, int]) -> RGB:
        y, x = place
        pixels = source.read_level(
            0, y, x, min(tile, height - y), min(tile, width - x)
        )
        if halved is not None:
            half = halve(pixels)
            rows, columns = half.shape[:2]
            halved[y // 2 : y // 2 + rows, x // 2 : x // 2 + columns] = half
        below, right = tile - pixels.shape[0], tile - pixels.shape[1]
        return np.pad(pixels, ((0, below), (0, right), (0, 0)), mode='edge')

    for y in range(0, height, tile):
        yield from threads.map(read, [(y, x) for x in range(0, width, tile)])


def halve(pixels: RGB) -> RGB:
    """Means of 2 x 2 pixels; an odd last row or column counts twice."""
    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        around = ((0, height % 2), (0, width % 2), (0, 0))
        pixels = np.pad(pixels, around, mode='edge')
    wide = pixels.astype(np.uint16)
    total = wide[::2, ::2] + wide[1::2, ::2] + wide[::2, 1::2]
    return ((total + wide[1::2, 1::2] + 2) // 4).astype(np.uint8)


def _is_large(slide: Slide) -> bool:
    height, width = slide.shape
    return height * width * 4 > 2**31


def _ome(slide: Slide) -> dict[str, Any]:
    metadata: dict[str, Any] = {'axes': 'YXS'}
    if slide.pixel_size is not None:
        metadata |= {
            'PhysicalSizeY': slide.pixel_size.y,
            'PhysicalSizeYUnit': 'µm',
            'PhysicalSizeX': slide.pixel_size.x,
            'PhysicalSizeXUnit': 'µm',
        }
    return metadata
