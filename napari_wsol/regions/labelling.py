"""Connected regions of a mask that is looked at one block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph

Labels = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

SIDE = 1024
"""Least side of a block in map pixels, where chunks allow."""


@dataclass(frozen=True)
class Block:
    """A rectangle of map pixels, half open."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def place(self) -> tuple[slice, slice]:
        """As an index of a map."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def shape(self) -> tuple[int, int]:
        """``(height, width)``."""
        return self.bottom - self.top, self.right - self.left

    @property
    def pixels(self) -> int:
        """How many there are."""
        return (self.bottom - self.top) * (self.right - self.left)


def cut(
    shape: tuple[int, int], chunks: tuple[int, int], side: int = SIDE
) -> Iterator[Block]:
    """Blocks of whole chunks that cover a map, row by row.

    Parameters
    ----------
    shape, chunks
        ``(height, width)`` of the map and of its chunks.
    side
        A block has as many chunks as it takes to be so large.
    """
    high, wide = (-(-side // chunk) * chunk for chunk in chunks)
    height, width = shape
    for top in range(0, height, high):
        for left in range(0, width, wide):
            yield Block(
                top,
                left,
                min(height, top + high),
                min(width, left + wide),
            )


def marked(probability: npt.NDArray[Any], threshold: float) -> Mask:
    """Where a region is; a probability of 0 never is one."""
    return np.asarray((probability >= threshold) & (probability > 0))


class Seams:
    """Joins the labels of blocks that arrive in the order of ``cut``.

    Of earlier blocks only a row and a column of labels are kept. Each label
    of a block becomes a *part*, numbered from 1 on over all blocks; parts
    that touch across a seam are of the same region.

    Parameters
    ----------
    shape
        ``(height, width)`` of the map.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._height, self._width = shape
        self._count = 0
        # One entry more: left of the first column there is nothing.
        self._above = np.zeros(self._width + 1, np.int32)
        self._below = np.zeros(self._width + 1, np.int32)
        self._beside = np.zeros(0, np.int32)
        self._pairs: list[Labels] = [np.zeros((2, 0), np.int32)]

    def join(self, block: Block, labels: Labels, count: int) -> Labels:
        """The block's parts, with what touches it above and left.

        Parameters
        ----------
        labels, count
            Labels 1 to ``count`` of the block's own regions.

        Returns
        -------
        array
            ``(h + 1, w + 1)`` parts, 0 outside regions. The first row and
            column are those of the neighbours; at the map's lower and right
            end there is one row or column more, of zeros.
        """
        height, width = block.shape
        if block.left == 0:
            self._above, self._below = self._below, self._above
            self._beside = np.zeros(height, np.int32)
        around = np.zeros(
            (
                height + 1 + (block.bottom == self._height),
                width + 1 + (block.right == self._width),
            ),
            np.int32,
        )
        around[0, : width + 1] = self._above[block.left : block.right + 1]
        around[1 : height + 1, 0] = self._beside
        own = around[1 : height + 1, 1 : width + 1]
        np.add(labels, self._count, out=own, where=labels > 0)
        self._count += count
        self._touch(around[0, 1 : width + 1], own[0])
        self._touch(self._beside, own[:, 0])
        self._beside = own[:, -1].copy()
        self._below[block.left + 1 : block.right + 1] = own[-1]
        return around

    def numbers(self, first: npt.NDArray[np.int64]) -> Labels:
        """The region's number of each part, once all blocks are joined.

        Parameters
        ----------
        first
            Of each part, the place of its first pixel in the map, counted
            row by row. Regions are numbered by theirs, from 1 on, as
            scikit-image numbers them.
        """
        if not self._count:
            return np.zeros(0, np.int32)
        one, other = np.concatenate(self._pairs, axis=1) - 1
        graph = sparse.coo_array(
            (np.ones(len(one), np.int8), (one, other)),
            shape=(self._count, self._count),
        )
        regions, region = csgraph.connected_components(graph, directed=False)
        earliest = np.full(regions, np.iinfo(np.int64).max)
        np.minimum.at(earliest, region, first)
        number = np.empty(regions, np.int32)
        number[np.argsort(earliest)] = np.arange(1, regions + 1)
        return np.asarray(number[region])

    def _touch(self, one: Labels, other: Labels) -> None:
        both = (one > 0) & (other > 0)
        if both.any():
            pairs = np.stack([one[both], other[both]])
            self._pairs.append(np.unique(pairs, axis=1))
