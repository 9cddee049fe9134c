"""What is looked at comes first, then its surroundings, then the rest."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from napari_wsol.inference.grid import Grid, Tile
from napari_wsol.slides.geometry import Box


class View:
    """What someone looks at; one thread moves it, another asks.

    Attributes
    ----------
    box
        In level-0 pixels; None where nobody looks at anything.
    """

    def __init__(self, box: Box | None = None) -> None:
        self.box = box

    def shows(self, other: Box) -> bool:
        """Whether some of a box in level-0 pixels is in view."""
        box = self.box
        return box is not None and box.intersection(other) is not None


class TileQueue:
    """The tiles still to be run, the most wanted first.

    Those that a view shows come from its middle outwards, the others follow
    by their distance from it. Without a view they come row by row.

    Parameters
    ----------
    view
        May be moved at any time; ``first`` follows it.
    """

    def __init__(
        self, grid: Grid, tiles: Iterable[Tile], view: View | None = None
    ) -> None:
        self._grid = grid
        self._view = view or View()
        self._tiles = sorted(tiles)
        self._sorted_for: Box | None = None

    def __len__(self) -> int:
        return len(self._tiles)

    def first(self, count: int) -> list[Tile]:
        """The tiles to run next, at most ``count``."""
        box = self._view.box
        if box != self._sorted_for:
            self._tiles.sort()
            if box is not None:
                self._tiles = by_distance(self._grid, self._tiles, box)
            self._sorted_for = box
        return self._tiles[:count]

    def is_seen(self, tiles: Iterable[Tile]) -> bool:
        """Whether any of some tiles is in view."""
        return any(map(self._view.shows, map(self._grid.core_box, tiles)))

    def take(self, count: int) -> list[Tile]:
        """Remove and give the first ones, as ``first`` named them last."""
        taken = self._tiles[:count]
        del self._tiles[:count]
        return taken


def by_distance(grid: Grid, tiles: list[Tile], box: Box) -> list[Tile]:
    """Tiles in rings around a box; within a ring, nearest its middle first.

    A ring is as wide as a tile; the innermost are the tiles that the box
    touches.
    """
    if not tiles:
        return []
    places = np.array(tiles)
    core = np.array([grid.core_y * grid.step_y, grid.core_x * grid.step_x])
    low = places * core
    start = np.array([box.y, box.x])
    stop = np.array([box.bottom, box.right])
    gap = np.maximum(np.maximum(low - stop, start - low - core), 0) / core
    ring = np.ceil(gap.max(axis=1))
    off = (low + core / 2 - (start + stop) / 2) / core
    order = np.lexsort((np.hypot(*off.T), ring))
    return [tiles[place] for place in order.tolist()]
