"""What a TIFF file says about its pixel size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import tifffile

from napari_wsol.slides.pixel_size import (
    PixelSize,
    in_micrometres,
    printing_note,
)

INCH, CENTIMETRE = 2, 3


def stated_pixel_sizes(
    tiff: tifffile.TiffFile, page: Any
) -> Iterator[PixelSize | None]:
    """The statements of a file about a page, best first.

    OME-XML's ``PhysicalSize``, ImageJ's unit, then the resolution tags where
    they are per centimetre.
    """
    yield _from_ome(tiff)
    yield _from_imagej(tiff, page)
    yield _from_tags(page)


def printing_tag(page: Any) -> str:
    """Why a resolution per inch is not believed; empty where none is."""
    x = _per_pixel(page, 'XResolution')
    if page.tags.valueof('ResolutionUnit') != INCH or not x or x == 1:
        return ''
    return printing_note(1 / x)


def _from_ome(tiff: tifffile.TiffFile) -> PixelSize | None:
    if not tiff.is_ome or tiff.ome_metadata is None:
        return None
    pixels = ElementTree.fromstring(tiff.ome_metadata).find('.//{*}Pixels')
    if pixels is None:
        return None
    values = [
        in_micrometres(
            float(pixels.get(f'PhysicalSize{axis}', 'nan')),
            pixels.get(f'PhysicalSize{axis}Unit', 'µm'),
        )
        for axis in 'YX'
    ]
    y, x = values
    if y is None or x is None or y != y or x != x:
        return None
    return PixelSize(y, x, 'OME PhysicalSizeX')


def _from_imagej(tiff: tifffile.TiffFile, page: Any) -> PixelSize | None:
    if not tiff.is_imagej or tiff.imagej_metadata is None:
        return None
    unit = str(tiff.imagej_metadata.get('unit', ''))
    factor = in_micrometres(1.0, unit.replace('\\u00B5', 'µ'))
    y, x = _per_pixel(page, 'YResolution'), _per_pixel(page, 'XResolution')
    if factor is None or y is None or x is None:
        return None
    return PixelSize(y * factor, x * factor, 'ImageJ scale')


def _from_tags(page: Any) -> PixelSize | None:
    y, x = _per_pixel(page, 'YResolution'), _per_pixel(page, 'XResolution')
    if page.tags.valueof('ResolutionUnit') != CENTIMETRE or not (y and x):
        return None
    return PixelSize(y * 1e4, x * 1e4, 'TIFF resolution tag')


def _per_pixel(page: Any, tag: str) -> float | None:
    value = page.tags.valueof(tag)
    if value is None:
        return None
    numerator, denominator = value
    return denominator / numerator if numerator else None
