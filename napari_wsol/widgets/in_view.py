"""The image that the user is looking at, and which part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image

from napari_wsol.slides.geometry import Box
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.widgets.areas import unit_factor, visible_box
from napari_wsol.widgets.images import (
    image_path,
    image_shape,
    known_pixel_size,
    why_not,
)
from napari_wsol.widgets.overlays import is_overlay
from napari_wsol.widgets.pixel_sizes import entered_pixel_size

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_wsol.projects.project import Project

__all__ = [
    'active_image',
    'box_in_view',
    'seen_box',
    'stated_pixel_size',
    'usable_images',
]


def usable_images(viewer: Viewer) -> list[Image]:
    """The image layers that a model can work on, uppermost first."""
    return [
        layer
        for layer in reversed(viewer.layers)
        if isinstance(layer, Image)
        and not is_overlay(layer)
        and not why_not(layer)
    ]


def active_image(viewer: Viewer) -> Image | None:
    """The selected image, else the uppermost one that is shown."""
    images = usable_images(viewer)
    active = viewer.layers.selection.active
    if active in images:
        return active
    shown = [layer for layer in images if layer.visible]
    return next(iter(shown or images), None)


def seen_box(viewer: Viewer, layer: Image) -> Box | None:
    """What the canvas shows of an image, in level-0 pixels, if anything."""
    scene = viewer.scene
    return visible_box(
        layer,
        image_shape(layer),
        scene.camera.center,
        scene.camera.zoom,
        viewer.canvas.size,
        unit_factor(viewer.layers.units, layer.units),
    )


def box_in_view(viewer: Viewer, layer: Image, side: float) -> Box | None:
    """The middle of what the canvas shows of an image.

    Parameters
    ----------
    side
        Longest side of the box, in level-0 pixels; an image that is no
        larger is taken whole, wherever the camera is.

    Returns
    -------
    Box or None
        In whole level-0 pixels; None where the image is not in view.
    """
    shape = image_shape(layer)
    if max(shape) <= side:
        return Box(0, 0, *shape)
    seen = seen_box(viewer, layer)
    if seen is None:
        return None
    height, width = min(seen.height, side), min(seen.width, side)
    return Box(
        round(seen.y + (seen.height - height) / 2),
        round(seen.x + (seen.width - width) / 2),
        max(1, round(height)),
        max(1, round(width)),
    )


def stated_pixel_size(layer: Image, project: Project) -> PixelSize | None:
    """As the layer says it, else as it was stated for the project's items."""
    size = known_pixel_size(layer).pixel_size
    path = image_path(layer)
    if size is not None or path is None:
        return size
    return next(
        (
            entered_pixel_size(item.mpp)
            for item in project.items.values()
            if item.image == path and item.mpp
        ),
        None,
    )
