"""How strongly regions are stained with haematoxylin and eosin."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from skimage.color import rgb_from_hed

from napari_wsol.inference.pace import Pace
from napari_wsol.inference.settings import Progress
from napari_wsol.regions.labelling import SIDE, Block, Labels, cut
from napari_wsol.regions.outlines import Outlines
from napari_wsol.regions.painting import painted
from napari_wsol.regions.region import RegionTable
from napari_wsol.slides.colour import RGB, WHITE
from napari_wsol.slides.slide import Slide

_DENSITY = -np.log10(np.maximum(np.arange(256), 1) / WHITE).astype(np.float32)


def stained(
    table: RegionTable,
    outlines: Outlines,
    slide: Slide,
    *,
    coarser: int = 1,
) -> Generator[Progress, None, RegionTable]:
    """Measure the mean stain of regions; only where they are is read.

    Parameters
    ----------
    table
        Regions to be measured, all or some of those outlined.
    coarser
        Map pixels, along each axis, that one pixel read from the slide
        stands for. Reading is what takes the time.

    Yields
    ------
    Progress
        In megapixels of the map.

    Returns
    -------
    table
        With ``haematoxylin`` and ``eosin`` told.
    """
    count = len(table)
    shape = int(table.bottom.max(initial=0)), int(table.right.max(initial=0))
    place = np.zeros(len(outlines), np.int32)
    place[table.number - 1] = np.arange(1, count + 1)
    side = SIDE // coarser * coarser
    sums = np.zeros((2, count + 1))
    pace = Pace(shape[0] * shape[1] / 1e6, 'MP', 'measuring stain')
    done = 0
    for block, labels in painted(
        outlines, place, cut(shape, (side, side), side)
    ):
        rows, columns = _extent(labels, coarser)
        inside = labels[rows, columns]
        if inside.size:
            at = Block(
                block.top + rows.start,
                block.left + columns.start,
                block.top + rows.stop,
                block.left + columns.stop,
            )
            amounts = _amounts(slide, table, at, coarser)
            sums += [
                np.bincount(inside.ravel(), each.ravel(), count + 1)
                for each in amounts
            ]
        done += block.pixels
        yield pace(done / 1e6)
    haematoxylin, eosin = sums[:, 1:] / table.pixels
    return replace(table, haematoxylin=haematoxylin, eosin=eosin)


def stains(pixels: RGB) -> npt.NDArray[np.float32]:
    """Optical density of haematoxylin and eosin, ``(2, H, W)``.

    Colour deconvolution (Ruifrok and Johnston, Anal Quant Cytol Histol
    2001) with their vectors; what both leave is put at a right angle to
    them. Densities are to base 10 against white, of unmixed light: a
    density of 1 lets a tenth of the light through along its vector.

    Parameters
    ----------
    pixels
        ``(H, W, 3)`` uint8 RGB.
    """
    mixed = _DENSITY[pixels]
    return np.asarray(np.einsum('hwc,cs->shw', mixed, _unmixing()))


def _unmixing() -> npt.NDArray[np.float32]:
    """``(3, 2)``: from the density of red, green and blue to both stains."""
    both = rgb_from_hed[:2]
    both = both / np.linalg.norm(both, axis=1, keepdims=True)
    rest = np.cross(*both)
    vectors = np.vstack([both, rest / np.linalg.norm(rest)])
    return np.asarray(np.linalg.inv(vectors)[:, :2], np.float32)


def _amounts(
    slide: Slide, table: RegionTable, at: Block, coarser: int
) -> npt.NDArray[np.float32]:
    """Both stains of the map's pixels in a rectangle, ``(2, h, w)``."""
    high, wide = at.shape
    rows, columns = -(-high // coarser), -(-wide // coarser)
    box = table.frame.box(
        at.top,
        at.left,
        at.top + rows * coarser,
        at.left + columns * coarser,
    )
    found = stains(slide.read_resized(box, rows, columns))
    finer = found.repeat(coarser, axis=1).repeat(coarser, axis=2)
    return np.asarray(finer[:, :high, :wide])


def _extent(labels: Labels, multiple: int) -> tuple[slice, slice]:
    """The rows and columns that hold regions, from multiples on."""
    slices = []
    for axis in (1, 0):
        held = np.flatnonzero(labels.any(axis))
        first = int(held[0]) // multiple * multiple if len(held) else 0
        slices.append(slice(first, int(held[-1]) + 1 if len(held) else 0))
    return slices[0], slices[1]
