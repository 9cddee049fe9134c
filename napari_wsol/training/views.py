"""What is sampled from: images with the labels of image and fields."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache, cached
from PIL import Image

from napari_wsol.methods.terms import IGNORE
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.opening import open_slide
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.slides.slide import Slide
from napari_wsol.slides.tissue import TissueMask, tissue_mask
from napari_wsol.training.table import Row

PixelMap = npt.NDArray[np.int64]

WHOLE_IMAGE_CROPS = 16
"""An image of up to this many crops is sampled whole, a larger one around
its fields."""

OPEN_BYTES = 2**30
"""What images that are kept open may hold in memory together."""

HANDLE_BYTES = 2 * 2**20
"""What one counts at least, so that there are not too many files open."""

MASKS_KEPT = 256
"""Tissue masks, of half a megabyte or so."""


@dataclass(frozen=True)
class LabelledField:
    """A rectangle in level-0 pixels and its class index."""

    box: Box
    label: int


@dataclass(frozen=True)
class View:
    """A part of an image to draw crops from, with all that is known of it.

    Parameters
    ----------
    region
        Where crops lie, in level-0 pixels.
    label
        Class index of the image, -1 where only fields are labelled.
    fields
        All labelled fields of the image.
    pseudo
        Image file with pseudo-labels of the region (0 unknown, else
        pixel class + 1), or None.
    seeds
        ``.npy`` file with an earlier network's map of the region,
        ``(h, w)`` in [0, 1], from which seeds are drawn; or None.
    """

    path: Path
    mpp: float | None
    region: Box
    label: int
    fields: tuple[LabelledField, ...]
    group: str = ''
    mask: Path | None = None
    pseudo: Path | None = None
    seeds: Path | None = None


_open: LRUCache[Hashable, Slide] = LRUCache(
    OPEN_BYTES, getsizeof=lambda slide: HANDLE_BYTES + slide.held_bytes
)


@cached(_open, lock=threading.Lock())
def opened(path: Path, mpp: float | None) -> Slide:
    """The slide at a path, kept open; ``mpp`` overrides what it says."""
    size = None if mpp is None else PixelSize(mpp, mpp, 'data table')
    return open_slide(path, size)


@cached(LRUCache(MASKS_KEPT), lock=threading.Lock())
def _tissue(path: Path, mpp: float | None) -> TissueMask:
    return tissue_mask(opened(path, mpp))


def tissue_in(view: View, height: int, width: int) -> npt.NDArray[np.bool_]:
    """``(height, width)`` of the view's region: tissue, or only glass.

    Lumens are tissue (``slides.tissue``). All is where none was found.
    """
    region = view.region
    steps = region.height / height, region.width / width
    found = _tissue(view.path, view.mpp).at(
        region.y, region.x, *steps, height, width
    )
    return found if found.any() else ~found


def make_views(
    rows: tuple[Row, ...],
    classes: tuple[str, ...],
    *,
    mpp: float | None,
    crop: int,
) -> list[View]:
    """Group a table's rows by image.

    Parameters
    ----------
    rows
        Of one split.
    classes
        The model's; a row of another label is left out.
    mpp, crop
        Working µm per pixel, and side of a crop in working pixels.
    """
    index = {name: i for i, name in enumerate(classes)}
    images: dict[Path, list[Row]] = {}
    for row in rows:
        if row.label in index:
            images.setdefault(row.image, []).append(row)
    views: list[View] = []
    for path, mine in images.items():
        slide = opened(path, mine[0].mpp)
        step_y, step_x = slide.working_step(mpp)
        fields = tuple(
            LabelledField(row.field, index[row.label])
            for row in mine
            if row.field is not None
        )
        label = next(
            (index[row.label] for row in mine if row.field is None), IGNORE
        )
        mask = next((row.mask for row in mine if row.mask), None)
        height, width = slide.shape
        crops = height * width / (step_y * step_x * crop**2)
        if label != IGNORE or crops <= WHOLE_IMAGE_CROPS:
            regions = [slide.box]
        else:
            regions = [
                _around(f.box, step_y * crop, step_x * crop) for f in fields
            ]
        views += [
            View(path, mine[0].mpp, r, label, fields, mine[0].group, mask)
            for r in regions
        ]
    return views


def _around(box: Box, height: float, width: float) -> Box:
    """A box of at least the given size about the same centre."""
    height, width = max(height, box.height), max(width, box.width)
    return Box(
        box.y + (box.height - height) / 2,
        box.x + (box.width - width) / 2,
        height,
        width,
    )


def pixel_classes(
    view: View, box: Box, height: int, width: int, roi: list[int]
) -> PixelMap:
    """``(height, width)`` classes of pixels in a box, -1 where unknown.

    0 is background; ROI classes count from 1 in the order of ``roi`` (or are
    all 1 where the localizer does not tell them apart). Fields win over
    pseudo-labels.
    """
    fields = field_classes(view, box, height, width, roi)
    return with_pseudo_labels(view, box, fields)


def with_pseudo_labels(view: View, box: Box, fields: PixelMap) -> PixelMap:
    """Pixel classes of fields in a box, and pseudo-labels beside them."""
    if view.pseudo is None:
        return fields
    pseudo = _pseudo(view, box, *fields.shape)
    return np.where(fields == IGNORE, pseudo, fields)


def field_classes(
    view: View, box: Box, height: int, width: int, roi: list[int]
) -> PixelMap:
    """The same of pixels in fields alone."""
    classes = np.full((height, width), IGNORE, np.int64)
    step_y, step_x = box.height / height, box.width / width
    for field in view.fields:
        y0 = round((field.box.y - box.y) / step_y)
        y1 = round((field.box.bottom - box.y) / step_y)
        x0 = round((field.box.x - box.x) / step_x)
        x1 = round((field.box.right - box.x) / step_x)
        value = roi.index(field.label) + 1 if field.label in roi else 0
        classes[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)] = value
    return classes


def seed_map(
    view: View, box: Box, height: int, width: int
) -> npt.NDArray[np.float32]:
    """``(height, width)`` of the view's map in a box, NaN outside of it."""
    assert view.seeds is not None
    stored = np.load(view.seeds, mmap_mode='r')
    return _looked_up(view, box, height, width, stored, np.nan).astype(
        np.float32
    )


def _pseudo(view: View, box: Box, height: int, width: int) -> PixelMap:
    assert view.pseudo is not None
    with Image.open(view.pseudo) as image:
        stored = np.asarray(image).astype(np.int64) - 1
    return _looked_up(view, box, height, width, stored, IGNORE)


def _looked_up(
    view: View,
    box: Box,
    height: int,
    width: int,
    stored: npt.NDArray[Any],
    outside: float,
) -> npt.NDArray[Any]:
    """The nearest pixels of a map of the view's region, by a grid in a box."""
    region = view.region
    rows = (
        box.y - region.y + (np.arange(height) + 0.5) * box.height / height
    ) * (stored.shape[0] / region.height)
    columns = (
        box.x - region.x + (np.arange(width) + 0.5) * box.width / width
    ) * (stored.shape[1] / region.width)
    inside_y = (rows >= 0) & (rows < stored.shape[0])
    inside_x = (columns >= 0) & (columns < stored.shape[1])
    found = stored[
        np.clip(rows.astype(int), 0, stored.shape[0] - 1)[:, None],
        np.clip(columns.astype(int), 0, stored.shape[1] - 1)[None],
    ]
    return np.where(inside_y[:, None] & inside_x[None], found, outside)
