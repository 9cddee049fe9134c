"""A run before it begins: every choice made."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from napari_wsol.errors import BadInputError
from napari_wsol.inference.area import Area
from napari_wsol.inference.devices import resolve_device, resolve_precision
from napari_wsol.inference.fingerprint import fingerprint, image_identity
from napari_wsol.inference.grid import CORE_MULTIPLE, Grid, make_grid
from napari_wsol.inference.layout import StoreSpec
from napari_wsol.inference.settings import Prediction, PredictionSettings
from napari_wsol.inference.target import Target, describe
from napari_wsol.models.card import ModelCard
from napari_wsol.models.loading import LoadedModel
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.pixel_size import PixelSize, require_pixel_size
from napari_wsol.slides.slide import Slide

SMALLEST_TILE = 256
"""Working pixels; smaller ones would be mostly halo."""

CLASS_MAP_THRESHOLD = 0.5
"""For maps stretched over an image, which no threshold was learned for."""

_FORMAT = 2
"""Part of every fingerprint; raised when the same input gives other maps."""


@dataclass(frozen=True)
class Job:
    """What to run, where, and how; ``threshold`` is the one to be used."""

    slide: Slide
    model: LoadedModel
    target: Target
    settings: PredictionSettings
    pixel_size: PixelSize | None
    threshold: float
    device: torch.device
    precision: torch.dtype
    identity: str
    grid: Grid
    boxes: Area

    @property
    def fingerprint(self) -> str:
        """Names everything that the maps depend on."""
        size, settings = self.pixel_size, self.settings
        return fingerprint(
            {
                'format': _FORMAT,
                'image': self.identity,
                'model': self.model.sha256,
                'grid': self.grid,
                'boxes': self.boxes.boxes,
                'tissue_only': settings.tissue_only,
                'map': settings.map,
                'classify': settings.classify,
                'threshold': self.threshold,
                'device': self.device.type,
                'precision': self.precision,
                'pixel_size': None if size is None else (size.y, size.x),
            }
        )


def make_job(
    slide: Slide,
    model: LoadedModel,
    target: Target,
    settings: PredictionSettings,
    identity: str | None,
) -> Job:
    """Settle what is left open, and refuse what cannot be done.

    Raises
    ------
    PixelSizeError, BadInputError
        As ``inference.predicting.predict``.
    """
    card, network = model.card, model.network
    pixel_size = slide.pixel_size
    step = (1.0, 1.0)
    if card.mpp is not None:
        pixel_size = require_pixel_size(pixel_size, slide.name)
        step = card.mpp / pixel_size.y, card.mpp / pixel_size.x
    elif pixel_size is not None and not pixel_size.is_plausible:
        pixel_size = None
    asked = settings.boxes or (slide.box,)
    boxes = tuple(filter(None, (box.intersection(slide.box) for box in asked)))
    if not boxes:
        raise BadInputError(
            f'The selected areas lie outside the image "{slide.name}".'
        )
    device = resolve_device(settings.device)
    return Job(
        slide=slide,
        model=model,
        target=target,
        settings=settings,
        pixel_size=pixel_size,
        threshold=threshold_of(card, settings),
        device=device,
        precision=resolve_precision(settings.precision, device),
        identity=identity or image_identity(slide),
        grid=make_grid(
            slide.shape,
            step,
            tile=settings.tile or tile_side(card.tile, boxes, step),
            halo=card.halo,
            stride=(
                network.stride
                if settings.map == 'localizer'
                else network.class_stride
            ),
            class_stride=network.class_stride,
        ),
        boxes=Area(boxes),
    )


def tile_side(
    largest: int, boxes: tuple[Box, ...], step: tuple[float, float]
) -> int:
    """Side of a tile in working pixels: small areas do not pay for more."""
    side = max(max(b.height / step[0], b.width / step[1]) for b in boxes)
    whole = math.ceil(side / CORE_MULTIPLE) * CORE_MULTIPLE
    return min(largest, max(SMALLEST_TILE, whole))


def threshold_of(card: ModelCard, settings: PredictionSettings) -> float:
    """The ROI probability from which a run marks pixels."""
    if settings.threshold is not None:
        return settings.threshold
    if settings.map != 'localizer':
        return CLASS_MAP_THRESHOLD
    return card.threshold


def store_spec(job: Job, batch: int) -> StoreSpec:
    """What the store of a run holds, and what names its content.

    Parameters
    ----------
    batch
        Tiles per batch to begin with.
    """
    card, size = job.model.card, job.pixel_size
    network = job.model.network
    labels = card.roi_classes
    is_localizer = job.settings.map == 'localizer'
    channels = network.pixel_channels if is_localizer else 2
    if channels - 1 != len(labels):
        labels = ('region of interest',)
    return StoreSpec(
        grid=job.grid,
        classes=network.class_channels if job.settings.classify else 0,
        labels=labels,
        pixel_size=None if size is None else (size.y, size.x),
        fingerprint=job.fingerprint,
        batch=batch,
        compiled=job.settings.compiled,
    )


def prospect(job: Job) -> Prediction:
    """What is known of the result before the run."""
    card, size = job.model.card, job.pixel_size
    step_y, step_x = job.grid.map_step
    return Prediction(
        image=job.slide.name,
        store=describe(job.target),
        model=card.name,
        model_hash=job.model.sha256,
        classes=card.classes,
        roi_classes=card.roi_classes,
        class_probabilities=None,
        entropy_image=None,
        entropy_foreground=None,
        entropy_background=None,
        foreground_fraction=0.0,
        foreground_mm2=None,
        tissue_fraction=None,
        threshold=job.threshold,
        mpp=None if size is None else size.mpp,
        mpp_source='' if size is None else size.source,
        model_mpp=card.mpp,
        step_y=step_y,
        step_x=step_x,
        origin_y=0.0,
        origin_x=0.0,
        device=job.device.type,
        precision=str(job.precision).removeprefix('torch.'),
        seconds=0.0,
        megapixels=0.0,
        map=job.settings.map,
    )
