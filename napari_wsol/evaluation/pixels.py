"""Pixel metrics as sums that add up over tiles, images and cohorts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

BINS = 1000

Mask = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]


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
        return dice(self.tp, self.fp, self.fn)

    @property
    def f1_background(self) -> float:
        """Dice of the background; 1 where neither holds any."""
        return dice(self.tn, self.fn, self.fp)


def dice(hit: int, false: int, missed: int) -> float:
    """``2 hit / (2 hit + false + missed)``, 1 where all are zero."""
    total = 2 * hit + false + missed
    return 2 * hit / total if total else 1.0


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
    pieces gives the same.
    """

    foreground: Counts = field(default_factory=_zeros)
    background: Counts = field(default_factory=_zeros)

    def add(self, probability: npt.NDArray[np.floating], truth: Mask) -> None:
        """Count a piece: probabilities in [0, 1] and truth of one shape."""
        bins = np.rint(probability * BINS).astype(np.int64).clip(0, BINS)
        self.foreground += np.bincount(bins[truth], minlength=BINS + 1)
        self.background += np.bincount(bins[~truth], minlength=BINS + 1)

    def pxap(self) -> float:
        """Area under precision over recall, in percent, pooled over pixels.

        ``sum precision * delta recall`` over thresholds from high to low
        (Choe et al., CVPR 2020); NaN without foreground.
        """
        if not self.foreground.sum():
            return float('nan')
        tp = self.foreground[::-1].cumsum()
        fp = self.background[::-1].cumsum()
        seen = tp + fp > 0
        precision = tp[seen] / (tp + fp)[seen]
        recall = tp[seen] / self.foreground.sum()
        return float(100 * (precision * np.diff(recall, prepend=0)).sum())

    def confusion_at(self, threshold: float) -> Confusion:
        """Counts where pixels from ``threshold`` on are marked."""
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
        """The threshold of highest mean IoU of foreground and background."""
        best, found = -1.0, 0.5
        for bin_ in range(BINS + 1):
            c = self.confusion_at(bin_ / BINS)
            iou = [hit / max(1, hit + c.fp + c.fn) for hit in (c.tp, c.tn)]
            if sum(iou) > best:
                best, found = sum(iou), bin_ / BINS
        return found
