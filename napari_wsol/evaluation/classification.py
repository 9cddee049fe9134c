"""Figures of image labels, for many weightings of the images at once.

Every function takes ``weights`` ``(R, N)``, how often each of N images
counts in each of R resamples, and gives ``(R,)``; NaN where a resample holds
too little. Weights of one give the figure itself.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_wsol.evaluation.calibration import BINS, bin_of

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def weighted_mean(values: Floats, weights: Floats) -> Floats:
    """Mean of the values that are not NaN."""
    known = ~np.isnan(values)
    total = weights[:, known].sum(1)
    return ratio(weights[:, known] @ values[known], total)


def ratio(part: Floats, whole: Floats) -> Floats:
    """``part / whole``, NaN where ``whole`` is 0."""
    return np.divide(part, whole, np.full_like(part, np.nan), where=whole > 0)


def error(probabilities: Floats, labels: Labels, weights: Floats) -> Floats:
    """Share of images whose likeliest class ``(N, C)`` is not the label."""
    wrong = probabilities.argmax(1) != labels
    return weighted_mean(wrong.astype(float), weights)


def balanced_accuracy(
    probabilities: Floats, labels: Labels, weights: Floats
) -> Floats:
    """Mean over the classes that are there of the share found."""
    right = (probabilities.argmax(1) == labels).astype(float)
    recalls = np.stack(
        [
            weighted_mean(right[mine], weights[:, mine])
            for mine in (labels == label for label in np.unique(labels))
        ]
    )
    there = ~np.isnan(recalls)
    return ratio(np.where(there, recalls, 0).sum(0), there.sum(0) * 1.0)


def auroc(probabilities: Floats, labels: Labels, weights: Floats) -> Floats:
    """Area under the ROC curve, each class against the rest, mean.

    With two classes whose probabilities add up to 1, both give the same.
    """
    areas = [
        _auroc_of_one(probabilities[:, label], labels == label, weights)
        for label in np.unique(labels)
    ]
    return np.asarray(np.mean(areas, axis=0))


def _auroc_of_one(scores: Floats, positive: Flags, weights: Floats) -> Floats:
    """Chance that a positive scores above a negative; ties count half."""
    order = np.argsort(scores, kind='stable')
    starts = np.flatnonzero(np.diff(scores[order], prepend=-1))
    inside, outside = (
        np.add.reduceat(weights[:, order] * each[order], starts, axis=1)
        for each in (positive, ~positive)
    )
    below = outside.cumsum(1) - outside
    won = (inside * (below + outside / 2)).sum(1)
    return ratio(won, inside.sum(1) * outside.sum(1))


def brier(probabilities: Floats, labels: Labels, weights: Floats) -> Floats:
    """Half the squared distance to the truth, mean (Brier 1950).

    Of two classes, the usual ``(p - y)^2``.
    """
    truth = np.eye(probabilities.shape[1])[labels]
    return weighted_mean(((probabilities - truth) ** 2).sum(1) / 2, weights)


def expected_calibration_error(
    probabilities: Floats, labels: Labels, weights: Floats
) -> Floats:
    """Mean distance of confidence and accuracy over ten equal bins.

    Of the likeliest class (Guo et al., ICML 2017).
    """
    confidence = probabilities.max(1)
    gap = (probabilities.argmax(1) == labels) - confidence
    in_bin = np.eye(BINS)[bin_of(confidence)]
    distance = np.abs(weights @ (in_bin * gap[:, None])).sum(1)
    return ratio(distance, weights.sum(1))


def confusion_matrix(probabilities: Floats, labels: Labels) -> Labels:
    """``(C, C)`` images by label (rows) and likeliest class (columns)."""
    count = probabilities.shape[1]
    cells = labels * count + probabilities.argmax(1)
    return np.bincount(cells, minlength=count**2).reshape(count, count)
