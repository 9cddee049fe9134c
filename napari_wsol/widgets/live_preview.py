"""What the model marks by now, as a layer that follows the training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from napari.layers import Image
from napari.utils.colormaps import Colormap

from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.overlays import note_of
from napari_wsol.widgets.palette import class_color
from napari_wsol.widgets.placement import map_placement

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ['LivePreview']

ROLE = 'preview'

SOFT = 0.2
"""Below and above one half, how far the edge of the mask is soft."""


class LivePreview:
    """One layer over one image; it comes with the first epoch.

    Parameters
    ----------
    viewer
        Where the layer goes.
    source
        The image layer that is looked at.
    """

    def __init__(self, viewer: Viewer, source: Image) -> None:
        self._viewer = viewer
        self._source = source
        self._layer: Image | None = None

    @property
    def layer(self) -> Image | None:
        """The layer, None where there is none yet or the user removed it."""
        return self._layer if self._layer in self._viewer.layers else None

    def show(self, probability: npt.NDArray[np.floating], box: Box) -> None:
        """Show what was found after an epoch.

        Parameters
        ----------
        probability
            ``(h, w)``, that a pixel belongs to a region of interest.
        box
            What it covers, in level-0 pixels of the image.
        """
        if self._source not in self._viewer.layers:
            return
        values = np.asarray(probability, np.float32)
        height, width = values.shape
        place = map_placement(
            self._source,
            (box.height / height, box.width / width),
            (box.y, box.x),
        )
        if self._layer is None:
            self._layer = self._made(values, place)
        elif self.layer is not None:
            self._layer.data = values
            for name, value in place.items():
                setattr(self._layer, name, value)

    def remove(self) -> None:
        """Take the layer away."""
        if self.layer is not None:
            self._viewer.layers.remove(self._layer)

    def _made(self, values, place) -> Image:
        layer = Image(
            values,
            name=f'Learning: {self._source.name}',
            colormap=_colormap(),
            contrast_limits=(0.0, 1.0),
            opacity=0.55,
            blending='translucent',
            interpolation2d='linear',
            visible=self._source.visible,
            metadata=note_of(ROLE, self._source),
            **place,
        )
        layers = self._viewer.layers
        selection = set(layers.selection)
        layers.insert(layers.index(self._source) + 1, layer)
        layers.selection = selection & set(layers)
        return layer


def _colormap() -> Colormap:
    """A mask whose edge is soft where the model hesitates."""
    values = np.linspace(0, 1, 256)
    colors = np.tile([*class_color(0), 1.0], (256, 1))
    colors[:, 3] = np.clip((values - 0.5 + SOFT) / (2 * SOFT), 0, 1)
    return Colormap(colors, name='mask in the making')
