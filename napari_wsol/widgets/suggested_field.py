"""Outlines the suggestion that awaits its answer on the canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image, Shapes

from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.field_boxes import outline
from napari_wsol.widgets.overlays import note_of
from napari_wsol.widgets.placement import map_placement

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ['SuggestedField']

_EDGE_SHARE = 0.02


class SuggestedField:
    """A white outline around one field; a layer of its own while shown.

    Parameters
    ----------
    viewer
        Where the layer goes.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layer: Shapes | None = None

    def show(self, image: Image, box: Box) -> None:
        """Outline a field of an image, and no other any more."""
        self.hide()
        active = self._viewer.layers.selection.active
        self._layer = Shapes(
            [outline(box)],
            shape_type='rectangle',
            name='Suggested field',
            edge_color='white',
            face_color='transparent',
            edge_width=_EDGE_SHARE * max(box.height, box.width),
            metadata=note_of('suggestion', image),
            **map_placement(image, (1, 1), (0, 0)),
        )
        self._viewer.add_layer(self._layer)
        self._viewer.layers.selection.active = active

    def hide(self) -> None:
        """Outline nothing any more."""
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
