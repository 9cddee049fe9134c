"""TIFF and OME-TIFF, tile by tile, through tifffile's decoders."""

from __future__ import annotations

import threading
import weakref
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_wsol.errors import BadInputError
from napari_wsol.slides.block_cache import BlockCache
from napari_wsol.slides.colour import RGB, WHITE, over_white
from napari_wsol.slides.pixel_size import resolve_pixel_size
from napari_wsol.slides.refusal import unreadable
from napari_wsol.slides.slide import Slide
from napari_wsol.slides.tiff_levels import page_shape, rgb_pages
from napari_wsol.slides.tiff_pixel_size import printing_tag, stated_pixel_sizes

PREMULTIPLIED = 1
UNSPECIFIED = 0
SEPARATE_PLANES = 2


class TiffSlide(Slide):
    """An RGB image in a TIFF file, with its pyramid where it has one.

    Only the tiles or strips that a read touches are decoded; those decoded
    last are kept. An image stored raw in one piece is mapped, not read.

    Raises
    ------
    BadInputError
        Where the file is damaged, cut short, or holds no 8-bit RGB image.
    """

    def __init__(self, path: Path) -> None:
        try:
            tiff = tifffile.TiffFile(path)
        except Exception as error:
            raise unreadable(path.name, error) from error
        self._close = weakref.finalize(self, tiff.close)
        try:
            pages = rgb_pages(tiff, path.name)
            _require_complete(pages)
            pixel_size, note = resolve_pixel_size(
                stated_pixel_sizes(tiff, pages[0])
            )
            self._raw = [_mapped(page) for page in pages]
        except BadInputError:
            self._close()
            raise
        except Exception as error:
            self._close()
            raise unreadable(path.name, error) from error
        self._pages = pages
        self._cache = BlockCache()
        self._lock = threading.Lock()
        super().__init__(
            path.name,
            tuple(page_shape(page) for page in pages),
            pixel_size,
            path=path,
            metadata={'format': 'ome-tiff' if tiff.is_ome else 'tiff'},
            pixel_size_note=note
            or ('' if pixel_size else printing_tag(pages[0])),
        )

    def read_level(
        self, level: int, y: int, x: int, height: int, width: int
    ) -> RGB:
        """Pixels of one level, ``(height, width, 3)`` uint8."""
        page = self._pages[level]
        raw = self._raw[level]
        if raw is not None:
            pixels = np.array(raw[y : y + height, x : x + width])
        else:
            pixels = self._decoded(level, y, x, height, width)
        extra = page.extrasamples
        if pixels.shape[2] == 4 and (not extra or extra[0] == UNSPECIFIED):
            return np.ascontiguousarray(pixels[..., :3])
        return over_white(
            pixels, premultiplied=bool(extra and extra[0] == PREMULTIPLIED)
        )

    def close(self) -> None:
        """Close the file; the slide cannot be read afterwards."""
        self._close()

    def _decoded(
        self, level: int, y: int, x: int, height: int, width: int
    ) -> RGB:
        page = self._pages[level]
        tile_height, tile_width = _segment_shape(page)
        rows = range(y // tile_height, -(-(y + height) // tile_height))
        columns = range(x // tile_width, -(-(x + width) // tile_width))
        across = -(-page.imagewidth // tile_width)
        down = -(-page.imagelength // tile_height)
        separate = page.planarconfig == SEPARATE_PLANES
        planes = page.samplesperpixel if separate else 1
        result = np.empty((height, width, page.samplesperpixel), np.uint8)
        for plane in range(planes):
            channels = slice(plane, plane + 1) if separate else slice(None)
            for row in rows:
                for column in columns:
                    index = (plane * down + row) * across + column
                    block = self._cache.get(
                        (level, index), partial(self._segment, page, index)
                    )
                    _paste(
                        result[..., channels],
                        block,
                        row * tile_height - y,
                        column * tile_width - x,
                    )
        return result

    def _segment(self, page: Any, index: int) -> RGB:
        count, offset = page.databytecounts[index], page.dataoffsets[index]
        extra = {}
        if page.jpegtables is not None or page.jpegheader is not None:
            extra = {
                'jpegtables': page.jpegtables,
                'jpegheader': page.jpegheader,
            }
        try:
            data = None
            if count:
                file = page.parent.filehandle
                with self._lock:
                    file.seek(offset)
                    data = file.read(count)
            segment, _, shape = page.decode(data, index, **extra)
        except Exception as error:
            raise unreadable(self.name, error) from error
        _, height, width, channels = shape
        if segment is None:
            return np.full((height, width, channels), WHITE, np.uint8)
        return np.asarray(segment[0, :height, :width], np.uint8)


def _paste(target: RGB, block: RGB, top: int, left: int) -> None:
    """Copy what overlaps of a block whose corner lies at (top, left)."""
    height, width = target.shape[:2]
    bottom = min(height, top + block.shape[0])
    right = min(width, left + block.shape[1])
    y, x = max(0, top), max(0, left)
    target[y:bottom, x:right] = block[
        y - top : bottom - top, x - left : right - left
    ]


def _segment_shape(page: Any) -> tuple[int, int]:
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth)
    return min(int(page.rowsperstrip), int(page.imagelength)), int(
        page.imagewidth
    )


def _mapped(page: Any) -> npt.NDArray[np.uint8] | None:
    if not page.is_memmappable or page.planarconfig == SEPARATE_PLANES:
        return None
    return np.memmap(
        page.parent.filehandle.path,
        np.uint8,
        'r',
        page.dataoffsets[0],
        (*page_shape(page), page.samplesperpixel),
    )


def _require_complete(pages: list[Any]) -> None:
    for page in pages:
        offsets = np.asarray(page.dataoffsets, np.uint64)
        counts = np.asarray(page.databytecounts, np.uint64)
        if len(offsets) == 0 or len(offsets) != len(counts):
            raise ValueError('it lists no pixels')
        if (offsets + counts).max() > page.parent.filehandle.size:
            raise ValueError('the file is cut short')
