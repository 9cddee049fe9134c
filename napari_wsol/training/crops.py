"""One crop of a view: where it lies, and what is read there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from napari_wsol.methods.terms import IGNORE
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.mirroring import read_mirrored
from napari_wsol.slides.slide import RGB
from napari_wsol.training.views import (
    PixelMap,
    View,
    field_classes,
    opened,
    seed_map,
    with_pseudo_labels,
)

Array = TypeVar('Array', bound=npt.NDArray[Any])


@dataclass(frozen=True)
class Crop:
    """Where a crop lies, in level-0 pixels, and which way up it is shown."""

    box: Box
    turns: int
    flip: bool

    def turned(self, pixels: Array) -> Array:
        """``(H, W, ...)`` as it is shown."""
        turned = np.rot90(pixels, self.turns)
        return np.ascontiguousarray(turned[::-1] if self.flip else turned)  # type: ignore[return-value]


def draw_crop(
    view: View,
    mpp: float | None,
    side: int,
    margin: int,
    scale: float,
    rng: np.random.Generator,
) -> Crop:
    """A random crop of ``side`` working pixels, ``margin`` around it.

    It lies within the view's region along each axis where that is larger,
    else centred on it, and shows it between ``1 / scale`` and ``scale``
    times its size.
    """
    slide = opened(view.path, view.mpp)
    zoom = scale ** rng.uniform(-1, 1)
    step_y, step_x = (step / zoom for step in slide.working_step(mpp))
    region = view.region
    slack_y = region.height - side * step_y
    slack_x = region.width - side * step_x
    core_y = region.y + slack_y * (rng.uniform() if slack_y > 0 else 0.5)
    core_x = region.x + slack_x * (rng.uniform() if slack_x > 0 else 0.5)
    whole = side + 2 * margin
    box = Box(
        core_y - margin * step_y,
        core_x - margin * step_x,
        whole * step_y,
        whole * step_x,
    )
    return Crop(box, int(rng.integers(4)), bool(rng.uniform() < 0.5))


def read_image(view: View, crop: Crop, side: int) -> RGB:
    """``(side, side, 3)`` uint8, mirrored where the image ends."""
    slide = opened(view.path, view.mpp)
    return crop.turned(read_mirrored(slide, crop.box, side, side))


def read_pixels(
    view: View, crop: Crop, side: int, margin: int, roi: list[int]
) -> tuple[PixelMap, npt.NDArray[np.bool_]]:
    """``(side, side)`` pixel classes, and whether they are fields'.

    -1 and False where unknown, and in the margin.
    """
    fields = field_classes(view, crop.box, side, side, roi)
    pixels = with_pseudo_labels(view, crop.box, fields)
    in_field: npt.NDArray[np.bool_] = fields != IGNORE
    return (
        crop.turned(_inside(pixels, margin, IGNORE)),
        crop.turned(_inside(in_field, margin, False)),
    )


def read_seeds(
    view: View, crop: Crop, side: int, margin: int
) -> npt.NDArray[np.float32]:
    """``(side, side)`` of the view's map, NaN where unknown and in the margin.

    See ``Batch.seeds``.
    """
    if view.seeds is None:
        return np.full((side, side), np.nan, np.float32)
    seeds = seed_map(view, crop.box, side, side)
    return crop.turned(_inside(seeds, margin, np.nan))


def _inside(pixels: Array, margin: int, fill: float) -> Array:
    """The same with ``margin`` along each side filled."""
    if margin:
        core = slice(margin, -margin)
        kept = pixels[core, core].copy()
        pixels[:] = fill
        pixels[core, core] = kept
    return pixels
