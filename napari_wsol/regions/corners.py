"""Where the outlines of regions turn, and the rings that these turns make.

Corners are found in windows of two by two pixels, so what is found does not
depend on how a map was cut. Along a row of the pixels' lattice the corners of
a region come in pairs that an edge joins, and so they do along a column
(O'Rourke, Uniqueness of orthogonal connect-the-dots, 1988). Following edges
in turn along rows and columns gives the rings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph

from napari_wsol.regions.labelling import Labels

Integers = npt.NDArray[np.int64]

AT_ONCE = 1_000_000
"""Corners that are made into rings at a time; a region is never divided."""

_NW, _NE, _SW, _SE = 1, 2, 4, 8
_CROSSING = (_NW | _SE, _NE | _SW)
_SIMPLE = (_NW, _NE, _SW, _SE, *(15 - odd for odd in (_NW, _NE, _SW, _SE)))

_COPIES = np.zeros(16, np.int8)
_COPIES[list(_SIMPLE)] = 1
_COPIES[list(_CROSSING)] = 2

_ACROSS = np.zeros(16, np.bool_)
_ACROSS[[_NW, _SE, _NW | _SE, 15 - _NE, 15 - _SW]] = True


@dataclass(frozen=True)
class Corners:
    """N points of the lattice at which outlines turn.

    A point at which two pixels touch by their corners only is there twice,
    the upper pixel's turn first.

    Parameters
    ----------
    y, x
        The pixel below and right of the point.
    owner
        The part, or region, whose outline it is.
    across
        Whether the outline leaves along the row, not along the column, when
        followed with the region on its right (the y axis pointing down).
    """

    y: Labels
    x: Labels
    owner: Labels
    across: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.y)

    def chosen(self, which: npt.NDArray[np.int64]) -> Corners:
        """Those at some places."""
        return Corners(
            self.y[which], self.x[which], self.owner[which], self.across[which]
        )


def corners(around: Labels, top: int, left: int) -> Corners:
    """The corners of a block.

    Parameters
    ----------
    around
        Parts of the block with one more row above and column left of it, as
        ``Seams.join`` gives them.
    top, left
        Of the block in the map.
    """
    mark = (around > 0).astype(np.uint8)
    kind = mark[:-1, :-1] * np.uint8(_NW)
    kind |= mark[:-1, 1:] * np.uint8(_NE)
    kind |= mark[1:, :-1] * np.uint8(_SW)
    kind |= mark[1:, 1:] * np.uint8(_SE)
    y, x = np.nonzero(_COPIES[kind])
    kind = kind[y, x]
    upper = np.maximum(around[y, x], around[y, x + 1])
    lower = np.maximum(around[y + 1, x], around[y + 1, x + 1])
    copies = _COPIES[kind]
    crossing = copies == 2
    owner = np.where(crossing, upper, np.maximum(upper, lower)).repeat(copies)
    owner[copies.cumsum(dtype=np.int64)[crossing] - 1] = lower[crossing]
    return Corners(
        (y + top).astype(np.int32).repeat(copies),
        (x + left).astype(np.int32).repeat(copies),
        owner,
        _ACROSS[kind].repeat(copies),
    )


def together(found: Sequence[Corners], number: Labels) -> Corners:
    """The corners of all blocks, with regions in place of parts.

    Parameters
    ----------
    found
        In the order of the blocks.
    number
        The region's number of each part.
    """
    return Corners(
        np.concatenate([each.y for each in found]),
        np.concatenate([each.x for each in found]),
        np.concatenate([number[each.owner - 1] for each in found]),
        np.concatenate([each.across for each in found]),
    )


@dataclass(frozen=True)
class Rings:
    """Closed outlines of successive regions.

    Parameters
    ----------
    y, x
        Corners of all rings in order.
    starts
        Where each ring begins.
    owner
        The region of each ring; the first ring of a region is its outer one.
    """

    y: Labels
    x: Labels
    starts: Integers
    owner: Labels


def rings(all_corners: Corners, count: int) -> Iterator[Rings]:
    """The rings of ``count`` regions, some regions at a time."""
    per_region = np.bincount(all_corners.owner, minlength=count + 1)[1:]
    ends = np.cumsum(per_region)
    first = 0
    while first < count:
        before = ends[first - 1] if first else 0
        last = int(np.searchsorted(ends, before + AT_ONCE, 'right'))
        last = max(last, first + 1)
        inside = (all_corners.owner > first) & (all_corners.owner <= last)
        yield _rings(all_corners.chosen(np.flatnonzero(inside)))
        first = last


def _rings(found: Corners) -> Rings:
    found, following = _linked(found)
    count = len(found)
    numbers = np.arange(count + 1, dtype=np.int32)
    graph = sparse.csr_array(
        (np.ones(count), following, numbers), shape=(count, count)
    )
    _, ring = csgraph.connected_components(graph, connection='strong')
    heads = np.sort(np.unique(ring, return_index=True)[1])
    # All rings in one walk: each ends where the next one begins.
    tails = np.empty(count, np.int32)
    tails[following] = numbers[:-1]
    graph.indices[tails[heads]] = np.roll(heads, -1)
    order = csgraph.depth_first_order(
        graph, heads[0], return_predecessors=False
    )
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    return Rings(
        found.y[order], found.x[order], place[heads], found.owner[heads]
    )


def _linked(found: Corners) -> tuple[Corners, Labels]:
    """Corners by region, row and column, and the one that follows each."""
    height, width = int(found.y.max()) + 1, int(found.x.max()) + 1
    owner = found.owner.astype(np.int64)
    key = (owner * height + found.y) * width + found.x
    order = np.argsort(key, kind='stable')
    found, key = found.chosen(order), key[order]
    rows = np.arange(len(key), dtype=np.int32)
    # Where a region touches itself by a corner, its outline turns around the
    # gaps, not the pixels: so every ring passes a point once. That swaps the
    # two corners along the row if those of the pixels were upper left and
    # lower right.
    twice = np.flatnonzero(key[1:] == key[:-1])
    twice = twice[found.across[twice]]
    rows[twice], rows[twice + 1] = rows[twice + 1], rows[twice]
    owner = found.owner.astype(np.int64)
    key = (owner * width + found.x) * height + found.y
    columns = np.argsort(key, kind='stable').astype(np.int32)
    along_row, along_column = _partners(rows), _partners(columns)
    return found, np.where(found.across, along_row, along_column)


def _partners(order: Labels) -> Labels:
    """The other of each pair, for corners sorted along their lines."""
    partners = np.empty_like(order)
    partners[order[0::2]] = order[1::2]
    partners[order[1::2]] = order[0::2]
    return partners
