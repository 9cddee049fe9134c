"""Outlines the region in hand, and the missed ones, on the canvas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from napari.layers import Image, Shapes

from napari_wsol.widgets.overlays import is_over, note_of
from napari_wsol.widgets.palette import MISSED
from napari_wsol.widgets.placement import map_placement

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ['RegionOutline', 'thin_rings']

_POINTS = 2000
"""Corners that an outline is drawn with at most."""

_DETAIL = 1000
"""It need not be finer than this part of its length or width."""


class RegionOutline:
    """A layer with one outline, and another with what was said to be missed.

    Parameters
    ----------
    viewer
        Where the layers go.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._region = _Lines(viewer, 'region', 'Region in hand', 'white')
        self._missed = _Lines(viewer, 'missed', 'Missed regions', MISSED)

    def show(
        self,
        image: Image,
        region: shapely.Polygon | None,
        missed: Sequence[shapely.Polygon] = (),
    ) -> None:
        """Outline a region of an image, and no other any more."""
        self._region.show(image, [] if region is None else _rings(region))
        self._missed.show(image, [each.exterior for each in missed])

    def hide(self) -> None:
        """Outline nothing any more."""
        self._region.hide()
        self._missed.hide()


class _Lines:
    """Rings in a layer that stays while they change: adding one is slow."""

    def __init__(
        self, viewer: Viewer, role: str, name: str, colour: str
    ) -> None:
        self._viewer = viewer
        self._role = role
        self._look = {
            'name': name,
            'edge_color': colour,
            'face_color': 'transparent',
        }
        self._layer: Shapes | None = None
        self._rings: Sequence[shapely.LinearRing] = ()

    def show(self, image: Image, rings: Sequence[shapely.LinearRing]) -> None:
        """Show these rings, in level-0 pixels, and no others."""
        if not len(rings):
            self.hide()
            return
        paths = [_corners(ring) for ring in rings]
        width = 0.006 * max(float(np.ptp(path, 0).max()) for path in paths)
        widths = [max(1.0, width)] * len(paths)
        if not self._is_shown(image):
            self.hide()
            self._add(image, paths, widths)
        elif not _same(rings, self._rings):
            self._layer.data = paths
            self._layer.edge_width = widths
        self._rings = rings

    def hide(self) -> None:
        """Show none."""
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _is_shown(self, image: Image) -> bool:
        """Whether there is a layer, over this image."""
        layer = self._layer
        if layer is None or layer not in self._viewer.layers:
            return False
        return is_over(layer, image)

    def _add(
        self, image: Image, paths: list[np.ndarray], widths: list[float]
    ) -> None:
        active = self._viewer.layers.selection.active
        self._layer = Shapes(
            paths,
            shape_type='path',
            edge_width=widths,
            metadata=note_of(self._role, image),
            **self._look,
            **map_placement(image, (1, 1), (0, 0)),
        )
        self._viewer.add_layer(self._layer)
        self._layer.editable = False
        self._viewer.layers.selection.active = active


def thin_rings(rings: Any, tolerance: float) -> Any:
    """The outline and the holes of a polygon, for the eye.

    Corners are left out where that moves no line by more than a tolerance,
    and holes that are no larger. Rings may then cross.

    Parameters
    ----------
    rings
        Array of what ``shapely.get_rings`` gives.
    tolerance
        In the polygon's pixels.
    """
    left, top, right, bottom = shapely.bounds(rings).T
    large = np.maximum(right - left, bottom - top) > tolerance
    return shapely.simplify(rings[large], tolerance, preserve_topology=False)


def _rings(polygon: shapely.Polygon) -> Any:
    """As finely as it can be drawn fast."""
    left, top, right, bottom = polygon.bounds
    tolerance = max(right - left, bottom - top) / _DETAIL
    rings = thin_rings(shapely.get_rings(polygon), tolerance)
    while shapely.get_num_coordinates(rings).sum() > _POINTS:
        tolerance *= 2
        rings = thin_rings(rings, tolerance)
    return rings


def _same(
    rings: Sequence[shapely.LinearRing], others: Sequence[shapely.LinearRing]
) -> bool:
    return len(rings) == len(others) and bool(
        shapely.equals_exact(rings, others).all()
    )


def _corners(ring: shapely.LinearRing) -> np.ndarray:
    """In napari's data coordinates: pixel centres on whole numbers."""
    return shapely.get_coordinates(ring)[:, ::-1] - 0.5
