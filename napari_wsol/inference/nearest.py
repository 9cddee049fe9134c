"""Labelled fields that look to an encoder like an area of a slide."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from cachetools import LRUCache

from napari_wsol.errors import BadInputError
from napari_wsol.inference.crops import crop_about, read_crop
from napari_wsol.inference.devices import resolve_device
from napari_wsol.inference.explanation import NearField
from napari_wsol.inference.pace import Pace
from napari_wsol.inference.settings import DeviceChoice, Progress
from napari_wsol.models.loading import LoadedModel
from napari_wsol.models.localizer import without_margin
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.opening import open_slide
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.slides.slide import Slide

if TYPE_CHECKING:
    from napari_wsol.projects.items import Item

Floats = npt.NDArray[np.float64]
Found = Generator[Progress, None, tuple[tuple[NearField, ...], int]]

MOST_COMPARED = 100
"""Labelled items, the latest, that an area is compared with."""

LEAST, MOST = 64, 768
"""Working pixels a side: smaller areas are seen with some context, of larger
ones the middle."""

_known: LRUCache[Hashable, Floats] = LRUCache(4096)


def nearest_fields(
    slide: Slide,
    box: Box,
    model: LoadedModel,
    items: Sequence[Item],
    *,
    count: int,
    device: DeviceChoice = 'auto',
) -> Found:
    """The labelled items that are most like a box of a slide.

    Only the ``MOST_COMPARED`` that were labelled last are looked at. Their
    features are kept in memory, for each model. Items whose image cannot be
    read are left out.

    Parameters
    ----------
    box
        In level-0 pixels.
    items
        Without a label they do not count.
    count
        How many to give at most.

    Yields
    ------
    Progress
        In fields.

    Returns
    -------
    nearest
        The most similar first.
    compared
        How many were looked at.

    Raises
    ------
    BadInputError
        Where the box lies outside the slide, or its pixel size is needed
        and not known.
    """
    known = [item for item in items if item.label]
    latest = sorted(known, key=lambda item: item.when)[-MOST_COMPARED:]
    if not latest:
        return (), 0
    model.network.to(resolve_device(device))
    mine = mean_features(slide, box, model)
    found: list[NearField] = []
    pace = Pace(len(latest), 'fields', 'comparing labelled fields')
    latest.sort(key=lambda item: (str(item.image), item.mpp or 0))
    for done, (item, theirs) in enumerate(_looked_at(latest, model), 1):
        if theirs is not None:
            found.append(_near(item, float(mine @ theirs)))
        yield pace(done)
    found.sort(key=lambda each: -each.similarity)
    return tuple(found[:count]), len(found)


@torch.inference_mode()
def mean_features(slide: Slide, box: Box, model: LoadedModel) -> Floats:
    """The mean of the encoder's last map over a box, of length 1, ``(C,)``.

    Parameters
    ----------
    box
        In level-0 pixels; see ``LEAST`` and ``MOST``.
    """
    card, network = model.card, model.network
    cell = network.class_stride
    crop = crop_about(
        slide, box, card.mpp, least=LEAST, most=MOST, multiple=cell
    )
    image = read_crop(slide, crop, card, margin=2 * cell)
    features = network.encoder(image.to(network.pixel_temperature.device))[-1]
    mean = without_margin(features, 2)[0].mean((1, 2)).double().cpu().numpy()
    return np.asarray(mean / max(np.linalg.norm(mean), 1e-12))


def _looked_at(
    items: Iterable[Item], model: LoadedModel
) -> Iterator[tuple[Item, Floats | None]]:
    """Each item, sorted by image, with its features, if it can be read."""
    for (path, mpp), fields in groupby(items, lambda i: (i.image, i.mpp)):
        slide: Slide | None = None
        try:
            for item in fields:
                features = None
                try:
                    key = _key(item, model)
                    if key not in _known:
                        slide = slide or _opened(path, mpp)
                        box = item.field or slide.box
                        _known[key] = mean_features(slide, box, model)
                    features = _known[key]
                except (BadInputError, OSError):
                    pass
                yield item, features
        finally:
            if slide is not None:
                slide.close()


def _opened(path: Path, mpp: float | None) -> Slide:
    size = None if mpp is None else PixelSize(mpp, mpp, 'the project')
    return open_slide(path, size)


def _key(item: Item, model: LoadedModel) -> Hashable:
    """All that an item's features depend on."""
    stat = item.image.stat()
    return (
        (model.sha256, model.card.mpp, model.card.normalization),
        (str(item.image), stat.st_size, stat.st_mtime_ns),
        (item.mpp, item.field),
    )


def _near(item: Item, similarity: float) -> NearField:
    return NearField(str(item.image), item.field, item.label or '', similarity)
