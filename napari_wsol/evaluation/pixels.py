"""Pixel metrics as sums that add up over tiles, images and cohorts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 1000

Mask = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[Any]

THRESHOLDS: Floats = np.arange(BINS + 1) / BINS
"""Where a pixel may begin to be marked; bin k holds scores from the k-th."""

CENTRES: Floats = np.minimum(THRESHOLDS + 0.5 / BINS, 1)
"""The score that stands for each bin; the last holds exactly 1."""

# Scores are float32, and so is a threshold that they are compared with.
_EDGES = np.append(THRESHOLDS, np.inf).astype(np.float32)


@dataclass(frozen=True)
class Confusion:
    """Pixels found and missed at one threshold."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(
            self.tp + other.tp,
            self.fp + other.fp,
            self.fn + other.fn,
            self.tn + other.tn,
        )

    @property
    def f1_foreground(self) -> float:
        """Dice of the foreground; 1 where neither holds any."""
        return float(dice(self.tp, self.fp, self.fn))

    @property
    def f1_background(self) -> float:
        """Dice of the background; 1 where neither holds any."""
        return float(dice(self.tn, self.fn, self.fp))

    @property
    def mean_iou(self) -> float:
        """Mean of the foreground's and the background's IoU."""
        return float(mean_iou(self.tp, self.fp, self.fn, self.tn))


def dice(
    hit: Numbers | float, false: Numbers | float, missed: Numbers | float
) -> Floats:
    """``2 hit / (2 hit + false + missed)``, 1 where all are zero."""
    return _share(2 * np.asarray(hit), np.asarray(false) + missed)


def iou(
    hit: Numbers | float, false: Numbers | float, missed: Numbers | float
) -> Floats:
    """``hit / (hit + false + missed)``, 1 where all are zero."""
    return _share(np.asarray(hit), np.asarray(false) + missed)


def mean_iou(
    tp: Numbers | float,
    fp: Numbers | float,
    fn: Numbers | float,
    tn: Numbers | float,
) -> Floats:
    """Mean IoU of foreground and background, each 1 where it is nowhere."""
    return np.asarray((iou(tp, fp, fn) + iou(tn, fn, fp)) / 2)


def _share(right: Numbers, wrong: Numbers) -> Floats:
    total = right + wrong
    return np.asarray(
        np.where(total > 0, right / np.where(total > 0, total, 1), 1.0)
    )


def confusion(found: Mask, truth: Mask) -> Confusion:
    """Counts of two boolean arrays of one shape."""
    tp = int(np.count_nonzero(found & truth))
    fp = int(np.count_nonzero(found)) - tp
    fn = int(np.count_nonzero(truth)) - tp
    return Confusion(tp, fp, fn, truth.size - tp - fp - fn)


def _zeros() -> Counts:
    return np.zeros(BINS + 1, np.int64)


@dataclass
class ScoreHistogram:
    """Scores of true foreground and true background pixels, in bins.

    Sufficient for every threshold metric; ``add`` in any order and any
    pieces gives the same, and so does adding histograms.
    """

    foreground: Counts = field(default_factory=_zeros)
    background: Counts = field(default_factory=_zeros)

    def __add__(self, other: ScoreHistogram) -> ScoreHistogram:
        return ScoreHistogram(
            self.foreground + other.foreground,
            self.background + other.background,
        )

    def add(self, probability: npt.NDArray[np.floating], truth: Mask) -> None:
        """Count a piece: probabilities in [0, 1] and truth of one shape."""
        bins = _bins(probability)
        self.foreground += np.bincount(bins[truth], minlength=BINS + 1)
        self.background += np.bincount(bins[~truth], minlength=BINS + 1)

    def pxap(self) -> float:
        """Area under precision over recall, in percent, pooled over pixels.

        NaN without foreground.
        """
        return float(pxap(self.foreground, self.background))

    def confusion_at(self, threshold: float) -> Confusion:
        """Counts where pixels from ``threshold`` on are marked.

        Exact where it is one of ``THRESHOLDS``, else as at the next of them.
        """
        first = int(np.ceil(threshold * BINS - 1e-9))
        tp = int(self.foreground[first:].sum())
        fp = int(self.background[first:].sum())
        return Confusion(
            tp,
            fp,
            int(self.foreground.sum()) - tp,
            int(self.background.sum()) - fp,
        )

    def best_threshold(self) -> float:
        """The threshold of highest mean IoU of foreground and background.

        The middle one where several are the best.
        """
        scores = mean_iou(*marked_from_each(self.foreground, self.background))
        return best_of_thresholds(scores)


def _bins(probability: npt.NDArray[np.floating]) -> npt.NDArray[np.int32]:
    """Bin of each score: the last whose edge it reaches."""
    score = probability.astype(np.float32).clip(0, 1)
    bins = (score * np.float32(BINS)).astype(np.int32)
    bins -= score < _EDGES[bins]
    bins += score >= _EDGES[bins + 1]
    return bins


def marked_from_each(
    foreground: Numbers, background: Numbers
) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """``tp, fp, fn, tn`` at each of ``THRESHOLDS``, from histograms.

    Parameters
    ----------
    foreground, background
        ``(..., BINS + 1)`` pixels in each bin.
    """
    tp = foreground[..., ::-1].cumsum(-1)[..., ::-1]
    fp = background[..., ::-1].cumsum(-1)[..., ::-1]
    return tp, fp, tp[..., :1] - tp, fp[..., :1] - fp


def pxap(foreground: Numbers, background: Numbers) -> Floats:
    """Pixel average precision in percent, ``(...)``; NaN without foreground.

    ``sum precision * delta recall`` over thresholds from high to low (Choe
    et al., CVPR 2020).

    Parameters
    ----------
    foreground, background
        ``(..., BINS + 1)`` pixels in each bin, whole or weighted.
    """
    tp, fp, _, _ = marked_from_each(foreground, background)
    precision = tp / np.where(tp + fp > 0, tp + fp, 1)
    total = tp[..., 0]
    area = (precision * foreground).sum(-1)
    return np.asarray(
        np.where(total > 0, 100 * area / np.where(total > 0, total, 1), np.nan)
    )


def best_of_thresholds(scores: Floats) -> float:
    """The threshold of the highest score ``(BINS + 1,)``.

    The middle one where several are the best.
    """
    (best,) = np.nonzero(scores >= scores.max() - 1e-12)
    return float(THRESHOLDS[best[len(best) // 2]])
