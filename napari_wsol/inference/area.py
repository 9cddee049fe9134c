"""Where results are wanted: the asked boxes, and tissue in them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_wsol.inference.grid import Grid, Tile
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.tissue import TissueMask

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Area:
    """The part of an image that is asked about.

    Parameters
    ----------
    boxes
        In level-0 pixels, within the image.
    tissue
        Where it is, or None where glass counts as well.
    """

    boxes: tuple[Box, ...]
    tissue: TissueMask | None = None

    def asked(
        self,
        start: tuple[int, int],
        step: tuple[float, float],
        shape: tuple[int, int],
    ) -> Bools:
        """Whether the centre of each lattice pixel lies in a box, ``(H, W)``.

        Parameters
        ----------
        start
            Row and column of the first pixel in its lattice.
        step
            Level-0 pixels per lattice pixel along y and x.
        shape
            ``(H, W)`` in lattice pixels.
        """
        y, x = (
            (first + np.arange(count) + 0.5) * each
            for first, count, each in zip(start, shape, step, strict=True)
        )
        inside = np.zeros(shape, bool)
        for box in self.boxes:
            rows = (y >= box.y) & (y < box.bottom)
            cols = (x >= box.x) & (x < box.right)
            inside |= rows[:, None] & cols
        return inside

    def wanted(
        self,
        start: tuple[int, int],
        step: tuple[float, float],
        shape: tuple[int, int],
    ) -> Bools:
        """As ``asked``, and tissue."""
        inside = self.asked(start, step, shape)
        if self.tissue is None or not inside.any():
            return inside
        y0, x0 = (
            first * each for first, each in zip(start, step, strict=True)
        )
        return inside & self.tissue.at(y0, x0, *step, *shape)

    def wanted_map(self, grid: Grid, tile: Tile) -> Bools:
        """Which map pixels of a tile's chunk are wanted.

        Map pixels at the image's end whose centre is outside follow the ones
        before them, so that the map reaches to the end.
        """
        places = [
            np.minimum(
                np.arange(at * length, min((at + 1) * length, end)),
                max(0, math.ceil(size / grid.stride - 0.5) - 1),
            )
            for at, length, end, size in zip(
                tile,
                grid.chunk,
                grid.map_shape,
                (grid.height, grid.width),
                strict=True,
            )
        ]
        start = int(places[0][0]), int(places[1][0])
        rows, cols = (
            place - first for place, first in zip(places, start, strict=True)
        )
        shape = int(rows[-1]) + 1, int(cols[-1]) + 1
        wanted = self.wanted(start, grid.map_step, shape)
        return np.asarray(wanted[np.ix_(rows, cols)])


def plan(
    grid: Grid, area: Area, tiles: Iterable[Tile] | None = None
) -> tuple[Tile, ...]:
    """The tiles, of some or of all, that hold wanted map pixels."""
    return tuple(
        tile
        for tile in (grid.tiles() if tiles is None else tiles)
        if any(box.intersection(grid.core_box(tile)) for box in area.boxes)
        and area.wanted_map(grid, tile).any()
    )


def contributors(
    grid: Grid, planned: Collection[Tile], chunks: Collection[Tile]
) -> tuple[Tile, ...]:
    """The planned tiles that take part in any of the chunks, row by row."""
    needed = {near for chunk in chunks for near in grid.neighbours(chunk)}
    return tuple(sorted(needed.intersection(planned)))
