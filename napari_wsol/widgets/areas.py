"""Which part of an image to work on, as boxes in its level-0 pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wsol.slides.geometry import Box

Floats = npt.NDArray[np.float64]

__all__ = ['box_around', 'shape_boxes', 'unit_factor', 'visible_box']


def box_around(points: npt.ArrayLike, shape: tuple[int, int]) -> Box | None:
    """The whole pixels that some points span, within the image.

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
        None where the points lie outside the image.
    """
    corners = np.asarray(points, float) + 0.5
    top, left = (math.floor(v) for v in corners.min(axis=0))
    bottom, right = (math.ceil(v) for v in corners.max(axis=0))
    if bottom <= top or right <= left:
        return None
    return Box(top, left, bottom - top, right - left).intersection(
        Box(0, 0, *shape)
    )


def visible_box(
    layer: Any,
    shape: tuple[int, int],
    center: tuple[float, ...],
    zoom: float,
    canvas_size: tuple[int, int],
    factor: Floats | float = 1.0,
) -> Box | None:
    """What the canvas shows of an image.

    Parameters
    ----------
    layer
        The image layer (two spatial axes).
    shape
        Height and width of the image in level-0 pixels.
    center, zoom
        Of the viewer's camera; the last two of ``center`` are (y, x) in
        world units, ``zoom`` is canvas pixels per world unit.
    canvas_size
        Height and width of the canvas in its pixels.
    factor
        Layer units per world unit, see ``unit_factor``.
    """
    half = np.asarray(canvas_size, float) / zoom / 2
    middle = np.asarray(center[-2:], float)
    corners = [
        middle + half * (sign_y, sign_x)
        for sign_y in (-1, 1)
        for sign_x in (-1, 1)
    ]
    points = [layer.world_to_data(corner * factor) for corner in corners]
    return box_around(points, shape)


def shape_boxes(
    layer: Any,
    shape: tuple[int, int],
    outlines: Iterable[npt.ArrayLike],
    shapes_layer: Any,
    factor: Floats | float = 1.0,
) -> tuple[Box, ...]:
    """The rectangles around drawn shapes, within the image.

    Parameters
    ----------
    layer
        The image layer (two spatial axes).
    shape
        Height and width of the image in level-0 pixels.
    outlines
        Vertices ``(N, 2)`` of each shape, in the shapes layer's coordinates.
    shapes_layer
        The layer that they are drawn in.
    factor
        Image layer units per shapes layer unit, see ``unit_factor``.
    """
    found = []
    for outline in outlines:
        points = [
            layer.world_to_data(
                np.asarray(shapes_layer.data_to_world(vertex))[-2:] * factor
            )
            for vertex in np.asarray(outline, float)
        ]
        box = box_around(points, shape)
        if box is not None:
            found.append(box)
    return tuple(found)


def unit_factor(
    from_units: Iterable[Any] | None, to_units: Iterable[Any] | None
) -> Floats:
    """What to multiply lengths by to go from one layer's units to another's.

    Axes whose units cannot be converted (pixels and micrometres) keep their
    numbers, as they do in napari's canvas.

    Parameters
    ----------
    from_units, to_units
        pint units per axis; the last two count. None stands for no units.
    """
    if from_units is None or to_units is None:
        return np.ones(2)
    pairs = zip(tuple(from_units)[-2:], tuple(to_units)[-2:], strict=True)
    return np.array(
        [
            (1 * have).to(want).magnitude
            if have.dimensionality == want.dimensionality
            else 1.0
            for have, want in pairs
        ]
    )
