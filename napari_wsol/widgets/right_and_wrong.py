"""Shows on the canvas where a mask is right, and where it is wrong."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.colormaps.standardize_color import transform_color

from napari_wsol.regions.region import Frame
from napari_wsol.regions.truth import Truth
from napari_wsol.widgets.overlays import note_of
from napari_wsol.widgets.placement import map_placement
from napari_wsol.widgets.truth_wording import COLOURS

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_wsol.widgets.overlays import Overlays
    from napari_wsol.widgets.shown_results import ShownResult

__all__ = ['ROLE', 'RightAndWrong']

ROLE = 'truth'

_OPACITY = 0.6


class RightAndWrong:
    """One layer over an image, in the place of its mask.

    The mask is hidden meanwhile: its colours mean something else.

    Parameters
    ----------
    viewer
        Where the layer goes.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layer: Labels | None = None
        self._source: Image | None = None
        self._replaced: Overlays | None = None

    @property
    def was_removed(self) -> bool:
        """Whether somebody else removed the layer since it was shown."""
        layer = self._layer
        return layer is not None and layer not in self._viewer.layers

    def show(self, shown: ShownResult, errors: Truth, frame: Frame) -> None:
        """Show the errors of a result.

        Parameters
        ----------
        errors
            ``(h, w)`` as ``Judgement.errors`` gives them.
        frame
            Where they lie on the image.
        """
        source = shown.source
        place = map_placement(
            source,
            (frame.step_y, frame.step_x),
            (frame.origin_y, frame.origin_x),
        )
        if self._source is source and not self.was_removed:
            self._layer.data = errors
            for name, value in place.items():
                setattr(self._layer, name, value)
            return
        self.hide()
        self._add(source, errors, place)
        self._replace(shown.overlays)

    def hide(self) -> None:
        """Remove the layer, and show the mask again if it was hidden."""
        layer, self._layer, self._source = self._layer, None, None
        overlays, self._replaced = self._replaced, None
        mask = None if overlays is None else overlays.layer('mask')
        if mask is not None:
            mask.visible = True
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _add(self, source: Image, errors: Truth, place: dict) -> None:
        layers = self._viewer.layers
        selection = set(layers.selection)
        self._layer = Labels(
            errors,
            name=f'Right and wrong: {source.name}',
            colormap=_colormap(),
            opacity=_OPACITY,
            metadata=note_of(ROLE, source),
            **place,
        )
        self._source = source
        layers.append(self._layer)
        self._layer.editable = False
        layers.selection = selection

    def _replace(self, overlays: Overlays) -> None:
        mask = overlays.layer('mask')
        if mask is not None and mask.visible:
            mask.visible = False
            self._replaced = overlays


def _colormap() -> DirectLabelColormap:
    clear = np.zeros(4, np.float32)
    colours = {
        value: transform_color(colour)[0] for value, colour in COLOURS.items()
    }
    return DirectLabelColormap(
        color_dict=defaultdict(
            lambda: clear, {None: clear, 0: clear, **colours}
        )
    )
