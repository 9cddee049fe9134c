"""Fields as rectangles: from the canvas to boxes and back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_wsol.slides.geometry import Box

Floats = npt.NDArray[np.float64]

__all__ = ['SMALLEST', 'nearest_box', 'outline', 'stamped_box']

SMALLEST = 4
"""A field is at least so many level-0 pixels high and wide."""


def nearest_box(points: npt.ArrayLike, shape: tuple[int, int]) -> Box | None:
    """The rectangle around some points, rounded to whole pixels.

    Unlike ``areas.box_around`` it does not grow where its corners lie
    between pixels, so that moving a field keeps its size.

    Parameters
    ----------
    points
        ``(N, 2)``, rows of (y, x) in napari's data coordinates, where pixel
        centres lie on whole numbers.
    shape
        Height and width of the image in level-0 pixels.

    Returns
    -------
    Box or None
        None where less than ``SMALLEST`` pixels of it lie in the image.
    """
    corners = np.asarray(points, float) + 0.5
    top, left = np.rint(corners.min(axis=0))
    bottom, right = np.rint(corners.max(axis=0))
    if min(bottom - top, right - left) < 1:
        return None
    box = Box(
        float(top), float(left), float(bottom - top), float(right - left)
    ).intersection(Box(0, 0, *shape))
    if box is None or min(box.height, box.width) < SMALLEST:
        return None
    return box


def stamped_box(
    point: tuple[float, float],
    sides: tuple[float, float],
    shape: tuple[int, int],
) -> Box | None:
    """The field of a given size whose middle is nearest to a point.

    It is shifted into the image where it would reach over its border, and
    cut only where it is larger than the image.

    Parameters
    ----------
    point
        (y, x) in napari's data coordinates.
    sides
        Height and width of the field in level-0 pixels.
    shape
        Height and width of the image in level-0 pixels.

    Returns
    -------
    Box or None
        None where the point lies outside the image.
    """
    places = []
    for centre, side, extent in zip(point, sides, shape, strict=True):
        middle = centre + 0.5
        if not 0 <= middle <= extent:
            return None
        length = min(max(SMALLEST, round(side)), extent)
        start = min(max(0, round(middle - length / 2)), extent - length)
        places.append((float(start), float(length)))
    (top, height), (left, width) = places
    return Box(top, left, height, width)


def outline(box: Box) -> Floats:
    """The corners of a box in napari's data coordinates, ``(4, 2)``."""
    top, left = box.y - 0.5, box.x - 0.5
    bottom, right = box.bottom - 0.5, box.right - 0.5
    return np.array(
        [(top, left), (top, right), (bottom, right), (bottom, left)]
    )
