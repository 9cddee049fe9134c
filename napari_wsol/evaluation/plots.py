"""The charts of a report: what each shows of a cohort."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_wsol.evaluation.calibration import (
    Reliability,
    image_reliability,
    pixel_reliability,
)
from napari_wsol.evaluation.charts import Line, Series, chart
from napari_wsol.evaluation.cohort import Cohort
from napari_wsol.evaluation.figures import labelled
from napari_wsol.evaluation.pixels import (
    CENTRES,
    THRESHOLDS,
    ScoreHistogram,
    marked_from_each,
)
from napari_wsol.inference.colours import CLASS_COLOURS

Floats = npt.NDArray[np.float64]

Plot = tuple[str, str, str]
"""Title, SVG, and what to read from it."""

_BARS = 50

_CSS = [f'rgb({r},{g},{b})' for r, g, b in CLASS_COLOURS]
_GREEN, _ORANGE, _BLUE = _CSS[0], _CSS[1], _CSS[5]
_GREY = '#888'


def plots(cohort: Cohort, threshold: float) -> list[Plot]:
    """Title, SVG and an explanation of every chart that there is data for."""
    found = []
    histogram = cohort.histogram
    if cohort.n_masks:
        if histogram.foreground.any():
            found.append(_precision_recall(histogram, threshold))
        found += [
            _f1_over_threshold(cohort, threshold),
            _scores(histogram, threshold),
        ]
    reliability = _reliability(cohort)
    return [*found, reliability] if reliability else found


def _reliability(cohort: Cohort) -> Plot | None:
    series = []
    if cohort.n_masks:
        told = pixel_reliability(cohort.histogram)
        series += _reliable('pixels', told, _BLUE)
    labels, probabilities, judged = labelled(cohort.observations)
    if judged.any():
        told = image_reliability(probabilities, labels)
        series += _reliable('images', told, _ORANGE)
    if not series:
        return None
    ends = np.array([0.0, 1.0])
    return (
        'Reliability',
        chart(
            [Series('', ends, ends, _GREY, 'dashed'), *series],
            'probability that was said',
            'share that was so',
        ),
        (
            'On the dashed line, probabilities mean what they say; below it '
            'the model is too sure. Large dots hold many, small ones say '
            'little. Pixels: probability of the region of interest. Images: '
            'of the class that was said.'
        ),
    )


def _precision_recall(histogram: ScoreHistogram, threshold: float) -> Plot:
    tp, fp, fn, _ = marked_from_each(
        histogram.foreground, histogram.background
    )
    marked = tp + fp > 0
    recall = (tp / (tp + fn))[marked]
    precision = tp[marked] / (tp + fp)[marked]
    at = histogram.confusion_at(threshold)
    series = [
        Series('all pixels', recall, precision, _BLUE),
        Series(
            'by chance',
            np.array([0.0, 1.0]),
            np.full(2, tp[0] / (tp[0] + fp[0])),
            _GREY,
            'dashed',
        ),
    ]
    if at.tp + at.fp:
        series.append(
            Series(
                f'at {threshold:g}',
                np.array([at.tp / (at.tp + at.fn)]),
                np.array([at.tp / (at.tp + at.fp)]),
                _ORANGE,
                'points',
            )
        )
    return (
        'Precision and recall',
        chart(series, 'recall', 'precision'),
        'Of all pixels, at every threshold. The area under the curve is PxAP.',
    )


def _f1_over_threshold(cohort: Cohort, threshold: float) -> Plot:
    foreground, background = cohort.f1_curves()
    series = [
        Series('F1+ foreground', THRESHOLDS, foreground, _GREEN),
        Series('F1− background', THRESHOLDS, background, _BLUE),
        Series(
            'mean', THRESHOLDS, (foreground + background) / 2, _GREY, 'dashed'
        ),
    ]
    return (
        'F1 over the threshold',
        chart(
            series,
            'threshold',
            'per-image mean',
            lines=[Line(threshold, f'used: {threshold:g}')],
        ),
        (
            'How much the masks depend on the threshold, which belongs to '
            'the model and is chosen on validation images only.'
        ),
    )


def _scores(histogram: ScoreHistogram, threshold: float) -> Plot:
    bars = np.minimum((CENTRES * _BARS).astype(int), _BARS - 1)
    corners = np.repeat(np.arange(_BARS + 1) / _BARS, 2)[1:-1]
    heights = []
    for counts in (histogram.foreground, histogram.background):
        share = np.bincount(bars, counts, _BARS) / max(1, counts.sum())
        heights.append(np.repeat(share, 2))
    series = [
        Series(name, corners, height, colour, 'area')
        for name, height, colour in zip(
            ('true foreground', 'true background'),
            heights,
            (_GREEN, _BLUE),
            strict=True,
        )
    ]
    return (
        'Scores of pixels',
        chart(
            series,
            'ROI probability',
            'share of pixels',
            y_end=max(float(np.max(heights)) * 1.05, 0.01),
            lines=[Line(threshold, f'used: {threshold:g}')],
        ),
        (
            'The less the two overlap, the better regions can be told '
            'from the rest.'
        ),
    )


def _reliable(name: str, told: Reliability, colour: str) -> list[Series]:
    return [
        Series(name, told.said, told.true, colour),
        Series('', told.said, told.true, colour, 'points', told.share),
    ]
