"""The truth at the pixels of a map, from label images and from outlines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wsol.inference.area import Area
from napari_wsol.regions.labelling import Block, Mask, cut
from napari_wsol.regions.region import Frame
from napari_wsol.regions.truth import BACKGROUND, ROI, UNKNOWN, Truth
from napari_wsol.slides.geometry import Box

Floats = npt.NDArray[np.float64]

MOST_READ = 2**24
"""Pixels of a label image that are read at a time."""

_SIDE = 512
"""Map pixels along the side of a block, at most."""


def sampled(
    levels: Sequence[Any], to_labels: Floats, shape: tuple[int, int]
) -> Truth:
    """What a label image says at the centres of a map's pixels.

    Any positive value is ROI; beside the label image nothing is known.

    Parameters
    ----------
    levels
        Label images ``(h, w)``, finest first; the coarsest is read that is
        at least as fine as the map.
    to_labels
        ``(3, 3)`` affine matrix from map pixels (y, x, 1) to pixels of the
        finest label image, centres on whole numbers in both.
    shape
        ``(H, W)`` of the map.
    """
    labels, matrix = _fitting(levels, np.asarray(to_labels, float))
    across = np.abs(matrix[:2, :2]).sum(1).clip(1)
    side = int(np.clip(np.sqrt(MOST_READ / across.prod()), 1, _SIDE))
    truth = np.full(shape, UNKNOWN, np.uint8)
    for block in cut(shape, (side, side), side):
        truth[block.place] = _sampled_block(labels, matrix, block)
    return truth


def filled(outlines: Iterable[npt.ArrayLike], shape: tuple[int, int]) -> Mask:
    """The map pixels whose centres lie in any of some polygons.

    An outline that crosses itself encloses by the even-odd rule.

    Parameters
    ----------
    outlines
        Corners ``(N, 2)`` of each polygon, rows of (y, x) in map pixels
        whose centres lie on whole numbers.
    shape
        ``(H, W)`` of the map.
    """
    mask = np.zeros(shape, bool)
    for outline in outlines:
        _fill(mask, np.asarray(outline, float))
    return mask


def within(boxes: Iterable[Box], frame: Frame, shape: tuple[int, int]) -> Mask:
    """The map pixels whose centres lie in any of some level-0 boxes."""
    moved = (
        Box(
            box.y - frame.origin_y,
            box.x - frame.origin_x,
            box.height,
            box.width,
        )
        for box in boxes
    )
    step = (frame.step_y, frame.step_x)
    return Area(tuple(moved)).asked((0, 0), step, shape)


def _fitting(levels: Sequence[Any], to_finest: Floats) -> tuple[Any, Floats]:
    """The coarsest level that is as fine as the map, and the way to it."""
    finest = np.array(levels[0].shape, float)
    apart = np.hypot(to_finest[:2, 0], to_finest[:2, 1]) + 1e-6
    factors = [finest / level.shape for level in levels]
    number = max(
        (
            number
            for number, factor in enumerate(factors)
            if (factor <= apart).all()
        ),
        default=0,
    )
    matrix = to_finest.copy()
    matrix[:2, 2] += 0.5
    matrix[:2] /= factors[number][:, None]
    matrix[:2, 2] -= 0.5
    return levels[number], matrix


def _sampled_block(labels: Any, matrix: Floats, block: Block) -> Truth:
    rows = np.arange(block.top, block.bottom)[:, None]
    columns = np.arange(block.left, block.right)
    y, x = (
        np.floor(a * rows + b * columns + c + 0.5).astype(np.int64)
        for a, b, c in matrix[:2]
    )
    height, width = labels.shape
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    truth = np.full(block.shape, UNKNOWN, np.uint8)
    if not inside.any():
        return truth
    y, x = y[inside], x[inside]
    top, left = y.min(), x.min()
    piece = np.asarray(labels[top : y.max() + 1, left : x.max() + 1])
    found = piece[y - top, x - left] > 0
    truth[inside] = np.where(found, np.uint8(ROI), np.uint8(BACKGROUND))
    return truth


def _fill(mask: Mask, corners: Floats) -> None:
    """Mark what a polygon encloses, by where its edges cross the rows."""
    ends = np.ceil(corners.max(0)).astype(int) + 1
    top, left = np.ceil(corners.min(0)).astype(int).clip(0)
    bottom, right = np.minimum(ends, mask.shape)
    if bottom <= top or right <= left:
        return
    row, place = _crossings(corners, top, bottom)
    column = np.ceil(place).clip(left, right).astype(int)
    turns = np.zeros((bottom - top, right - left + 1), bool)
    np.logical_xor.at(turns, (row - top, column - left), True)
    inside = np.logical_xor.accumulate(turns, axis=1)[:, :-1]
    mask[top:bottom, left:right] |= inside


def _crossings(
    corners: Floats, top: int, bottom: int
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Rows in which edges of a polygon cross a line of centres, and where."""
    following = np.roll(corners, -1, axis=0)
    rising = (corners[:, 0] > following[:, 0])[:, None]
    start = np.where(rising, following, corners)
    end = np.where(rising, corners, following)
    first = np.ceil(start[:, 0]).clip(top, bottom).astype(np.int64)
    count = np.ceil(end[:, 0]).clip(top, bottom).astype(np.int64) - first
    edge = np.repeat(np.arange(len(corners)), count)
    before = np.cumsum(count) - count
    row = np.arange(len(edge)) - before[edge] + first[edge]
    (y, x), (high, wide) = start[edge].T, (end - start)[edge].T
    return row, x + (row - y) / high * wide
