"""What was seen of many images, added up as far as figures need it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from napari_wsol.evaluation.pixels import (
    BINS,
    Confusion,
    ScoreHistogram,
    best_of_thresholds,
    dice,
    marked_from_each,
)

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Observation:
    """What was seen of one image.

    Parameters
    ----------
    group
        Patient, case or slide: what is resampled as one.
    label
        Index of its true class; None where the model does not know it.
    probabilities
        ``(C,)`` of the same classes; None where not classified.
    marked
        Share of its area that is marked.
    negative
        Whether it is known to hold no region of interest.
    confusion
        Of its pixels at the threshold; None without a mask.
    by_class
        ``(ROI classes, 3)`` pixels rightly given each class, wrongly given,
        and missed; None where the model or the label does not tell.
    """

    group: str
    label: int | None = None
    probabilities: Floats | None = None
    marked: float = 0.0
    negative: bool = False
    confusion: Confusion | None = None
    by_class: Counts | None = None


def _curve() -> Floats:
    return np.zeros(BINS + 1)


@dataclass
class Cohort:
    """Observations, and one histogram of scores per group.

    Parameters
    ----------
    classes
        Among which images are told apart.
    roi_classes
        Among which pixels are; empty where they are not.
    """

    classes: tuple[str, ...]
    roi_classes: tuple[str, ...] = ()
    observations: list[Observation] = field(default_factory=list)
    histograms: dict[str, ScoreHistogram] = field(default_factory=dict)
    _f1_foreground: Floats = field(default_factory=_curve, repr=False)
    _f1_background: Floats = field(default_factory=_curve, repr=False)

    def add(
        self, seen: Observation, histogram: ScoreHistogram | None = None
    ) -> None:
        """Add an image and, where it has a mask, its scores."""
        self.observations.append(seen)
        group = self.histograms.setdefault(seen.group, ScoreHistogram())
        if histogram is None:
            return
        self.histograms[seen.group] = group + histogram
        tp, fp, fn, tn = marked_from_each(
            histogram.foreground, histogram.background
        )
        self._f1_foreground += dice(tp, fp, fn)
        self._f1_background += dice(tn, fn, fp)

    @property
    def n_masks(self) -> int:
        """Images with a mask."""
        return sum(seen.confusion is not None for seen in self.observations)

    @property
    def histogram(self) -> ScoreHistogram:
        """Scores of all pixels."""
        return sum(self.histograms.values(), start=ScoreHistogram())

    def f1_curves(self) -> tuple[Floats, Floats]:
        """Per-image mean F1+ and F1- at each of ``pixels.THRESHOLDS``."""
        count = max(1, self.n_masks)
        return self._f1_foreground / count, self._f1_background / count

    def best_threshold(self) -> float:
        """The threshold at which the mean of F1+ and F1- is highest.

        Both are per-image means, as reported; the middle one where several
        thresholds are the best.
        """
        return best_of_thresholds(np.add(*self.f1_curves()))
