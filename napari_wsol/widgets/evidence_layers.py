"""Evidence maps of a region's surroundings, as layers over its image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image

from napari_wsol.inference.explanation import Explanation
from napari_wsol.widgets.overlays import note_of
from napari_wsol.widgets.palette import map_colormap
from napari_wsol.widgets.placement import map_placement
from napari_wsol.widgets.why_wording import KINDS

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ['EvidenceLayers']

ROLE = 'evidence'


class EvidenceLayers:
    """One layer per kind of map; they go when another region is explained.

    Parameters
    ----------
    viewer
        Where the layers go.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layers: dict[str, Image] = {}

    @property
    def kinds(self) -> frozenset[str]:
        """The maps that are shown; those the user removed are not."""
        return frozenset(
            kind
            for kind, layer in self._layers.items()
            if layer in self._viewer.layers
        )

    def show(self, source: Image, found: Explanation, kind: str) -> None:
        """Show a map over the image that it was made of.

        An image that was closed meanwhile has nothing shown over it.
        """
        layers = self._viewer.layers
        if kind in self.kinds or source not in layers:
            return
        values = dict(found.maps)[kind]
        layer = self._layers[kind] = Image(
            values,
            name=f'{KINDS[kind]}: {source.name}',
            colormap=map_colormap('probability'),
            contrast_limits=(0.0, 1.0),
            opacity=0.7,
            blending='translucent',
            interpolation2d='linear',
            metadata=note_of(
                ROLE, source, **{'map': kind, 'class': found.target}
            ),
            **map_placement(
                source, found.step(values), (found.crop.y, found.crop.x)
            ),
        )
        selection = set(layers.selection)
        layers.insert(layers.index(source) + 1, layer)
        layers.selection = selection & set(layers)

    def hide(self, kind: str) -> None:
        """Take a map away."""
        layer = self._layers.pop(kind, None)
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def clear(self) -> None:
        """Take all maps away."""
        for kind in tuple(self._layers):
            self.hide(kind)
