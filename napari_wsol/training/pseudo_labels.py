"""What trained localizers say of the training images, as labels for more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import softmax

from napari_wsol.methods.terms import IGNORE
from napari_wsol.models.localizer import Localizer, resize
from napari_wsol.training.pseudo_label_files import SUFFIX, write_pseudo_labels
from napari_wsol.training.recipes import BandKind
from napari_wsol.training.scanning import (
    ZOOMS,
    FloatMap,
    Scan,
    Scanner,
    averaged_maps,
)
from napari_wsol.training.views import PixelMap, View, tissue_in

FINISHED = 'finished'
"""File in a folder that lacks nothing: a killed run does not scan again."""


@dataclass(frozen=True)
class Bands:
    """Which pixels of a map count as sure, of those that show tissue.

    ``'rank'``: per image, the ``foreground`` share of pixels with the highest
    ROI probability and the ``background`` share with the lowest.
    ``'pooled'``: of the pixels of all images together, so that one image may
    hold more than another, the ``foreground`` share with the highest values
    of those above ``turns_at``, and the ``background`` share with the lowest
    of those below.
    ``'confidence'``: ROI probability from ``foreground`` on, or up to
    ``background``, of a map that turns at one half; where it turns elsewhere,
    both are moved by as many log-odds.
    ``'stretched'``: the same of the map stretched between its minimum and
    its maximum in each image.
    ``'class-map'``: the same of the classifier's map of the image's class.

    Parameters
    ----------
    turns_at
        The ROI probability between background and ROI, where it is known.
    roi_share
        Share of the pixels of ``'pooled'`` that lie above it, where not.
    """

    kind: BandKind
    foreground: float
    background: float
    turns_at: float | None = None
    roi_share: float = 0.5

    def as_confidence(self, scans: Sequence[Scan]) -> Bands:
        """What ``'pooled'`` and ``'confidence'`` mean for these maps."""
        if self.kind == 'confidence':
            turn = 0.5 if self.turns_at is None else self.turns_at
            return Bands(
                self.kind,
                _moved(self.foreground, turn),
                _moved(self.background, turn),
            )
        pixels = np.concatenate(
            [(1 - s.pixel[0])[_tissue_of(s)] for s in scans]
        )
        turn = (
            float(np.quantile(pixels, 1 - self.roi_share))
            if self.turns_at is None
            else self.turns_at
        )
        above, below = pixels[pixels >= turn], pixels[pixels < turn]
        return Bands(
            'confidence',
            _quantile(above, 1 - self.foreground, turn),
            _quantile(below, self.background, turn),
        )


def _quantile(values: FloatMap, share: float, otherwise: float) -> float:
    return float(np.quantile(values, share)) if len(values) else otherwise


def _moved(confidence: float, threshold: float) -> float:
    odds = confidence / (1 - confidence) * threshold / (1 - threshold)
    return odds / (1 + odds)


@dataclass(frozen=True)
class Teachers:
    """Networks whose averaged maps teach others.

    Parameters
    ----------
    keep_wrong
        Whether to use images that their classifiers get wrong, too.
    averaged
        Whether their maps are averaged over scales and flips.
    """

    networks: Sequence[Localizer]
    scanner: Scanner
    keep_wrong: bool = False
    averaged: bool = True

    def pseudo_labels(
        self, views: Sequence[View], bands: Bands, folder: Path
    ) -> list[View]:
        """Write the pixels that are sure, one file per view, named there.

        Fully negative images are background throughout. An image that is
        classified wrongly is left without. A folder that was finished before
        is taken as it is.
        """
        files = _files(views, folder, SUFFIX)
        if not _is_finished(folder):
            scans = self._scans(views)
            roi, names = self.networks[0].roi, self._names()
            unsure = [
                scan
                for scan in scans
                if scan is not None and _may_hold_roi(scan, roi)
            ]
            if bands.kind in ('pooled', 'confidence') and unsure:
                bands = bands.as_confidence(unsure)
            for view, scan, path in zip(views, scans, files, strict=True):
                if scan is not None:
                    labels = sure_pixels(scan, bands, roi)
                    write_pseudo_labels(
                        path, labels, view.path, view.region, names
                    )
            _finish(folder)
        return [
            replace(view, pseudo=path if path.exists() else None)
            for view, path in zip(views, files, strict=True)
        ]

    def seed_maps(self, views: Sequence[View], folder: Path) -> list[View]:
        """Write the ROI probability, one file per view, named there.

        Stretched between its minimum and its maximum in each image, as seeds
        are drawn in proportion to it; 0 on glass.
        """
        files = _files(views, folder, '.npy')
        if not _is_finished(folder):
            for scan, path in zip(self._scans(views), files, strict=True):
                if scan is not None:
                    foreground = 1 - scan.pixel[0]
                    stretched = _stretched(foreground, foreground.shape)
                    seeds = stretched * _tissue_of(scan)
                    np.save(path, seeds.astype(np.float16))
            _finish(folder)
        return [
            replace(view, seeds=path if path.exists() else None)
            for view, path in zip(views, files, strict=True)
        ]

    def _scans(self, views: Sequence[View]) -> list[Scan | None]:
        """Every view's maps; None where the image is classified wrongly."""
        present = sorted({v.label for v in views if v.label != IGNORE})
        scans: list[Scan | None] = []
        for view in views:
            scan = averaged_maps(
                self.networks,
                self.scanner,
                view,
                zooms=ZOOMS if self.averaged else (1.0,),
                flips=self.averaged,
            )
            right = view.label == IGNORE or (
                present[int(np.argmax(scan.logits[present]))] == view.label
            )
            scans.append(scan if right or self.keep_wrong else None)
        return scans

    def _names(self) -> tuple[str, ...]:
        network = self.networks[0]
        classes = [network.classes[i] for i in network.roi]
        background = network.negative_class or 'background'
        return background, *classes


def _files(views: Sequence[View], folder: Path, suffix: str) -> list[Path]:
    """One per view, in a folder that is there."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        folder / f'{number:05d}-{view.path.stem}{suffix}'
        for number, view in enumerate(views)
    ]


def _is_finished(folder: Path) -> bool:
    return (folder / FINISHED).exists()


def _finish(folder: Path) -> None:
    (folder / FINISHED).touch()


def _may_hold_roi(scan: Scan, roi: list[int]) -> bool:
    return scan.view.label == IGNORE or scan.view.label in roi


def _tissue_of(scan: Scan) -> npt.NDArray[np.bool_]:
    height, width = scan.pixel.shape[1:]
    return tissue_in(scan.view, height, width)


def sure_pixels(scan: Scan, bands: Bands, roi: list[int]) -> PixelMap:
    """``(h, w)`` pixel classes, -1 where the map is not sure.

    Glass is background: networks take it for lumen. The foreground of an
    image has the image's class; where that has no label, the one that is
    likeliest by the pixel and by what the classifier says of the image: the
    map may not tell classes apart, or not yet.
    """
    label = scan.view.label
    if not _may_hold_roi(scan, roi):
        return np.zeros(scan.pixel.shape[1:], np.int64)
    probability = 1 - scan.pixel[0]
    if bands.kind == 'stretched':
        probability = _stretched(probability, probability.shape)
    if bands.kind == 'class-map' and label != IGNORE:
        probability = _stretched(scan.cells[label], probability.shape)
    tissue = _tissue_of(scan)
    high, low = bands.foreground, bands.background
    if bands.kind == 'rank':
        high = float(np.quantile(probability[tissue], 1 - bands.foreground))
        low = float(np.quantile(probability[tissue], bands.background))
    foreground: int | PixelMap
    if label != IGNORE:
        foreground = roi.index(label) + 1
    else:
        found = softmax(scan.logits[roi])[:, None, None]
        foreground = 1 + (found * scan.pixel[1:]).argmax(0)
    labels = np.full(probability.shape, IGNORE, np.int64)
    labels[(probability <= low) | ~tissue] = 0
    return np.where((probability >= high) & tissue, foreground, labels)


def _stretched(cells: FloatMap, shape: tuple[int, ...]) -> FloatMap:
    """A map between 0 and 1, on a finer grid; 0 where constant."""
    width = max(float(np.ptp(cells)), 1e-6)
    stretched = torch.from_numpy((cells - cells.min()) / width)
    finer = resize(stretched[None, None], (shape[0], shape[1]))
    return np.asarray(finer[0, 0].numpy())
