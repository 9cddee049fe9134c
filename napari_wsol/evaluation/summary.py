"""From a cohort to a report."""

from __future__ import annotations

import math

from napari_wsol.evaluation.classification import confusion_matrix
from napari_wsol.evaluation.cohort import Cohort
from napari_wsol.evaluation.figures import CLASS_F1, Statistics, labelled
from napari_wsol.evaluation.report import Report
from napari_wsol.models.loading import LoadedModel


def summarize(
    cohort: Cohort,
    model: LoadedModel,
    threshold: float,
    *,
    measured: str,
    data: str,
    split: str,
    resamples: int,
    seed: int,
) -> Report:
    """Figures with their intervals; None where one cannot be told.

    Parameters
    ----------
    measured
        Which map.
    """
    statistics = Statistics(cohort)
    told = {
        name: float(values[0])
        for name, values in statistics.figures().items()
        if not math.isnan(values[0])
    }
    by_class = {
        name.removeprefix(CLASS_F1): told.pop(name)
        for name in tuple(told)
        if name.startswith(CLASS_F1)
    }
    labels, probabilities, judged = labelled(cohort.observations)
    matrix = None
    if judged.any():
        counts = confusion_matrix(probabilities, labels).tolist()
        matrix = tuple(map(tuple, counts))
    return Report(
        model=model.card.name,
        model_hash=model.sha256,
        data=data,
        split=split,
        n_images=len(cohort.observations),
        n_masks=cohort.n_masks,
        n_groups=statistics.groups,
        n_negative=sum(seen.negative for seen in cohort.observations),
        threshold=threshold,
        map=measured,
        f1_classes=by_class or None,
        classes=cohort.classes,
        confusion_matrix=matrix,
        intervals=statistics.intervals(resamples, seed) or None,
        resamples=resamples,
        seed=seed,
        **told,
    )
