"""Outlines the region in hand, and the missed ones, on the canvas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import shapely
from napari.layers import Image, Shapes

from napari_wsol.widgets.overlays import METADATA
from napari_wsol.widgets.placement import map_placement

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ['RegionOutline']

_POINTS = 2000
"""Corners above which an outline is simplified, to a level-0 pixel and more.
"""

MISSED = '#0072b2'


class RegionOutline:
    """A layer with one outline, and with what was said to be missed.

    Parameters
    ----------
    viewer
        Where the layer goes.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layer: Shapes | None = None

    def show(
        self,
        image: Image,
        region: shapely.Polygon | None,
        missed: Sequence[shapely.Polygon] = (),
    ) -> None:
        """Outline a region of an image, and no other any more."""
        rings = [
            (ring, 'white')
            for ring in ([] if region is None else _rings(region))
        ]
        rings += [(each.exterior, MISSED) for each in missed]
        if not rings:
            self.hide()
            return
        paths = [_corners(ring) for ring, _ in rings]
        colours = [colour for _, colour in rings]
        width = 0.006 * max(float(np.ptp(path, 0).max()) for path in paths)
        active = self._viewer.layers.selection.active
        self.hide()
        self._layer = Shapes(
            paths,
            shape_type='path',
            name='Region in hand',
            edge_color=colours,
            face_color='transparent',
            edge_width=max(1.0, width),
            metadata={
                METADATA: {
                    'role': 'region',
                    'source_id': str(image.unique_id),
                }
            },
            **map_placement(image, (1, 1), (0, 0)),
        )
        self._viewer.add_layer(self._layer)
        self._layer.editable = False
        self._viewer.layers.selection.active = active

    def hide(self) -> None:
        """Outline nothing any more."""
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)


def _rings(polygon: shapely.Polygon) -> list[shapely.LinearRing]:
    tolerance = 1.0
    while shapely.get_num_coordinates(polygon) > _POINTS:
        polygon = polygon.simplify(tolerance)
        tolerance *= 2
    return [polygon.exterior, *polygon.interiors]


def _corners(ring: shapely.LinearRing) -> np.ndarray:
    """In napari's data coordinates: pixel centres on whole numbers."""
    return np.stack(ring.xy[::-1], 1) - 0.5
