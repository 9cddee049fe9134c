"""One image's maps against its mask, pixel by pixel at level 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_wsol.evaluation.pixels import (
    Confusion,
    Mask,
    ScoreHistogram,
    confusion,
)
from napari_wsol.evaluation.truth import (
    nearest_on_map,
    places_on_map,
    sample_map,
)
from napari_wsol.inference.maps import CLASSES, PROBABILITY, Map
from napari_wsol.inference.settings import Prediction

ROWS_AT_ONCE = 512

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Comparison:
    """Pixels found and missed.

    Parameters
    ----------
    confusion
        At the threshold.
    by_class
        ``(ROI classes, 3)`` pixels rightly given each class, wrongly given,
        and missed; None where the maps or the label do not tell.
    """

    histogram: ScoreHistogram
    confusion: Confusion
    by_class: Counts | None


def compare(
    truth: Mask,
    maps: dict[str, Map],
    prediction: Prediction,
    roi_class: int | None,
) -> Comparison:
    """Count at level-0 resolution, some rows at a time.

    Parameters
    ----------
    truth
        ``(H, W)`` of the whole image.
    maps
        As ``inference.inmemory.maps_of`` gives them.
    roi_class
        Of which ROI class the truth is, -1 where it is empty because the
        image is fully negative; None where that is not known.
    """
    height, width = truth.shape
    places = places_on_map(
        height, height, prediction.origin_y, prediction.step_y
    )
    columns = places_on_map(
        width, width, prediction.origin_x, prediction.step_x
    )
    classes = None
    if CLASSES in maps and roi_class is not None:
        classes = maps[CLASSES].argmax(0)
    probability = np.asarray(maps[PROBABILITY], np.float32)
    histogram, total = ScoreHistogram(), Confusion()
    by_class = np.zeros((len(prediction.roi_classes), 3), np.int64)
    for top in range(0, height, ROWS_AT_ONCE):
        part = slice(top, top + ROWS_AT_ONCE)
        score = sample_map(probability, places[part], columns)
        found = score >= prediction.threshold
        histogram.add(score, truth[part])
        total += confusion(found, truth[part])
        if classes is not None:
            said = nearest_on_map(classes, places[part], columns)
            by_class += _by_class(
                said, found, truth[part], roi_class, len(by_class)
            )
    return Comparison(histogram, total, None if classes is None else by_class)


def _by_class(
    said: npt.NDArray[np.integer],
    found: Mask,
    truth: Mask,
    roi_class: int | None,
    count: int,
) -> Counts:
    """Hits, false finds and misses of each class, ``(count, 3)``."""
    given = np.bincount(said[found], minlength=count)
    hits = np.bincount(said[found & truth], minlength=count)
    mine = np.arange(count) == roi_class
    hits = np.where(mine, hits, 0)
    missed = np.where(mine, np.count_nonzero(truth) - hits, 0)
    return np.stack([hits, given - hits, missed], 1)
