"""A model over a labelled data set: one row per image, one report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from napari_wsol.errors import BadInputError
from napari_wsol.evaluation.bootstrap import RESAMPLES
from napari_wsol.evaluation.cases import Case, Gallery, draw_panels
from napari_wsol.evaluation.cohort import Cohort, Observation
from napari_wsol.evaluation.comparing import Comparison, compare
from napari_wsol.evaluation.pixels import Mask
from napari_wsol.evaluation.report import ImageResult, Report
from napari_wsol.evaluation.summary import summarize
from napari_wsol.evaluation.truth import read_mask
from napari_wsol.inference.inmemory import maps_of
from napari_wsol.inference.job import threshold_of
from napari_wsol.inference.settings import Prediction, PredictionSettings
from napari_wsol.models.loading import LoadedModel
from napari_wsol.slides.opening import open_slide
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.slides.slide import Slide
from napari_wsol.training.table import DataTable, Row


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

    Maps are class-agnostic or follow the predicted classes: no row's label
    reaches the model. Images are told apart among the classes that the rows
    hold, or among all of the model's where they hold one only.

    Parameters
    ----------
    settings
        An image without any tissue is looked at everywhere.
    rename
        Data set's label -> model's class, where they differ.
    data_mpp
        µm per pixel of images that state none.
    negative_label
        The data set's label of images without any region of interest; None
        takes the model's negative class. Where other rows have masks, such
        an image without one counts as an empty mask.
    gallery
        Keeps pictures of the best and the worst; None draws none.
    """

    model: LoadedModel
    rows: Sequence[Row]
    settings: PredictionSettings = field(default_factory=PredictionSettings)
    rename: dict[str, str] | None = None
    data_mpp: float | None = None
    negative_label: str | None = None
    gallery: Gallery | None = None

    def __post_init__(self) -> None:
        labels = {row.label for row in self.rows}
        if self.negative_label and self.negative_label not in labels:
            raise BadInputError(
                f'No image is labelled "{self.negative_label}", which was '
                f'said to be the negative label; there are: '
                f'{", ".join(sorted(labels))}.'
            )
        card = self.model.card
        present = {self._class_of(row) for row in self.rows}
        told_apart = tuple(c for c in card.classes if c in present)
        if len(told_apart) == 1:
            told_apart = card.classes
        self.results: list[ImageResult] = []
        self.cohort = Cohort(told_apart)
        self._any_mask = any(row.mask is not None for row in self.rows)

    def run(self) -> Iterator[ImageResult]:
        """Every row in turn."""
        for row in self.rows:
            result = self._image(row)
            self.results.append(result)
            yield result

    def report(
        self,
        data: str,
        split: str,
        *,
        resamples: int = RESAMPLES,
        seed: int = 0,
    ) -> Report:
        """The figures so far.

        Parameters
        ----------
        resamples, seed
            Of the bootstrap that gives the intervals; 0 resamples: none.
        """
        return summarize(
            self.cohort,
            self.model,
            self.threshold,
            measured=self.settings.map,
            data=data,
            split=split,
            resamples=resamples,
            seed=seed,
        )

    @property
    def threshold(self) -> float:
        """From which probability on pixels are marked."""
        return threshold_of(self.model.card, self.settings)

    def _class_of(self, row: Row) -> str | None:
        name = (self.rename or {}).get(row.label, row.label)
        return name if name in self.model.card.classes else None

    def _is_negative(self, row: Row) -> bool:
        if self.negative_label is not None:
            return row.label == self.negative_label
        negative = self.model.card.negative_class
        return negative is not None and self._class_of(row) == negative

    def _image(self, row: Row) -> ImageResult:
        slide = self._open(row)
        maps, prediction = maps_of(slide, self.model, self.settings)
        if prediction.tissue_fraction == 0:
            everywhere = replace(self.settings, tissue_only=False)
            maps, prediction = maps_of(slide, self.model, everywhere)
        label = self._class_of(row)
        truth = self._truth(row, slide)
        roi_class = self._roi_class(row)
        compared = None
        if truth is not None:
            compared = compare(truth, maps, prediction, roi_class)
            if compared.by_class is not None:
                self.cohort.roi_classes = prediction.roi_classes
        chances = self._chances(prediction)
        result = _result(row, label, prediction, chances, compared)
        self.cohort.add(
            Observation(
                group=row.group or str(row.image),
                label=(
                    None if label is None else self.cohort.classes.index(label)
                ),
                probabilities=(
                    None if chances is None else np.array([*chances.values()])
                ),
                marked=prediction.foreground_fraction,
                negative=self._is_negative(row),
                confusion=None if compared is None else compared.confusion,
                by_class=None if compared is None else compared.by_class,
            ),
            None if compared is None else compared.histogram,
        )
        score = _score(result, (chances or {}).get(label or ''))
        if self.gallery is not None and score is not None:
            self.gallery.offer(
                score,
                lambda: Case(
                    score,
                    result.image,
                    _caption(result),
                    draw_panels(slide, maps, prediction, truth, roi_class),
                ),
            )
        return result

    def _open(self, row: Row) -> Slide:
        stated = row.mpp or self.data_mpp
        return open_slide(
            row.image,
            PixelSize(stated, stated, 'data table') if stated else None,
        )

    def _truth(self, row: Row, slide: Slide) -> Mask | None:
        if row.mask is not None:
            return read_mask(row.mask, slide.shape)
        if self._any_mask and self._is_negative(row):
            return np.zeros(slide.shape, bool)
        return None

    def _roi_class(self, row: Row) -> int | None:
        """Which ROI class a row's mask shows, -1 for none; None: unknown."""
        if self._is_negative(row):
            return -1
        name, known = self._class_of(row), self.model.card.roi_classes
        return known.index(name) if name in known else None

    def _chances(self, prediction: Prediction) -> dict[str, float] | None:
        """Probabilities of the classes in question, adding up to 1."""
        if prediction.class_probabilities is None or not self.cohort.classes:
            return None
        said = dict(
            zip(
                prediction.classes, prediction.class_probabilities, strict=True
            )
        )
        total = sum(said[name] for name in self.cohort.classes)
        count = len(self.cohort.classes)
        return {
            name: said[name] / total if total else 1 / count
            for name in self.cohort.classes
        }


def evaluate_model(
    model: LoadedModel,
    rows: Sequence[Row],
    settings: PredictionSettings | None = None,
    *,
    data: str = '',
    split: str = '',
    resamples: int = RESAMPLES,
) -> Report:
    """The report of a model over rows, in one call.

    Parameters
    ----------
    settings
        None marks at the model's threshold, and no glass.
    resamples
        Of the bootstrap; 0 leaves the intervals out.

    Raises
    ------
    WsolError
        As ``inference.predicting.predict``, and where a mask does not fit.
    """
    evaluation = Evaluation(model, rows, settings or PredictionSettings())
    for _ in evaluation.run():
        pass
    return evaluation.report(data, split, resamples=resamples)


def _result(
    row: Row,
    label: str | None,
    prediction: Prediction,
    chances: dict[str, float] | None,
    compared: Comparison | None,
) -> ImageResult:
    predicted = max(chances, key=lambda n: chances[n]) if chances else None
    found = compared.confusion if compared else None
    return ImageResult(
        image=row.image.name,
        label=row.label,
        predicted=predicted,
        correct=(
            None if label is None or predicted is None else label == predicted
        ),
        confidence=chances[predicted] if chances and predicted else None,
        f1_foreground=100 * found.f1_foreground if found else None,
        f1_background=100 * found.f1_background if found else None,
        miou=100 * found.mean_iou if found else None,
        foreground_percent=100 * prediction.foreground_fraction,
        entropy_image=prediction.entropy_image,
        entropy_foreground=prediction.entropy_foreground,
        entropy_background=prediction.entropy_background,
        group=row.group,
        seconds=prediction.seconds,
    )


def _score(result: ImageResult, chance: float | None) -> float | None:
    """How good an answer is: by its mask, else by its label."""
    if result.f1_foreground is not None and result.f1_background is not None:
        return (result.f1_foreground + result.f1_background) / 2
    return chance


def _caption(result: ImageResult) -> str:
    said = result.label
    if result.predicted is not None and result.confidence is not None:
        said += f'; said {result.predicted} ({result.confidence:.2f})'
    if result.correct is False:
        said += ', wrong'
    if result.f1_foreground is not None:
        said += (
            f'; F1+ {result.f1_foreground:.0f}, F1− {result.f1_background:.0f}'
        )
    return said
