"""Layers that show the truth, and what they say at a map's pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels, Shapes

from napari_wsol.regions.region import Frame
from napari_wsol.regions.truth import BACKGROUND, ROI, Truth
from napari_wsol.regions.truth_masks import filled, sampled
from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.areas import unit_factor
from napari_wsol.widgets.images import image_shape
from napari_wsol.widgets.overlays import METADATA, ROLES, is_overlay

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from napari_wsol.widgets.shown_results import ShownResult

__all__ = [
    'DrawnTruth',
    'PaintedTruth',
    'asked_boxes',
    'layer_truth',
    'map_to_layer',
    'may_be_truth',
]

Floats = npt.NDArray[np.float64]

_ROUND = 1024
"""Corners of the polygon that stands for an ellipse."""

_AREAS = ('rectangle', 'ellipse', 'polygon')


@dataclass(frozen=True, eq=False)
class PaintedTruth:
    """A label image and the way to it, see ``truth_masks.sampled``."""

    levels: tuple[Any, ...]
    to_labels: Floats

    def on_map(self, shape: tuple[int, int]) -> Truth:
        """The truth at the pixels of a map ``(H, W)``; reads the layer."""
        return sampled(self.levels, self.to_labels, shape)


@dataclass(frozen=True, eq=False)
class DrawnTruth:
    """Outlines in map pixels, see ``truth_masks.filled``."""

    outlines: tuple[Floats, ...]

    def on_map(self, shape: tuple[int, int]) -> Truth:
        """The truth at the pixels of a map ``(H, W)``."""
        inside = filled(self.outlines, shape)
        return np.where(inside, np.uint8(ROI), np.uint8(BACKGROUND))


def may_be_truth(layer: Layer) -> bool:
    """Whether a layer is the user's, and painted or drawn."""
    return (
        isinstance(layer, Labels | Shapes)
        and layer.ndim == 2
        and not is_overlay(layer)
    )


def map_to_layer(layer: Layer, source: Image, frame: Frame) -> Floats:
    """The affine matrix ``(3, 3)`` from map pixels to a layer's data.

    Both have the centres of pixels on whole numbers.

    Parameters
    ----------
    layer
        Anywhere in the world, in any units.
    source
        The image that the map was made of (two spatial axes).
    frame
        Where the map lies on it.
    """
    step = np.array([frame.step_y, frame.step_x])
    origin = np.array([frame.origin_y, frame.origin_x])
    factor = unit_factor(source.units, layer.units)

    def place(pixel: tuple[int, int]) -> Floats:
        point = origin + step * pixel + (step - 1) / 2
        world = np.asarray(source.data_to_world(point)) * factor
        return np.asarray(layer.world_to_data(world), float)

    start = place((0, 0))
    matrix = np.eye(3)
    matrix[:2] = np.column_stack(
        [place((1, 0)) - start, place((0, 1)) - start, start]
    )
    return matrix


def layer_truth(
    layer: Layer, source: Image, frame: Frame
) -> PaintedTruth | DrawnTruth:
    """What a layer says of a map, as it is now.

    Parameters
    ----------
    layer
        As ``may_be_truth`` wants it.
    source, frame
        As for ``map_to_layer``.
    """
    matrix = map_to_layer(layer, source, frame)
    if isinstance(layer, Labels):
        levels = tuple(layer.data) if layer.multiscale else (layer.data,)
        return PaintedTruth(levels, matrix)
    back = np.linalg.inv(matrix)
    return DrawnTruth(
        tuple(
            corners @ back[:2, :2].T + back[:2, 2] for corners in _areas(layer)
        )
    )


def asked_boxes(shown: ShownResult) -> tuple[Box, ...]:
    """Where the model looked: the boxes of its run, or the whole image."""
    layers = filter(None, map(shown.overlays.layer, ROLES))
    for layer in layers:
        boxes = layer.metadata[METADATA]['settings'].get('boxes', ())
        if boxes:
            return tuple(Box(**box) for box in boxes)
    return (Box(0, 0, *image_shape(shown.source)),)


def _areas(layer: Shapes) -> Sequence[Floats]:
    """Corners of the shapes that enclose something; lines do not."""
    return [
        _ellipse(corners) if kind == 'ellipse' else np.asarray(corners, float)
        for corners, kind in zip(layer.data, layer.shape_type, strict=True)
        if kind in _AREAS
    ]


def _ellipse(box: npt.ArrayLike) -> Floats:
    """The ellipse in a box of four corners, which may be turned."""
    first, second, third, _ = np.asarray(box, float)
    turn = 2 * np.pi * np.arange(_ROUND)[:, None] / _ROUND
    middle = (first + third) / 2
    across, down = (second - first) / 2, (third - second) / 2
    return middle + np.cos(turn) * across + np.sin(turn) * down
