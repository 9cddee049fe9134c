"""Temperatures and threshold from held-out image and field labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from napari_wsol.methods.terms import IGNORE
from napari_wsol.models.localizer import Localizer
from napari_wsol.training.scanning import (
    Scan,
    Scanner,
    figures_of,
    truth_at,
)
from napari_wsol.training.views import View

Floats = npt.NDArray[np.float64]

TEMPERATURES = np.geomspace(0.25, 8.0, 71)
THRESHOLDS = np.linspace(0.05, 0.95, 91)


@dataclass(frozen=True)
class Calibration:
    """What makes a network's numbers mean what they say."""

    pixel_temperature: float
    image_temperature: float
    threshold: float
    figures: dict[str, float]

    @property
    def raw_threshold(self) -> float:
        """The threshold of probabilities before the pixel temperature."""
        odds = math.log(self.threshold / (1 - self.threshold))
        return 1 / (1 + math.exp(-odds * self.pixel_temperature))


def calibrate(
    network: Localizer,
    scanner: Scanner,
    views: Sequence[View],
    roi_share: float | None = None,
) -> Calibration:
    """Fit both temperatures and the threshold on validation labels.

    Temperatures minimise the cross-entropy (Guo et al., ICML 2017) of image
    labels and of field pixels; without held-out fields, pixels keep
    temperature 1. The threshold is the one that marks ``roi_share`` of all
    pixels of the images with a region of interest, or 0.5 where that share is
    None, unless fields tell a better one (``best_threshold``). No mask is
    looked at.
    """
    scans = list(scanner.scan(network, views))
    figures = figures_of(scans, network)
    logits, labels = _image_logits(scans)
    image_temperature = (
        best_temperature(logits, labels) if len(labels) else 1.0
    )
    fields, are_roi = _fields(scans, network.roi)
    told = len(set(are_roi.tolist())) > 1
    sizes = [len(field) for field in fields]
    temperature = 1.0
    if told:
        odds = np.concatenate(fields)
        both = np.stack([np.zeros_like(odds), odds], 1)
        temperature = best_temperature(both, np.repeat(are_roi, sizes) + 0)
    threshold = 0.5
    if roi_share is not None:
        regions = _roi_pixels(scans, network.roi)
        threshold = share_threshold(
            _logistic(regions / temperature), roi_share
        )
    if told:
        fields = [_logistic(field / temperature) for field in fields]
        threshold = best_threshold(fields, are_roi, threshold)
    return Calibration(temperature, image_temperature, threshold, figures)


def best_temperature(logits: Floats, labels: npt.NDArray[np.int64]) -> float:
    """The temperature of least cross-entropy; ``(N, C)`` and ``(N,)``."""
    losses = []
    for temperature in TEMPERATURES:
        scaled = logits / temperature
        top = scaled.max(1, keepdims=True)
        log_sum = top[:, 0] + np.log(np.exp(scaled - top).sum(1))
        losses.append(
            (log_sum - scaled[np.arange(len(labels)), labels]).mean()
        )
    return float(TEMPERATURES[int(np.argmin(losses))])


def best_threshold(
    fields: Sequence[Floats],
    are_roi: npt.NDArray[np.bool_],
    assumed: float = 0.5,
) -> float:
    """Of the thresholds that fields do not refuse, that nearest to a guess.

    The best one gets the most pixels of fields right, in the mean of both
    kinds of fields; another is refused if it loses more than two standard
    errors of that loss between fields. Few fields say little, and all of
    them lie inside of regions or outside, so that they hardly tell where the
    border between the two is.

    Parameters
    ----------
    fields
        ROI probability of each field's pixels.
    are_roi
        Whether it is one of a ROI class; some are, some are not.
    assumed
        The threshold where fields tell nothing.
    """
    right = np.array(
        [
            [
                ((field >= threshold) == is_roi).mean()
                for threshold in THRESHOLDS
            ]
            for field, is_roi in zip(fields, are_roi, strict=True)
        ]
    )
    kinds = [right[are_roi], right[~are_roi]]
    score = np.mean([kind.mean(0) for kind in kinds], 0)
    far = np.abs(THRESHOLDS - assumed)
    top = np.flatnonzero(score >= score.max() - 1e-9)
    best = top[np.argmin(far[top])]
    variances = [_variance_of_mean(kind[:, [best]] - kind) for kind in kinds]
    error = np.sqrt(np.sum(variances, 0)) / 2
    good = np.flatnonzero(score[best] - score <= 2 * error + 1e-9)
    return round(float(THRESHOLDS[good[np.argmin(far[good])]]), 3)


def _variance_of_mean(values: Floats) -> Floats:
    """Of ``(N, ...)`` over its first axis; 0 where N is 1."""
    count = len(values)
    variance: Floats = values.var(0, ddof=min(1, count - 1)) / count
    return variance


def share_threshold(probability: Floats, share: float) -> float:
    """The threshold that ``share`` of some pixels reach, not quite 0 or 1.

    No image need have this share, only all of them together.
    """
    if not len(probability):
        return 0.5
    least, most = float(THRESHOLDS[0]), float(THRESHOLDS[-1])
    turn = float(np.quantile(probability, 1 - share))
    return round(min(max(turn, least), most), 3)


def _image_logits(
    scans: Sequence[Scan],
) -> tuple[Floats, npt.NDArray[np.int64]]:
    labelled = [scan for scan in scans if scan.view.label != IGNORE]
    present = sorted({scan.view.label for scan in labelled})
    logits = np.array([scan.logits[present] for scan in labelled], float)
    labels = [present.index(scan.view.label) for scan in labelled]
    return logits, np.array(labels, np.int64)


def _roi_pixels(scans: Sequence[Scan], roi: list[int]) -> Floats:
    """ROI log-odds of all pixels of the images with a ROI class."""
    found = [_odds(scan).ravel() for scan in scans if scan.view.label in roi]
    return np.concatenate([np.zeros(0), *found])


def _fields(
    scans: Sequence[Scan], roi: list[int]
) -> tuple[list[Floats], npt.NDArray[np.bool_]]:
    """ROI log-odds of each field's pixels, and whether it is a ROI."""
    found, are_roi = [], []
    for scan in scans:
        odds = _odds(scan)
        for field in scan.view.fields:
            alone = replace(scan, view=replace(scan.view, fields=(field,)))
            known = truth_at(alone, roi) != IGNORE
            if known.any():
                found.append(odds[known])
                are_roi.append(field.label in roi)
    return found, np.array(are_roi, bool)


def _odds(scan: Scan) -> Floats:
    """``(h, w)`` log-odds of a region of interest."""
    probability = (1 - scan.pixel[0].astype(float)).clip(1e-6, 1 - 1e-6)
    odds: Floats = np.log(probability / (1 - probability))
    return odds


def _logistic(odds: Floats) -> Floats:
    probability: Floats = 1 / (1 + np.exp(-odds))
    return probability
