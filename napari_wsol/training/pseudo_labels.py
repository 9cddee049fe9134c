"""Pixels that a trained localizer is sure of, as labels for the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from napari_wsol.methods.terms import IGNORE
from napari_wsol.models.localizer import Localizer
from napari_wsol.training.scanning import Scan, Scanner, averaged_maps
from napari_wsol.training.views import PixelMap, View


@dataclass(frozen=True)
class Bands:
    """Which pixels of a map count as sure.

    ``kind='rank'``: per image, the ``foreground`` share of pixels with the
    highest ROI probability and the ``background`` share with the lowest.
    ``kind='confidence'``: ROI probability above ``foreground``, or below
    ``background``.
    """

    kind: Literal['rank', 'confidence']
    foreground: float
    background: float


def make_pseudo_labels(
    network: Localizer,
    scanner: Scanner,
    views: Sequence[View],
    bands: Bands,
    folder: Path,
) -> Iterator[View]:
    """Write one image of pseudo-labels per labelled view, and name it there.

    Images that the classifier gets wrong are left without, as are views
    that carry no image label.
    """
    folder.mkdir(parents=True, exist_ok=True)
    present = sorted({v.label for v in views if v.label != IGNORE})
    for number, view in enumerate(views):
        if view.label == IGNORE:
            yield replace(view, pseudo=None)
            continue
        path = folder / f'{number:05d}-{view.path.stem}.png'
        scan = next(averaged_maps(network, scanner, [view]))
        best = present[int(np.argmax(scan.logits[present]))]
        if best != view.label:
            path.unlink(missing_ok=True)
            yield replace(view, pseudo=None)
            continue
        labels = sure_pixels(scan, bands, network.roi, view.label)
        Image.fromarray((labels + 1).astype(np.uint8)).save(path)
        yield replace(view, pseudo=path)


def sure_pixels(
    scan: Scan, bands: Bands, roi: list[int], label: int
) -> PixelMap:
    """``(h, w)`` pixel classes, -1 where the map is not sure.

    The foreground of an image has the image's class. A fully negative image
    is background throughout.
    """
    if label not in roi:
        return np.zeros(scan.pixel.shape[1:], np.int64)
    probability = 1 - scan.pixel[0]
    high, low = bands.foreground, bands.background
    if bands.kind == 'rank':
        high = float(np.quantile(probability, 1 - bands.foreground))
        low = float(np.quantile(probability, bands.background))
    foreground = roi.index(label) + 1 if len(scan.pixel) > 2 else 1
    labels = np.full(probability.shape, IGNORE, np.int64)
    labels[probability <= low] = 0
    labels[probability >= high] = foreground
    return labels
