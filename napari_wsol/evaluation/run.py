"""A model over a labelled data set: one row per image, one report."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_wsol.errors import BadInputError
from napari_wsol.evaluation.pixels import (
    Confusion,
    ScoreHistogram,
    confusion,
)
from napari_wsol.evaluation.truth import read_mask, sample_map
from napari_wsol.inference.inmemory import probability_of
from napari_wsol.inference.settings import Prediction, PredictionSettings
from napari_wsol.models.loading import LoadedModel
from napari_wsol.slides.opening import open_slide
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.slides.slide import Slide
from napari_wsol.training.table import DataTable, Row

ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class ImageResult:
    """One image's figures; None where labels alone do not allow them.

    F1 figures are in percent, at the model's threshold.
    """

    image: str
    label: str
    predicted: str | None
    correct: bool | None
    f1_foreground: float | None
    f1_background: float | None
    foreground_percent: float
    entropy_image: float | None
    entropy_foreground: float | None
    entropy_background: float | None
    seconds: float


@dataclass(frozen=True)
class Report:
    """Figures of a data set, all in percent.

    ``f1_*`` are per-image means at the model's threshold; ``pxap`` and the
    confusion are pooled over all pixels, the confusion as percent of true
    foreground (tp, fn) and background (fp, tn). None: no masks, or no label
    that the model knows.
    """

    model: str
    model_hash: str
    data: str
    split: str
    n_images: int
    n_masks: int
    threshold: float
    classification_error: float | None
    f1_foreground: float | None
    f1_background: float | None
    pxap: float | None
    tp: float | None
    fn: float | None
    fp: float | None
    tn: float | None


def choose_rows(table: DataTable, split: str | None) -> tuple[Row, ...]:
    """Whole-image rows of a split; all of them where none is named.

    Raises
    ------
    BadInputError
        Where the split is not in the table or holds no whole image.
    """
    if split and split not in table.splits:
        raise BadInputError(
            f'"{table.source}" has no split "{split}"; it has: '
            f'{", ".join(table.splits) or "none"}.'
        )
    rows = table.split(split) if split else table.rows
    whole = tuple(row for row in rows if row.field is None)
    if not whole:
        raise BadInputError(
            f'"{table.source}" holds no whole images to evaluate (only '
            'fields).'
        )
    return whole


@dataclass
class Evaluation:
    """Runs a model over rows and adds up what it finds.

    Parameters
    ----------
    rename
        Data set's label -> model's class, where they differ.
    data_mpp
        µm per pixel of images that state none.
    """

    model: LoadedModel
    rows: Sequence[Row]
    settings: PredictionSettings = field(
        default_factory=lambda: PredictionSettings(tissue_only=False)
    )
    rename: dict[str, str] | None = None
    data_mpp: float | None = None

    def __post_init__(self) -> None:
        self.results: list[ImageResult] = []
        self.histogram = ScoreHistogram()
        self.confusion = Confusion()

    def run(self) -> Iterator[ImageResult]:
        """Every row in turn."""
        names = [self._class_of(row) for row in self.rows]
        present = sorted({name for name in names if name is not None})
        for row, label in zip(self.rows, names, strict=True):
            result = self._image(row, label, present)
            self.results.append(result)
            yield result

    def report(self, data: str, split: str) -> Report:
        """The figures so far."""
        judged = [r.correct for r in self.results if r.correct is not None]
        with_mask = [r for r in self.results if r.f1_foreground is not None]
        found = self.confusion
        foreground = found.tp + found.fn
        background = found.fp + found.tn
        return Report(
            model=self.model.card.name,
            model_hash=self.model.sha256,
            data=data,
            split=split,
            n_images=len(self.results),
            n_masks=len(with_mask),
            threshold=self._threshold,
            classification_error=_percent(judged.count(False), len(judged)),
            f1_foreground=_mean([r.f1_foreground for r in with_mask]),
            f1_background=_mean([r.f1_background for r in with_mask]),
            pxap=_number(self.histogram.pxap()) if with_mask else None,
            tp=_percent(found.tp, foreground),
            fn=_percent(found.fn, foreground),
            fp=_percent(found.fp, background),
            tn=_percent(found.tn, background),
        )

    @property
    def _threshold(self) -> float:
        if self.settings.threshold is not None:
            return self.settings.threshold
        return self.model.card.threshold

    def _class_of(self, row: Row) -> str | None:
        name = (self.rename or {}).get(row.label, row.label)
        return name if name in self.model.card.classes else None

    def _image(
        self, row: Row, label: str | None, present: list[str]
    ) -> ImageResult:
        slide = self._open(row)
        probability, prediction = probability_of(
            slide, self.model, self.settings
        )
        predicted = _most_likely(prediction, present)
        at_threshold = None
        if row.mask is not None:
            at_threshold = self._compare(
                row.mask, slide, probability, prediction
            )
            self.confusion += at_threshold
        return ImageResult(
            image=row.image.name,
            label=row.label,
            predicted=predicted,
            correct=(
                None
                if label is None or predicted is None
                else label == predicted
            ),
            f1_foreground=(
                100 * at_threshold.f1_foreground if at_threshold else None
            ),
            f1_background=(
                100 * at_threshold.f1_background if at_threshold else None
            ),
            foreground_percent=100 * prediction.foreground_fraction,
            entropy_image=prediction.entropy_image,
            entropy_foreground=prediction.entropy_foreground,
            entropy_background=prediction.entropy_background,
            seconds=prediction.seconds,
        )

    def _open(self, row: Row) -> Slide:
        stated = row.mpp or self.data_mpp
        return open_slide(
            row.image,
            PixelSize(stated, stated, 'data table') if stated else None,
        )

    def _compare(
        self,
        mask: Path,
        slide: Slide,
        probability: npt.NDArray[np.float32],
        prediction: Prediction,
    ) -> Confusion:
        """Count at level-0 resolution, some rows at a time."""
        truth = read_mask(mask, slide.shape)
        height, width = slide.shape
        columns = (np.arange(width) + 0.5 - prediction.origin_x) / (
            prediction.step_x
        ) - 0.5
        total = Confusion()
        for top in range(0, height, ROWS_AT_ONCE):
            rows = np.arange(top, min(height, top + ROWS_AT_ONCE))
            places = (rows + 0.5 - prediction.origin_y) / (
                prediction.step_y
            ) - 0.5
            found = sample_map(probability, places, columns)
            self.histogram.add(found, truth[rows])
            total += confusion(found >= self._threshold, truth[rows])
        return total


def write_report(
    report: Report, rows: Sequence[ImageResult], path: Path
) -> None:
    """Write ``report.json`` and, beside it, ``report.csv`` with the images."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(report), indent=2) + '\n')
        with path.with_suffix('.csv').open('w', newline='') as file:
            names = list(ImageResult.__dataclass_fields__)
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(asdict(row) for row in rows)
    except OSError as error:
        raise BadInputError(
            f'The report cannot be written to "{path}" ({error.strerror}). '
            'Choose another place.'
        ) from error


def _most_likely(prediction: Prediction, present: list[str]) -> str | None:
    """The likeliest class among those that the data set has."""
    if prediction.class_probabilities is None or not present:
        return None
    probability = dict(
        zip(prediction.classes, prediction.class_probabilities, strict=True)
    )
    return max(present, key=lambda name: probability[name])


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
