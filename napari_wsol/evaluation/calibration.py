"""Do probabilities mean what they say: reliability, ECE and Brier score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wsol.evaluation import pixels

BINS = 10
"""Of equal width, between 0 and 1."""

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[Any]


@dataclass(frozen=True)
class Reliability:
    """What was said and what was true, per bin of probability ``(BINS,)``.

    ``said`` and ``true`` are means in [0, 1], NaN where ``share`` (of all
    images or pixels) is 0.
    """

    said: Floats
    true: Floats
    share: Floats


def bin_of(probability: Floats) -> npt.NDArray[np.int64]:
    """The bin of each probability."""
    bins: npt.NDArray[np.int64] = (probability * BINS).astype(np.int64)
    return bins.clip(0, BINS - 1)


def image_reliability(
    probabilities: Floats, labels: npt.NDArray[np.int64]
) -> Reliability:
    """Of the likeliest classes: ``(N, C)`` and ``(N,)``."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == labels
    in_bin = np.eye(BINS)[bin_of(confidence)]
    return _reliability(
        in_bin.sum(0), confidence @ in_bin, right.astype(float) @ in_bin
    )


def pixel_reliability(histogram: pixels.ScoreHistogram) -> Reliability:
    """Of pixels: the probability of the region of interest."""
    count, said, true = _pixel_sums(histogram.foreground, histogram.background)
    return _reliability(count, said, true)


def pixel_calibration_error(
    foreground: Numbers, background: Numbers
) -> Floats:
    """Mean distance of probability and frequency over ten bins, ``(...)``.

    Parameters
    ----------
    foreground, background
        ``(..., 1001)`` pixels in each bin of ``ScoreHistogram``.
    """
    count, said, true = _pixel_sums(foreground, background)
    return np.asarray(np.abs(said - true).sum(-1) / _positive(count.sum(-1)))


def pixel_brier(foreground: Numbers, background: Numbers) -> Floats:
    """Mean of ``(p - y)^2`` over pixels, ``(...)``; from the same."""
    missing = foreground @ (1 - pixels.CENTRES) ** 2
    extra = background @ pixels.CENTRES**2
    count = (foreground + background).sum(-1)
    return np.asarray((missing + extra) / _positive(count))


def _pixel_sums(
    foreground: Numbers, background: Numbers
) -> tuple[Floats, Floats, Floats]:
    """Pixels, sum of what was said and of what was true: ``(..., BINS)``."""
    in_bin = np.eye(BINS)[bin_of(pixels.CENTRES)]
    both = foreground + background
    return both @ in_bin, (both * pixels.CENTRES) @ in_bin, foreground @ in_bin


def _reliability(count: Floats, said: Floats, true: Floats) -> Reliability:
    whole = np.where(count > 0, count, np.nan)
    return Reliability(said / whole, true / whole, count / max(1, count.sum()))


def _positive(count: Numbers) -> Floats:
    return np.where(count > 0, count, np.nan)
