"""Takes the camera to an image or a field, opening the file if need be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image

from napari_wsol.errors import BadInputError
from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.areas import unit_factor
from napari_wsol.widgets.images import image_path, image_shape
from napari_wsol.widgets.overlays import METADATA, is_over, is_overlay
from napari_wsol.widgets.reader import get_reader

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ['fly_to', 'fly_to_layer', 'open_image', 'opened_image', 'show_only']

_MARGIN = 1.15
"""How much wider than a whole image the view becomes."""

_WENT = 'went_with_image'
"""Notes on a layer that it was hidden when its image was left."""

_SURROUNDINGS = 2.5
"""How much wider than a field the view becomes."""


def opened_image(viewer: Viewer, path: Path) -> Image | None:
    """The layer that shows a file, None where it is not open."""
    for layer in viewer.layers:
        if isinstance(layer, Image) and not is_overlay(layer):
            found = image_path(layer)
            if found is not None and found.resolve() == path.resolve():
                return layer
    return None


def open_image(viewer: Viewer, path: Path) -> Image:
    """The layer that shows a file, opened if it is not yet.

    Raises
    ------
    BadInputError
        Where the file is not there or cannot be opened.
    """
    layer = opened_image(viewer, path)
    if layer is not None:
        return layer
    if not path.exists():
        raise BadInputError(
            f'"{path.name}" is no longer in "{path.parent}". Its label is '
            'kept. Bring the file back to see it.'
        )
    ours = get_reader(str(path)) is not None
    try:
        layers = viewer.open(
            str(path), plugin='napari-wsol' if ours else 'napari'
        )
    except Exception as error:
        raise BadInputError(
            f'"{path.name}" could not be opened ({error}).'
        ) from error
    return layers[0]


def fly_to(viewer: Viewer, path: Path, box: Box | None = None) -> Image:
    """Show a file's layer with an area of it in the middle of the canvas.

    Parameters
    ----------
    viewer
        Its camera is moved.
    path
        Of the image.
    box
        A field in level-0 pixels; None shows the whole image.

    Raises
    ------
    BadInputError
        Where the file is not there or cannot be opened.
    """
    layer = open_image(viewer, path)
    show_only(viewer, layer)
    viewer.layers.selection.active = layer
    fly_to_layer(viewer, layer, box)
    return layer


def fly_to_layer(
    viewer: Viewer,
    layer: Image,
    box: Box | None = None,
    wider: float | None = None,
) -> None:
    """Put an area of an image that is open in the middle of the canvas.

    Parameters
    ----------
    box
        In level-0 pixels; None shows the whole image.
    wider
        Of the view over the area; None takes what suits a field.
    """
    if wider is None:
        wider = _MARGIN if box is None else _SURROUNDINGS
    box = box or Box(0, 0, *image_shape(layer))
    factor = unit_factor(layer.units, viewer.layers.units)
    corners = (
        np.array(
            [
                layer.data_to_world(corner)
                for corner in (
                    (box.y - 0.5, box.x - 0.5),
                    (box.y - 0.5, box.right - 0.5),
                    (box.bottom - 0.5, box.right - 0.5),
                    (box.bottom - 0.5, box.x - 0.5),
                )
            ]
        )
        * factor
    )
    low, high = corners.min(axis=0), corners.max(axis=0)
    camera = viewer.scene.camera
    camera.center = (0, *((low + high) / 2))
    room = np.asarray(viewer.canvas.size, float) / (high - low)
    camera.zoom = float(room.min() / wider)


def show_only(viewer: Viewer, image: Image) -> None:
    """Show an image, and hide the others that would lie over it.

    Layers that belong to an image (results, fields) go with it, and those
    that went come back with it; layers of the user's that are no images stay
    as they are. With napari's grid nothing lies over anything, so nothing is
    hidden.
    """
    if viewer.canvas.grid.enabled:
        image.visible = True
        return
    for layer in viewer.layers:
        noted = layer.metadata.get(METADATA, {})
        if layer is image:
            layer.visible = True
        elif 'role' in noted:
            if is_over(layer, image):
                layer.visible = noted.pop(_WENT, False) or layer.visible
            elif layer.visible:
                layer.visible, noted[_WENT] = False, True
        elif isinstance(layer, Image):
            layer.visible = False
