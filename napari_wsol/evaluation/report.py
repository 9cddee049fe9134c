"""What an evaluation found, as values and as files."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from napari_wsol.errors import BadInputError


@dataclass(frozen=True)
class ImageResult:
    """One image's figures; None where labels alone do not allow them.

    Figures of pixels are in percent, at the threshold; ``confidence`` is the
    probability of the predicted class, among those that were in question.
    """

    image: str
    label: str
    predicted: str | None
    correct: bool | None
    confidence: float | None
    f1_foreground: float | None
    f1_background: float | None
    miou: float | None
    foreground_percent: float
    entropy_image: float | None
    entropy_foreground: float | None
    entropy_background: float | None
    group: str
    seconds: float


@dataclass(frozen=True)
class Report:
    """Figures of a data set, all in percent.

    ``f1_*`` and ``miou_images`` are per-image means at the threshold;
    ``pxap``, the confusion (percent of true foreground: tp, fn; of true
    background: fp, tn), ``miou``, ``f1_classes`` and the calibration of
    pixels are pooled over all pixels. None: no masks, no label that the
    model knows, or no negative images.

    Parameters
    ----------
    map
        Which map was measured (``PredictionSettings.map``).
    f1_foreground_present
        As ``f1_foreground``, over images with foreground only.
    f1_classes
        Dice of each ROI class, an image's label being its mask's class.
    negative_foreground, negative_marked
        Of fully negative images: mean share of their area that is marked,
        and share of images in which anything is.
    intervals
        Both ends of the 95 % interval, by figure.
    """

    model: str
    model_hash: str
    data: str
    split: str
    n_images: int
    n_masks: int
    n_groups: int
    n_negative: int
    threshold: float
    map: str = 'localizer'
    classification_error: float | None = None
    balanced_accuracy: float | None = None
    auroc: float | None = None
    f1_foreground: float | None = None
    f1_background: float | None = None
    f1_foreground_present: float | None = None
    pxap: float | None = None
    tp: float | None = None
    fn: float | None = None
    fp: float | None = None
    tn: float | None = None
    miou: float | None = None
    miou_images: float | None = None
    f1_classes: dict[str, float] | None = None
    negative_foreground: float | None = None
    negative_marked: float | None = None
    ece_images: float | None = None
    brier_images: float | None = None
    ece_pixels: float | None = None
    brier_pixels: float | None = None
    classes: tuple[str, ...] = ()
    confusion_matrix: tuple[tuple[int, ...], ...] | None = None
    intervals: dict[str, tuple[float, float]] | None = None
    resamples: int = 0
    seed: int = 0


def write_report(
    report: Report, rows: Sequence[ImageResult], path: Path
) -> None:
    """Write ``report.json`` and, beside it, ``report.csv`` with the images.

    Raises
    ------
    BadInputError
        Where they cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps(asdict(report), indent=2, ensure_ascii=False) + '\n',
            encoding='utf-8',
        )
        with path.with_suffix('.csv').open(
            'w', newline='', encoding='utf-8'
        ) as file:
            names = list(ImageResult.__dataclass_fields__)
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(asdict(row) for row in rows)
    except OSError as error:
        raise BadInputError(
            f'The report cannot be written to "{path}" ({error.strerror}). '
            'Choose another place.'
        ) from error
