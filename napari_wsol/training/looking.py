"""One look of a model at an image or a field, quicker than a run over it.

Where an area fits, it goes through the network in one piece with some
context around it, as it does in training; a slide is run over tile by tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from zarr.storage import MemoryStore

from napari_wsol.errors import BadInputError
from napari_wsol.inference.devices import resolve_device
from napari_wsol.inference.predicting import predict
from napari_wsol.inference.settings import (
    DeviceChoice,
    Prediction,
    PredictionSettings,
)
from napari_wsol.inference.summary import class_probabilities, entropy
from napari_wsol.methods.terms import IGNORE
from napari_wsol.models.loading import LoadedModel
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.slide import Slide
from napari_wsol.training.scanning import Scanner
from napari_wsol.training.views import View, opened

FloatMap = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

LARGEST_LOOK = 1536**2
"""Working pixels of the largest area that is looked at in one piece."""

MARGIN = 64
"""Context on each side, in working pixels."""


@dataclass(frozen=True)
class Look:
    """What a model says of an area.

    Entropies are of the class probabilities, divided by log(K), of the whole
    area, its foreground only and its background only.

    Parameters
    ----------
    probabilities, background
        Of each class; ``background`` with the foreground hidden.
    marked
        Share of the area whose ROI probability reaches the threshold.
    area
        What was looked at, in level-0 pixels.
    map
        ROI probability of the area, ``(h, w)`` at the network's stride; None
        for what was run over tile by tile.
    features
        Mean of the encoder's last map, ``(C,)``; None as for ``map``.
    """

    probabilities: tuple[float, ...]
    background: tuple[float, ...]
    entropy: float
    entropy_foreground: float
    entropy_background: float
    marked: float
    area: Box
    map: FloatMap | None = None
    features: FloatMap | None = None


def look_at(
    model: LoadedModel,
    path: Path,
    mpp: float | None = None,
    box: Box | None = None,
    *,
    device: DeviceChoice = 'auto',
) -> Look:
    """Look at an image, or at a field of it.

    Parameters
    ----------
    mpp
        µm per pixel of level 0, where the file does not state it.
    box
        The field, in level-0 pixels; None is the whole image.

    Raises
    ------
    BadInputError
        Where the image cannot be read, its pixel size is needed and not
        known, or it shows no tissue.
    """
    slide = opened(path, mpp)
    area = slide.box if box is None else box
    if _working_pixels(slide, area, model.card.mpp) > LARGEST_LOOK:
        return _run_over(slide, model, area, device)
    model.network.to(resolve_device(device))
    view = View(path, mpp, area, IGNORE, ())
    return _look(model, view)


def within_reach(slide: Slide, box: Box, mpp: float | None) -> Box:
    """The middle of a box that is small enough for one piece.

    Parameters
    ----------
    mpp
        Working µm per pixel.
    """
    inside = box.intersection(slide.box) or slide.box
    pixels = _working_pixels(slide, inside, mpp)
    if pixels <= LARGEST_LOOK:
        return inside
    share = (LARGEST_LOOK / pixels) ** 0.5
    height, width = share * inside.height, share * inside.width
    return Box(
        inside.y + (inside.height - height) / 2,
        inside.x + (inside.width - width) / 2,
        height,
        width,
    )


@torch.inference_mode()
def map_of(
    model: LoadedModel,
    path: Path,
    mpp: float | None,
    box: Box,
    *,
    device: DeviceChoice = 'auto',
) -> tuple[FloatMap, Box]:
    """ROI probability ``(h, w)`` of the middle of a box, and what it covers.

    The middle is all of the box that fits into one piece.

    Raises
    ------
    BadInputError
        As ``look_at``.
    """
    area = within_reach(opened(path, mpp), box, model.card.mpp)
    model.network.to(resolve_device(device))
    view = View(path, mpp, area, IGNORE, ())
    _, features = _seen(model, view)
    return _roi(model, features)[0, 0].cpu().numpy(), area


@torch.inference_mode()
def _look(model: LoadedModel, view: View) -> Look:
    network, card = model.network, model.card
    image, features = _seen(model, view)
    roi = _roi(model, features)
    whole = network.classifier(features[-1])
    scores = network.seen_apart(image, whole, roi)[0].flatten(2)
    all_of_it, foreground, background = (
        class_probabilities(_cells(each), model) for each in scores
    )
    return Look(
        tuple(all_of_it.tolist()),
        tuple(background.tolist()),
        entropy(all_of_it),
        entropy(foreground),
        entropy(background),
        float((roi >= card.threshold).float().mean()),
        view.region,
        roi[0, 0].cpu().numpy(),
        features[-1][0].mean((1, 2)).cpu().numpy(),
    )


def _seen(model: LoadedModel, view: View) -> tuple[Tensor, list[Tensor]]:
    """Normalised pixels ``(1, 3, H, W)`` and the encoder's maps of them."""
    card = model.card
    scanner = Scanner(card.normalization, card.mpp, margin=MARGIN)
    pixels, maps = scanner.features(model.network, view)
    device = model.network.pixel_temperature.device
    return pixels[None].to(device), [each[None].to(device) for each in maps]


def _roi(model: LoadedModel, features: list[Tensor]) -> Tensor:
    """``(1, 1, h, w)`` in [0, 1]."""
    network = model.network
    logits = network.pixel_logits(network.localizer_maps(features)).float()
    return 1 - (logits / network.pixel_temperature).softmax(1)[:, :1]


def _cells(scores: Tensor) -> FloatMap:
    """``(C, N)`` class maps as an array."""
    cells: FloatMap = scores.cpu().numpy()
    return cells


def _run_over(
    slide: Slide, model: LoadedModel, area: Box, device: DeviceChoice
) -> Look:
    settings = PredictionSettings(boxes=(area,), device=device)
    found = _result(slide, model, settings)
    if (
        found.class_probabilities is None
        or found.background_probabilities is None
        or found.entropy_image is None
        or found.entropy_foreground is None
        or found.entropy_background is None
    ):
        raise BadInputError(f'No tissue was found in "{slide.name}".')
    return Look(
        found.class_probabilities,
        found.background_probabilities,
        found.entropy_image,
        found.entropy_foreground,
        found.entropy_background,
        found.foreground_fraction,
        area,
    )


def _result(
    slide: Slide, model: LoadedModel, settings: PredictionSettings
) -> Prediction:
    events = predict(slide, model, MemoryStore(), settings)
    while True:
        try:
            next(events)
        except StopIteration as end:
            prediction: Prediction = end.value
            return prediction


def _working_pixels(slide: Slide, area: Box, mpp: float | None) -> float:
    step_y, step_x = slide.working_step(mpp)
    return area.height / step_y * area.width / step_x
