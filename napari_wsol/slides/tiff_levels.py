"""Which images inside a TIFF file make up its RGB pyramid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tifffile

from napari_wsol.slides.refusal import refusal

SEPARATED = 5
REDUCED = 1
EVEN = 0.02
"""How far a page's downsample may be from a whole number to be a level."""


def rgb_pages(tiff: tifffile.TiffFile, name: str) -> list[Any]:
    """The pages of the largest RGB image and its levels, finest first.

    Levels lie in SubIFDs, or are further images of the same proportions,
    marked as reduced or smaller by a whole number.

    Raises
    ------
    BadInputError
        Where the file holds no 8-bit RGB image; the message says what it
        holds instead.
    ValueError
        Where it holds no image at all.
    """
    if not tiff.series:
        raise ValueError('it lists no images')
    rgb = [series for series in tiff.series if _problem(series) is None]
    if not rgb:
        first = tiff.series[0]
        raise refusal(name, _problem(first) or 'without an image')
    finest = max(rgb, key=lambda series: _size(series)[0] * _size(series)[1])
    levels = [level for level in finest.levels if _problem(level) is None]
    if len(levels) == 1:
        levels += _further_levels(finest, rgb)
    return [_page(level) for level in levels]


def page_shape(page: Any) -> tuple[int, int]:
    """``(height, width)`` of a page in pixels."""
    return int(page.imagelength), int(page.imagewidth)


def _further_levels(finest: Any, images: Sequence[Any]) -> list[Any]:
    height, width = _size(finest)
    levels = []
    last = height
    smaller = [image for image in images if _size(image) < (height, width)]
    for image in sorted(smaller, key=_size, reverse=True):
        h, w = _size(image)
        down_y, down_x = height / h, width / w
        slack = 1 / min(h, w)
        alike = abs(down_y / down_x - 1) <= max(EVEN / 2, 2 * slack)
        whole = abs(down_y / round(down_y) - 1) <= max(EVEN, slack)
        reduced = bool(_page(image).subfiletype & REDUCED)
        if alike and (reduced or whole) and h < 0.75 * last:
            levels.append(image)
            last = h
    return levels


def _size(series: Any) -> tuple[int, int]:
    return page_shape(_page(series))


def _page(series: Any) -> Any:
    page = series.pages[0]
    return page.aspage() if isinstance(page, tifffile.TiffFrame) else page


def _problem(series: Any) -> str | None:
    """Why a series is no RGB image, completing "the image is ..."."""
    sizes = dict(zip(series.axes, series.shape, strict=True))
    page = series.keyframe
    bits = f'{series.dtype.itemsize * 8}-bit'
    stacked = {a: n for a, n in sizes.items() if a not in 'YXSC' and n > 1}
    if page.photometric == SEPARATED:
        return 'CMYK, colours for printing'
    if sizes.get('C', 1) > 1:
        return f'an image of {sizes["C"]} channels ({bits}), not RGB'
    if 'S' not in sizes or sizes['S'] < 3:
        coloured = 'palette-coloured' if page.photometric == 3 else 'grayscale'
        return f'{bits} {coloured}'
    if stacked:
        axis, size = next(iter(stacked.items()))
        return f'a stack of {size} images along {axis}'
    if sizes['S'] > 4:
        return f'an image of {sizes["S"]} channels ({bits}), not RGB'
    if series.dtype != 'uint8':
        kind = 'float' if series.dtype.kind == 'f' else 'RGB'
        return f'{bits} {kind}'
    return None
