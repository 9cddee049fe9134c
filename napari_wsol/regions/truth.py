"""What a map marks against the truth, at any threshold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wsol.evaluation.pixels import ScoreHistogram
from napari_wsol.regions.labelling import SIDE, Block, cut
from napari_wsol.regions.outlines import Outlines
from napari_wsol.regions.painting import painted

Floats = npt.NDArray[np.float64]
Truth = npt.NDArray[np.uint8]

BACKGROUND, ROI, UNKNOWN = range(3)
"""What the truth says of a pixel; where it says nothing, nothing counts."""

TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE = 1, 2, 3

MOST_PIXELS = 2**24
"""Maps with more pixels than this are judged on a coarser level."""

_ERRORS = np.array(
    [[0, FALSE_NEGATIVE, 0], [FALSE_POSITIVE, TRUE_POSITIVE, 0]], np.uint8
)
"""By whether a pixel is marked, and by what the truth says of it."""


@dataclass(frozen=True)
class Figures:
    """How right a mask is, in percent.

    Parameters
    ----------
    f1_foreground, f1_background
        Dice of either; 100 where neither mask nor truth holds any.
    pxap
        Area under precision over recall; NaN without true foreground.
    tp, fn
        Of the true foreground; NaN where there is none.
    fp, tn
        Of the true background; NaN where there is none.
    """

    f1_foreground: float
    f1_background: float
    pxap: float
    tp: float
    fn: float
    fp: float
    tn: float


@dataclass(frozen=True, eq=False)
class Judgement:
    """A map that was counted against the truth once.

    Parameters
    ----------
    probability
        ``(h, w)``, numpy, dask or zarr; read again for ``errors`` only.
    truth
        ``(h, w)`` of ``BACKGROUND``, ``ROI`` and ``UNKNOWN``.
    histogram
        Of the pixels of which the truth says something.
    """

    probability: Any
    truth: Truth
    histogram: ScoreHistogram

    @property
    def known(self) -> int:
        """Map pixels of which the truth says something."""
        counts = self.histogram
        return int(counts.foreground.sum() + counts.background.sum())

    def figures(self, threshold: float) -> Figures:
        """How right the mask is at a threshold (to a thousandth).

        Takes the same short time whatever the size of the map.
        """
        counts = self.histogram.confusion_at(threshold)
        foreground, background = counts.tp + counts.fn, counts.fp + counts.tn
        return Figures(
            100 * counts.f1_foreground,
            100 * counts.f1_background,
            self.histogram.pxap(),
            _percent(counts.tp, foreground),
            _percent(counts.fn, foreground),
            _percent(counts.fp, background),
            _percent(counts.tn, background),
        )

    def errors(self, threshold: float) -> Truth:
        """``(h, w)``: 1 rightly marked, 2 wrongly marked, 3 missed, else 0."""
        found = np.empty_like(self.truth)
        for block in _blocks(self.probability):
            marked = _read(self.probability, block) >= threshold
            found[block.place] = _ERRORS[
                marked.astype(np.uint8), self.truth[block.place]
            ]
        return found


def level_to_judge(levels: Sequence[Any]) -> tuple[Any, int]:
    """The finest level that is small enough, and how much coarser it is.

    Parameters
    ----------
    levels
        Of a map, each half as fine as the one before.

    Returns
    -------
    tuple
        The level, or the last one where all have more than ``MOST_PIXELS``;
        and pixels of the finest level per pixel of it, along y and x.
    """
    small = (
        number
        for number, level in enumerate(levels)
        if math.prod(level.shape) <= MOST_PIXELS
    )
    number = next(small, len(levels) - 1)
    return levels[number], 2**number


def judge(probability: Any, truth: Truth) -> Judgement:
    """Count a map against the truth, chunk by chunk.

    Parameters
    ----------
    probability
        ``(h, w)`` in [0, 1], numpy, dask or zarr.
    truth
        ``(h, w)`` of ``BACKGROUND``, ``ROI`` and ``UNKNOWN``.
    """
    if truth.shape != tuple(probability.shape):
        raise ValueError(f'{truth.shape} of {probability.shape} is known')
    histogram = ScoreHistogram()
    for block in _blocks(probability):
        there = truth[block.place]
        known = there != UNKNOWN
        if known.any():
            values = _read(probability, block)[known]
            histogram.add(values, there[known] == ROI)
    return Judgement(probability, truth, histogram)


def shares_of_truth(
    outlines: Outlines, shape: tuple[int, int], truth: Truth, coarser: int
) -> Floats:
    """How much of each region is ROI by the truth, ``(N,)`` in [0, 1].

    NaN where the truth says nothing of any of its pixels.

    Parameters
    ----------
    outlines
        Of N regions.
    shape
        ``(H, W)`` of the map that the regions are of.
    truth
        As for ``judge``, on the same or a coarser level of that map.
    coarser
        As from ``level_to_judge``.
    """
    count = len(outlines) + 1
    inside, known = np.zeros(count, np.int64), np.zeros(count, np.int64)
    numbers = np.arange(1, count, dtype=np.int32)
    for block, region in painted(outlines, numbers, cut(shape, (SIDE,) * 2)):
        rows, columns = (
            np.arange(place.start, place.stop) // coarser
            for place in block.place
        )
        there = truth[rows[:, None], columns]
        inside += np.bincount(region[there == ROI], minlength=count)
        known += np.bincount(region[there != UNKNOWN], minlength=count)
    return np.asarray(
        np.where(known > 0, inside / np.maximum(known, 1), np.nan)[1:]
    )


def _blocks(array: Any) -> Iterator[Block]:
    """Blocks of whole chunks; an array in memory is cut up as well."""
    whole = getattr(array, 'chunks', (SIDE, SIDE))
    chunks = getattr(array, 'chunksize', whole)
    return cut(tuple(array.shape), chunks)


def _read(array: Any, block: Block) -> npt.NDArray[np.floating[Any]]:
    return np.asarray(array[block.place])


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else math.nan
