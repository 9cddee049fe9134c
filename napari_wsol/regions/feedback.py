"""Decisions as fields to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import shapely

from napari_wsol.regions.decisions import Decision
from napari_wsol.slides.geometry import Box

INSIDE = 0.8
"""Share of a field that has to lie in the region that it speaks of."""

MOST = 4
"""Fields per region: large regions should not drown small ones."""

GRID = 40
"""Places that are tried along the longer side of a region, at most."""

SMALLEST = 0.25
"""Of a field's side: what is smaller teaches no pixel."""


@lru_cache(maxsize=1 << 14)
def fields_of(
    decision: Decision, side: tuple[float, float], bounds: Box
) -> tuple[Box, ...]:
    """Rectangles that lie in a region for the most part.

    Up to ``MOST`` fields of the given size that overlap by half at most,
    those farthest inside first; a rectangle that is no larger than a field
    is one itself; where none fits, the largest of their form that does,
    centred where the region is widest.

    Parameters
    ----------
    side
        Height and width of a field in level-0 pixels.
    bounds
        Of the image: fields end there.

    Returns
    -------
    tuple
        In whole level-0 pixels; none for a region too small to teach.
    """
    polygon = decision.polygon
    if (stamped := _rectangle(polygon, side)) is not None:
        return (stamped,)
    chosen: list[Box] = []
    for box in _candidates(polygon, side):
        if len(chosen) == MOST:
            break
        if _inside(box, polygon) >= INSIDE and not any(
            _overlap(box, other) > 0.5 for other in chosen
        ):
            chosen.append(box)
    if not chosen:
        chosen = list(_largest(polygon, side))
    cut = (box.intersection(bounds) for box in chosen)
    return tuple(box for box in cut if box is not None)


def _rectangle(
    polygon: shapely.Polygon, side: tuple[float, float]
) -> Box | None:
    """The field that a square around a missed region is."""
    left, top, right, bottom = polygon.bounds
    height, width = bottom - top, right - left
    fits = height <= side[0] and width <= side[1]
    if not fits or polygon.area < height * width * (1 - 1e-6):
        return None
    if min(height, width) < SMALLEST * min(side):
        return None
    return Box(top, left, height, width)


def _candidates(
    polygon: shapely.Polygon, side: tuple[float, float]
) -> Iterator[Box]:
    """Boxes on a grid, farthest from the border of the region first."""
    left, top, right, bottom = polygon.bounds
    least = max(bottom - top, right - left) / GRID
    ys = np.arange(top, bottom + 1e-6, max(side[0] / 2, least))
    xs = np.arange(left, right + 1e-6, max(side[1] / 2, least))
    y, x = (each.ravel() for each in np.meshgrid(ys, xs, indexing='ij'))
    points = shapely.points(x, y)
    shapely.prepare(polygon)
    within = shapely.contains(polygon, points)
    depth = shapely.distance(polygon.boundary, points[within])
    for place in np.argsort(-depth, kind='stable'):
        yield _around(y[within][place], x[within][place], side)


def _largest(
    polygon: shapely.Polygon, side: tuple[float, float]
) -> Iterator[Box]:
    """The largest box of a field's form around the widest place."""
    centre = shapely.maximum_inscribed_circle(polygon).coords[0]
    for scale in np.arange(1.0, SMALLEST - 1e-6, -0.05):
        box = _around(centre[1], centre[0], (side[0] * scale, side[1] * scale))
        if _inside(box, polygon) >= INSIDE:
            yield box
            return


def _around(y: float, x: float, side: tuple[float, float]) -> Box:
    height, width = (max(1, round(each)) for each in side)
    return Box(round(y - height / 2), round(x - width / 2), height, width)


def _inside(box: Box, polygon: shapely.Polygon) -> float:
    square = shapely.box(box.x, box.y, box.right, box.bottom)
    return float(square.intersection(polygon).area / square.area)


def _overlap(box: Box, other: Box) -> float:
    common = box.intersection(other)
    if common is None:
        return 0.0
    return common.height * common.width / (box.height * box.width)


def labelled_fields(
    decisions: Sequence[Decision],
    side: tuple[float, float],
    bounds: Box,
    negative_class: str,
    image_class: str | None,
) -> list[tuple[Box, str]]:
    """Fields with labels: rejected regions hold nothing, missed ones do.

    Accepted regions teach too, where the class is known.

    Parameters
    ----------
    negative_class
        Label of fields without any region of interest.
    image_class
        Of regions for which nobody named one; None leaves them out.
    """
    told: list[tuple[Box, str]] = []
    for decision in decisions:
        label = negative_class
        if decision.kind != 'rejected':
            label = decision.label or image_class or ''
        if label:
            boxes = fields_of(decision, side, bounds)
            told += [(box, label) for box in boxes]
    return told
