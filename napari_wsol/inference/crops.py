"""A part of a slide of bounded size, as a network reads it in one piece."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_wsol.errors import BadInputError
from napari_wsol.models.card import ModelCard
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.mirroring import read_mirrored
from napari_wsol.slides.slide import Slide


@dataclass(frozen=True)
class Crop:
    """Where it lies, in level-0 pixels, and its size in working pixels."""

    box: Box
    shape: tuple[int, int]


def crop_about(
    slide: Slide,
    box: Box,
    mpp: float | None,
    *,
    least: int,
    most: int,
    multiple: int,
    context: float = 1.0,
    centre: tuple[float, float] | None = None,
) -> Crop:
    """The crop about a box, inside the slide.

    A side that the slide is too short for is the slide's, resampled to the
    nearest multiple, as in training; all others are at the exact mpp.

    Parameters
    ----------
    box
        In level-0 pixels.
    mpp
        Working µm per pixel; None works on level-0 pixels.
    least, most
        Sides in working pixels: a smaller box gets some context, of a
        larger one the part about ``centre`` is taken.
    multiple
        Of working pixels that both sides are.
    context
        How many times larger than the box the crop is, within these limits.
    centre
        ``(y, x)`` in level-0 pixels; None is that of the box.

    Raises
    ------
    BadInputError
        Where the box lies outside the slide, or its pixel size is needed
        and not known.
    """
    if box.intersection(slide.box) is None:
        raise BadInputError(f'The area lies outside "{slide.name}".')
    step_y, step_x = slide.working_step(mpp)
    middle = centre or (box.y + box.height / 2, box.x + box.width / 2)
    (y, height, rows), (x, width, columns) = (
        _side(context * length, end, at, step, least, most, multiple)
        for length, end, at, step in zip(
            (box.height, box.width),
            slide.shape,
            middle,
            (step_y, step_x),
            strict=True,
        )
    )
    return Crop(Box(y, x, height, width), (rows, columns))


def read_crop(
    slide: Slide, crop: Crop, card: ModelCard, *, margin: int = 0
) -> Tensor:
    """Normalised pixels ``(1, 3, H, W)`` float32.

    Parameters
    ----------
    margin
        Working pixels of context on each side, mirrored at the slide's end.
    """
    height, width = crop.shape
    step_y, step_x = crop.box.height / height, crop.box.width / width
    pixels = read_mirrored(
        slide,
        Box(
            crop.box.y - margin * step_y,
            crop.box.x - margin * step_x,
            crop.box.height + 2 * margin * step_y,
            crop.box.width + 2 * margin * step_x,
        ),
        height + 2 * margin,
        width + 2 * margin,
    )
    # (1, H, W, 3) seen as (1, 3, H, W) is channels-last already.
    image = torch.from_numpy(np.ascontiguousarray(pixels))[None]
    mean, std = (
        torch.tensor(each)[:, None, None]
        for each in (card.normalization.mean, card.normalization.std)
    )
    return (image.permute(0, 3, 1, 2).float() / 255 - mean) / std


def _side(
    length: float,
    end: int,
    middle: float,
    step: float,
    least: int,
    most: int,
    multiple: int,
) -> tuple[float, float, int]:
    """Start and length in level-0 pixels, and length in working pixels."""
    wanted = min(max(length / step, least), most)
    count = max(1, min(math.ceil(wanted / multiple), most // multiple))
    covered = count * multiple * step
    if covered >= end:
        count = max(1, round(end / step / multiple))
        return 0.0, float(end), count * multiple
    start = min(max(0.0, middle - covered / 2), end - covered)
    return start, covered, count * multiple
