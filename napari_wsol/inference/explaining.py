"""Why a model marked a region: parts of it hidden, evidence, likenesses."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import shapely
from torch import Tensor

from napari_wsol.errors import BadInputError, OutOfMemoryError
from napari_wsol.inference.crops import Crop, crop_about, read_crop
from napari_wsol.inference.deletion import curves
from napari_wsol.inference.devices import resolve_device
from napari_wsol.inference.explanation import Explanation, FloatMap, PartSeen
from napari_wsol.inference.masking import Floats, Seen, inside_of
from napari_wsol.inference.memory import is_out_of_memory
from napari_wsol.inference.nearest import nearest_fields
from napari_wsol.inference.settings import (
    DeviceChoice,
    PrecisionChoice,
    Progress,
)
from napari_wsol.inference.summary import entropy
from napari_wsol.models.activation_maps import (
    ActivationMap,
    map_of_features,
    stretched,
)
from napari_wsol.models.loading import LoadedModel
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.slide import Slide

if TYPE_CHECKING:
    from napari_wsol.projects.items import Item

Explaining = Generator[Progress, None, Explanation]

LEAST, MOST = 384, 768
"""Sides of the crop in working pixels."""

CONTEXT = 2
"""How many times larger than the region the crop is, within these."""

NEAREST = 6
"""How many labelled fields are told."""

KINDS: tuple[ActivationMap, ...] = (
    'cam',
    'grad-cam',
    'grad-cam++',
    'layer-cam',
)


def explain(
    slide: Slide,
    model: LoadedModel,
    region: shapely.Polygon,
    items: Sequence[Item] = (),
    *,
    device: DeviceChoice = 'auto',
    precision: PrecisionChoice = 'auto',
) -> Explaining:
    """Say why a model marked a region of a slide.

    A crop about the region, of ``LEAST`` to ``MOST`` working pixels a side,
    is shown to the classifier whole and in parts. What is hidden becomes
    mid-grey and all is seen at the classifier's scale, as for the image
    entropies of foreground and background; so the answers compare, also
    with that to the whole crop. The maps are taken of the crop at full
    scale, as ``inference.class_maps`` does.

    Parameters
    ----------
    region
        In level-0 pixels ``(x, y)``.
    items
        Of a project; the labelled ones most like the region are told
        (``inference.nearest``).

    Yields
    ------
    Progress

    Raises
    ------
    BadInputError
        Where the region lies outside the slide, or its pixel size is
        needed and not known.
    OutOfMemoryError
        Where the device has too little memory for the crop.
    """
    network, card = model.network, model.card
    box = box_of(region, slide)
    crop = crop_around(region, slide, model)
    network.to(resolve_device(device))
    seen = Seen(model, read_crop(slide, crop, card), precision)
    inside = inside_of(region, crop)
    with _memory_named():
        whole, alone, without = seen(
            np.stack([np.ones_like(inside), inside, 1 - inside])
        )
        target = max(network.roi, key=whole.__getitem__)
        features, probability = seen.localized()
        maps = tuple(
            (kind, _stretched_map(model, features, target, kind))
            for kind in KINDS
        )
    measured = yield from curves(
        probability,
        lambda masks: seen(masks)[:, target],
        block=network.class_stride // network.stride,
        batch=seen.batch,
    )
    explanation = Explanation(
        card.classes,
        card.negative_class,
        card.classes[target],
        crop.box,
        _holds(crop.box, box),
        _part(whole),
        _part(alone),
        _part(without),
        maps,
        measured,
        labelled=sum(item.label is not None for item in items),
    )
    nearest, compared = yield from nearest_fields(
        slide, box, model, items, count=NEAREST, device=device
    )
    return replace(explanation, nearest=nearest, compared=compared)


def box_of(region: shapely.Polygon, slide: Slide) -> Box:
    """The part of a region's bounding box that lies in the slide, level-0.

    Raises
    ------
    BadInputError
        Where there is none.
    """
    left, top, right, bottom = region.bounds
    box = Box(top, left, bottom - top, right - left).intersection(slide.box)
    if box is None:
        raise BadInputError(
            f'The region lies outside the image "{slide.name}". Run the '
            'model over this image again.'
        )
    return box


def crop_around(
    region: shapely.Polygon, slide: Slide, model: LoadedModel
) -> Crop:
    """The crop about a region, or about a point in one that is larger.

    Raises
    ------
    BadInputError
        As ``explain``.
    """
    box = box_of(region, slide)

    def about(centre: tuple[float, float] | None) -> Crop:
        return crop_about(
            slide,
            box,
            model.card.mpp,
            least=LEAST,
            most=MOST,
            multiple=model.network.class_stride,
            context=CONTEXT,
            centre=centre,
        )

    crop = about(None)
    if _holds(crop.box, box):
        return crop
    point = region.representative_point()
    return about((point.y, point.x))


def _stretched_map(
    model: LoadedModel, features: Tensor, target: int, kind: ActivationMap
) -> FloatMap:
    raw = map_of_features(model.network, features, target, kind)
    return np.asarray(stretched(raw)[0].cpu().numpy(), np.float32)


def _part(probabilities: Floats) -> PartSeen:
    return PartSeen(tuple(probabilities.tolist()), entropy(probabilities))


@contextmanager
def _memory_named() -> Iterator[None]:
    """Say it in words where not even one look fits into memory."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            'There is too little memory to look at the region. Close other '
            'programs and ask again.'
        ) from error


def _holds(outer: Box, inner: Box) -> bool:
    """Whether a box holds another one, to a hundredth of a pixel."""
    return (
        inner.y >= outer.y - 0.01
        and inner.x >= outer.x - 0.01
        and inner.bottom <= outer.bottom + 0.01
        and inner.right <= outer.right + 0.01
    )
