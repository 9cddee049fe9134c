"""Temperatures and threshold from held-out image and field labels."""

from __future__ import annotations

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
from napari_wsol.training.views import View, tissue_in

Floats = npt.NDArray[np.float64]

TEMPERATURES = np.geomspace(0.25, 8.0, 71)
THRESHOLDS = np.linspace(0.05, 0.95, 91)

FEWEST = 30
"""Held-out fields of a kind from which on they tell of the threshold."""


@dataclass(frozen=True)
class Calibration:
    """What makes a network's numbers mean what they say."""

    pixel_temperature: float
    image_temperature: float
    threshold: float
    figures: dict[str, float]


def calibrate(
    network: Localizer,
    scanner: Scanner,
    views: Sequence[View],
    roi_share: float | None = None,
    least: float = 0.0,
) -> Calibration:
    """Fit both temperatures and the threshold on validation labels.

    Temperatures minimise the cross-entropy (Guo et al., ICML 2017) of image
    labels and of field pixels, where labels are as sure as their number
    allows (``sure``); without held-out fields, pixels keep temperature 1. The
    threshold is the one that marks ``roi_share`` of all
    tissue in the images that may hold a region, or 0.5 where that share is
    None, and no lower than ``least``, unless fields tell a better one
    (``best_threshold``). No mask is looked at.
    """
    scans = list(scanner.scan(network, views))
    figures = figures_of(scans, network)
    logits, labels = _image_logits(scans)
    image_temperature = (
        best_temperature(logits, labels) if len(labels) else 1.0
    )
    fields, are_roi = _fields(scans, network.roi)
    told = len(set(are_roi.tolist())) > 1
    temperature = best_pixel_temperature(fields, are_roi) if told else 1.0
    threshold = 0.5
    if roi_share is not None:
        pixels = _roi_images(scans, network.roi)
        threshold = share_threshold(
            roi_probability(pixels, temperature), roi_share
        )
    threshold = best_threshold(
        [roi_probability(field, temperature) for field in fields],
        are_roi,
        max(threshold, least),
    )
    return Calibration(temperature, image_temperature, threshold, figures)


def turning_point(
    network: Localizer, scanner: Scanner, views: Sequence[View]
) -> float:
    """The ROI probability, not calibrated, at which fields say a map turns."""
    fields, are_roi = _fields(list(scanner.scan(network, views)), network.roi)
    return best_threshold([roi_probability(f) for f in fields], are_roi)


def marked_share(
    network: Localizer,
    scanner: Scanner,
    views: Sequence[View],
    threshold: float,
) -> float | None:
    """Share of the tissue that a calibrated network marks.

    Of all images but those that are fully negative; None without any.
    """
    pixels = _roi_images(list(scanner.scan(network, views)), network.roi)
    marked = roi_probability(pixels) >= threshold
    return float(marked.mean()) if len(marked) else None


def roi_probability(pixels: Floats, temperature: float = 1.0) -> Floats:
    """``(N,)`` of ``(K, N)`` log-probabilities, background first.

    All channels are cooled and their sum made one again, as the network does:
    with several ROI classes that is not the same as cooling the odds of any.
    """
    scaled = pixels / temperature
    top = scaled.max(0, keepdims=True)
    each = np.exp(scaled - top)
    probability: Floats = each[1:].sum(0) / each.sum(0)
    return probability


def best_pixel_temperature(
    fields: Sequence[Floats], are_roi: npt.NDArray[np.bool_]
) -> float:
    """The temperature of least cross-entropy between ROI and background.

    Parameters
    ----------
    fields
        ``(K, N)`` log-probabilities of each field's pixels.
    are_roi
        Whether it is one of a ROI class.
    """
    pixels = np.concatenate(fields, 1)
    targets = np.where(
        are_roi, sure(int(are_roi.sum())), 1 - sure(int((~are_roi).sum()))
    )
    wanted = np.repeat(targets, [field.shape[1] for field in fields])
    losses = []
    for temperature in TEMPERATURES:
        found = roi_probability(pixels, temperature).clip(1e-6, 1 - 1e-6)
        loss = wanted * np.log(found) + (1 - wanted) * np.log(1 - found)
        losses.append(-loss.mean())
    return float(TEMPERATURES[int(np.argmin(losses))])


def sure(count: int, classes: int = 2) -> float:
    """How probable a label can be said to be that was right ``count`` times.

    Platt's target (Advances in Large Margin Classifiers, 1999): a dozen
    images that are all classified rightly do not show that the next one will
    be, so that no temperature makes a network certain.
    """
    return (count + 1) / (count + classes)


def best_temperature(logits: Floats, labels: npt.NDArray[np.int64]) -> float:
    """The temperature of least cross-entropy; ``(N, C)`` and ``(N,)``."""
    count, classes = logits.shape
    right = sure(count, classes)
    wanted = np.full(logits.shape, (1 - right) / max(1, classes - 1))
    wanted[np.arange(count), labels] = right
    losses = []
    for temperature in TEMPERATURES:
        scaled = logits / temperature
        top = scaled.max(1, keepdims=True)
        log_sum = top + np.log(np.exp(scaled - top).sum(1, keepdims=True))
        losses.append((wanted * (log_sum - scaled)).sum(1).mean())
    return float(TEMPERATURES[int(np.argmin(losses))])


def best_threshold(
    fields: Sequence[Floats],
    are_roi: npt.NDArray[np.bool_],
    assumed: float = 0.5,
) -> float:
    """Of the thresholds that fields do not refuse, that nearest to a guess.

    The best one gets the most pixels of fields right, in the mean of both
    kinds of fields; another is refused if it loses more than two standard
    errors of that loss between fields. Fewer than ``FEWEST`` of a kind refuse
    none: they were chosen, often where a model was unsure, and lie inside of
    regions or outside, never where the border between the two is.

    Parameters
    ----------
    fields
        ROI probability of each field's pixels.
    are_roi
        Whether it is one of a ROI class.
    assumed
        The threshold where fields tell nothing.
    """
    if min(are_roi.sum(), (~are_roi).sum()) < FEWEST:
        return assumed
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


def _roi_images(scans: Sequence[Scan], roi: list[int]) -> Floats:
    """``(K, N)`` of all tissue of the images that may hold a region."""
    found = [
        _log_probability(scan)[:, tissue_in(scan.view, *scan.pixel.shape[1:])]
        for scan in scans
        if scan.view.label in (*roi, IGNORE)
    ]
    return np.concatenate(found, 1) if found else np.zeros((2, 0))


def _fields(
    scans: Sequence[Scan], roi: list[int]
) -> tuple[list[Floats], npt.NDArray[np.bool_]]:
    """``(K, N)`` of each field's pixels, and whether it is a ROI."""
    found, are_roi = [], []
    for scan in scans:
        pixels = _log_probability(scan)
        for field in scan.view.fields:
            alone = replace(scan, view=replace(scan.view, fields=(field,)))
            known = truth_at(alone, roi) != IGNORE
            if known.any():
                found.append(pixels[:, known])
                are_roi.append(field.label in roi)
    return found, np.array(are_roi, bool)


def _log_probability(scan: Scan) -> Floats:
    """``(K, h, w)``."""
    found: Floats = np.log(scan.pixel.astype(float).clip(1e-7))
    return found
