"""Outlines of regions along the edges of their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from napari_wsol.regions.corners import Rings
from napari_wsol.regions.labelling import Labels
from napari_wsol.regions.region import Frame, Integers


@dataclass(frozen=True, eq=False)
class Outlines:
    """Polygons with holes of N regions: exactly their pixels.

    A ring keeps the region on its right, the y axis pointing down: outer
    rings run clockwise on the screen, holes against it. A hole may touch
    another ring in points, never along an edge.

    Parameters
    ----------
    y, x
        ``(V,)`` corners of all rings in map pixels, from the map's top-left
        corner; rings are not closed, edges are upright or level in turn.
    rings
        ``(R + 1,)`` where each ring begins among the corners, and the end.
    regions
        ``(N + 1,)`` where each region begins among the rings, and the end.
        Its first ring is the outer one, the others are holes.
    frame
        Where the map lies on the slide.
    """

    y: Labels
    x: Labels
    rings: Integers
    regions: Integers
    frame: Frame

    def __len__(self) -> int:
        return len(self.regions) - 1

    def polygon(self, number: int) -> shapely.Polygon:
        """A region by its number, from 1 on, in level-0 pixels ``(x, y)``."""
        if not 1 <= number <= len(self):
            raise IndexError(f'there are {len(self)} regions, no {number}')
        first, last = self.regions[number - 1 : number + 1]
        bounds = self.rings[first : last + 1]
        inside = slice(bounds[0], bounds[-1])
        points = np.column_stack(
            [
                self.frame.origin_x + self.x[inside] * self.frame.step_x,
                self.frame.origin_y + self.y[inside] * self.frame.step_y,
            ]
        )
        outer, *holes = np.split(points, bounds[1:-1] - bounds[0])
        return shapely.Polygon(outer, holes)

    @property
    def corners(self) -> Integers:
        """``(N + 1,)`` where each region begins among the corners."""
        return np.asarray(self.rings[self.regions])

    def upright(self) -> Labels:
        """``(V,)`` step along y from each corner to the next."""
        return _steps(self.y, self.rings)

    def lengths(self) -> tuple[Integers, Integers]:
        """``(N,)`` length of upright and of level edges in map pixels."""
        if not len(self):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        first = self.corners[:-1]
        along_y, along_x = (
            np.add.reduceat(
                np.abs(_steps(values, self.rings)), first, dtype=np.int64
            )
            for values in (self.y, self.x)
        )
        return along_y, along_x


def outlined(parts: Sequence[Rings], count: int, frame: Frame) -> Outlines:
    """The outlines of ``count`` regions from their rings, in order."""
    nothing = np.zeros(0, np.int32)
    sizes = [len(each.y) for each in parts]
    before = np.cumsum([0, *sizes])
    starts = [
        each.starts + start
        for each, start in zip(parts, before[:-1], strict=True)
    ]
    owner = np.concatenate([nothing, *(each.owner for each in parts)])
    return Outlines(
        np.concatenate([nothing, *(each.y for each in parts)]),
        np.concatenate([nothing, *(each.x for each in parts)]),
        np.concatenate([*starts, before[-1:]]).astype(np.int64),
        np.searchsorted(owner, np.arange(1, count + 2)).astype(np.int64),
        frame,
    )


def _steps(values: Labels, rings: Integers) -> Labels:
    """From each value to the next, from a ring's last to its first."""
    steps = np.empty_like(values)
    np.subtract(values[1:], values[:-1], out=steps[:-1])
    first, last = rings[:-1], rings[1:] - 1
    steps[last] = values[first] - values[last]
    return steps
