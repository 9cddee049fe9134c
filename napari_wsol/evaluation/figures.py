"""Every figure of a cohort, for many weightings of its groups at once.

All figures are in percent, and NaN where they cannot be told.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_wsol.evaluation import classification, pixels
from napari_wsol.evaluation.bootstrap import RESAMPLES, intervals
from napari_wsol.evaluation.calibration import (
    pixel_brier,
    pixel_calibration_error,
)
from napari_wsol.evaluation.classification import ratio, weighted_mean
from napari_wsol.evaluation.cohort import Cohort, Observation

Floats = npt.NDArray[np.float64]
Figures = dict[str, Floats]

CLASS_F1 = 'f1_classes.'
"""Begins the name of the figure of each ROI class."""

_OF_IMAGES = {
    'classification_error': classification.error,
    'balanced_accuracy': classification.balanced_accuracy,
    'auroc': classification.auroc,
    'ece_images': classification.expected_calibration_error,
    'brier_images': classification.brier,
}


class Statistics:
    """Arrays of a cohort, ready to be weighted.

    Attributes
    ----------
    groups
        Number of groups G.
    """

    def __init__(self, cohort: Cohort) -> None:
        seen = cohort.observations
        names = list(cohort.histograms)
        places = {name: place for place, name in enumerate(names)}
        self.groups = len(names)
        self._group = np.array([places[each.group] for each in seen], int)
        self._labels, self._probabilities, self._judged = labelled(seen)
        self._roi_classes = cohort.roi_classes
        self._by_image = _by_image(seen)
        self._confusions = np.zeros((self.groups, 4))
        self._by_class = np.zeros((self.groups, len(cohort.roi_classes), 3))
        for each in seen:
            place = places[each.group]
            if each.confusion is not None:
                c = each.confusion
                self._confusions[place] += c.tp, c.fp, c.fn, c.tn
            if each.by_class is not None:
                self._by_class[place] += each.by_class
        self._foreground, self._background = (
            np.array([getattr(cohort.histograms[n], side) for n in names])
            for side in ('foreground', 'background')
        )

    def figures(self, weights: Floats | None = None) -> Figures:
        """Figures ``(R,)`` where groups count ``(R, G)`` times; None: once."""
        if weights is None:
            weights = np.ones((1, self.groups))
        of_image = weights[:, self._group]
        found = {
            name: 100 * weighted_mean(values, of_image)
            for name, values in self._by_image.items()
        }
        if self._judged.any():
            judged = of_image[:, self._judged]
            for name, figure in _OF_IMAGES.items():
                found[name] = 100 * figure(
                    self._probabilities, self._labels, judged
                )
        return found | self._pooled(weights)

    def _pooled(self, weights: Floats) -> Figures:
        """The figures that are pooled over all pixels."""
        tp, fp, fn, tn = (weights @ self._confusions).T
        foreground = weights @ self._foreground
        background = weights @ self._background
        found = {
            'pxap': pixels.pxap(foreground, background),
            'tp': 100 * ratio(tp, tp + fn),
            'fn': 100 * ratio(fn, tp + fn),
            'fp': 100 * ratio(fp, fp + tn),
            'tn': 100 * ratio(tn, fp + tn),
            'miou': 100
            * np.where(
                tp + fp + fn + tn > 0,
                pixels.mean_iou(tp, fp, fn, tn),
                np.nan,
            ),
            'ece_pixels': 100
            * pixel_calibration_error(foreground, background),
            'brier_pixels': 100 * pixel_brier(foreground, background),
        }
        by_class = np.tensordot(weights, self._by_class, 1)
        for place, name in enumerate(self._roi_classes):
            hit, false, missed = by_class[:, place].T
            found[f'{CLASS_F1}{name}'] = 100 * ratio(
                2 * hit, 2 * hit + false + missed
            )
        return found

    def intervals(
        self, resamples: int = RESAMPLES, seed: int = 0
    ) -> dict[str, tuple[float, float]]:
        """95 % intervals of the figures, by drawing groups."""
        return intervals(
            self.figures,
            self.groups,
            size=max(len(self._group), pixels.BINS),
            resamples=resamples,
            seed=seed,
        )


def labelled(
    seen: Sequence[Observation],
) -> tuple[npt.NDArray[np.int64], Floats, npt.NDArray[np.bool_]]:
    """Labels ``(M,)``, probabilities ``(M, C)``; of which images ``(N,)``."""
    judged = np.zeros(len(seen), bool)
    labels, told = [], []
    for place, each in enumerate(seen):
        if each.label is not None and each.probabilities is not None:
            judged[place] = True
            labels.append(each.label)
            told.append(each.probabilities)
    return np.array(labels, np.int64), np.array(told, float), judged


def _by_image(seen: Sequence[Observation]) -> dict[str, Floats]:
    """Shares that are averaged over images; NaN for those left out."""
    scores = np.full((len(seen), 4), np.nan)
    for row, each in zip(scores, seen, strict=True):
        found = each.confusion
        if found is None:
            continue
        row[:3] = found.f1_foreground, found.f1_background, found.mean_iou
        if found.tp + found.fn:
            row[3] = found.f1_foreground
    marked = np.array([each.marked for each in seen])
    negative = np.array([each.negative for each in seen], bool)
    return {
        'f1_foreground': scores[:, 0],
        'f1_background': scores[:, 1],
        'f1_foreground_present': scores[:, 3],
        'miou_images': scores[:, 2],
        'negative_foreground': np.where(negative, marked, np.nan),
        'negative_marked': np.where(negative, marked > 0, np.nan),
    }
