"""From outlines back to pixels, one block at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

import numpy as np
import numpy.typing as npt

from napari_wsol.regions.labelling import Block, Labels
from napari_wsol.regions.outlines import Outlines


def painted(
    outlines: Outlines, values: npt.NDArray[np.int32], blocks: Iterable[Block]
) -> Iterator[tuple[Block, Labels]]:
    """The pixels of regions in each block, as ``(h, w)`` int32.

    Parameters
    ----------
    values
        ``(N,)`` what each region's pixels become; elsewhere there is 0.
    blocks
        As ``labelling.cut`` gives them, from the map's left end on.
    """
    upright = outlines.upright()
    for _, band in groupby(blocks, key=lambda block: block.top):
        yield from _painted_band(outlines, upright, values, list(band))


def _painted_band(
    outlines: Outlines,
    upright: Labels,
    values: npt.NDArray[np.int32],
    band: list[Block],
) -> Iterator[tuple[Block, Labels]]:
    """Blocks side by side, each beginning with what its neighbour ended on.

    Seen from the left, a pixel's region begins at an edge that goes up, and
    ends at one that goes down.
    """
    top, bottom = band[0].top, band[0].bottom
    row, column, change = _changes(outlines, upright, values, top, bottom)
    places = np.searchsorted(column, [block.left for block in band])
    ends = np.searchsorted(column, [block.right for block in band])
    before = np.zeros(bottom - top, np.int32)
    for block, first, last in zip(band, places, ends, strict=True):
        pixels = np.zeros(block.shape, np.int32)
        here = slice(first, last)
        pixels[row[here], column[here] - block.left] = change[here]
        pixels[:, 0] += before
        np.cumsum(pixels, axis=1, dtype=np.int32, out=pixels)
        before = pixels[:, -1].copy()
        yield block, pixels


def _changes(
    outlines: Outlines,
    upright: Labels,
    values: npt.NDArray[np.int32],
    top: int,
    bottom: int,
) -> tuple[Labels, Labels, Labels]:
    """Rows from ``top`` on, columns and changes of value, by column."""
    start, end = outlines.y, outlines.y + upright
    edges = np.flatnonzero(
        (upright != 0)
        & (np.minimum(start, end) < bottom)
        & (np.maximum(start, end) > top)
    )
    edges = edges[np.argsort(outlines.x[edges], kind='stable')]
    region = np.searchsorted(outlines.corners, edges, 'right') - 1
    change = np.where(upright[edges] < 0, values[region], -values[region])
    first = np.maximum(np.minimum(start[edges], end[edges]), top)
    last = np.minimum(np.maximum(start[edges], end[edges]), bottom)
    length = last - first
    column = outlines.x[edges]
    row = np.arange(length.sum()) + np.repeat(
        first - top - (np.cumsum(length) - length), length
    )
    return row, column.repeat(length), change.repeat(length)
