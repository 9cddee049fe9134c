"""A candidate against the model it would follow, on held-out items."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from napari_wsol.errors import BadInputError
from napari_wsol.evaluation.pixels import (
    Confusion,
    Mask,
    ScoreHistogram,
    confusion,
)
from napari_wsol.evaluation.truth import (
    places_on_map,
    read_mask,
    sample_map,
)
from napari_wsol.inference.pace import Pace
from napari_wsol.inference.settings import DeviceChoice, Progress
from napari_wsol.models.loading import LoadedModel
from napari_wsol.projects.verdict import Comparison, Figures
from napari_wsol.training.looking import Look, look_at
from napari_wsol.training.table import Row
from napari_wsol.training.views import opened

MOST_LEARNED = 12
"""Items that the candidate learned from and is asked about again."""

Comparing = Generator[Progress, None, Comparison]


@dataclass(frozen=True)
class Pixels:
    """What a model finds of one item's mask."""

    counts: Confusion
    scores: ScoreHistogram


@dataclass(frozen=True)
class Seen:
    """What a model says of one labelled item."""

    right: bool
    is_negative: bool
    look: Look
    pixels: Pixels | None


def compare(
    old: LoadedModel | None,
    new: LoadedModel,
    held_out: Sequence[Row],
    learned: Sequence[Row] = (),
    *,
    negative_class: str | None = None,
    device: DeviceChoice = 'auto',
) -> Comparing:
    """Look at held-out items with both models.

    Items whose image cannot be looked at count for neither.

    Parameters
    ----------
    old
        None where the candidate has no parent.
    learned
        What the candidate learned from; some, evenly chosen, are looked at
        again.
    negative_class
        The label of items without any region of interest; the models may
        call it otherwise.

    Yields
    ------
    Progress

    Raises
    ------
    BadInputError
        Where none of the held-out items can be looked at.
    """
    again = _evenly(learned, min(MOST_LEARNED, len(held_out)))
    asked = [(new, row) for row in (*held_out, *again)]
    if old is not None:
        asked += [(old, row) for row in held_out]
    pace = Pace(len(asked), 'items', 'Comparing')
    seen: list[Seen | None] = []
    for done, (model, row) in enumerate(asked, 1):
        seen.append(_look(model, row, negative_class, device))
        yield pace(done)
    count = len(held_out)
    both = [
        number
        for number in range(count)
        if seen[number] and (old is None or seen[count + len(again) + number])
    ]
    if not both:
        raise BadInputError(
            'None of the held-out images can be read, so the new model '
            'cannot be judged. See whether they were moved, then go on with '
            'the training.'
        )
    offset = count + len(again)
    repeated = list(filter(None, seen[count:offset]))
    labels = Counter(held_out[number].label for number in both)
    by_new = [each for number in both if (each := seen[number])]
    by_old = []
    if old is not None:
        by_old = [each for n in both if (each := seen[offset + n])]
    sides = Counter(
        (was.right, is_.right)
        for was, is_ in zip(by_old, by_new, strict=False)
    )
    return Comparison(
        old=_figures(by_old) if by_old else None,
        new=_figures(by_new),
        training=_figures(repeated) if repeated else None,
        held_out=tuple(labels.items()),
        gained=sides[False, True],
        lost=sides[True, False],
        marked_error=error_of_change(by_old, by_new),
    )


def error_of_change(by_old: Sequence[Seen], by_new: Sequence[Seen]) -> float:
    """Of the mean share of negatives that is marked; 0 where one is alone."""
    changes = [
        is_.look.marked - was.look.marked
        for was, is_ in zip(by_old, by_new, strict=False)
        if is_.is_negative
    ]
    if len(changes) < 2:
        return 0.0
    return float(np.std(changes, ddof=1) / math.sqrt(len(changes)))


def _evenly(rows: Sequence[Row], count: int) -> list[Row]:
    places = np.linspace(0, len(rows) - 1, min(count, len(rows)))
    return [rows[int(place)] for place in places]


def _look(
    model: LoadedModel,
    row: Row,
    negative_class: str | None,
    device: DeviceChoice,
) -> Seen | None:
    with contextlib.suppress(BadInputError, OSError):
        look = look_at(model, row.image, row.mpp, row.field, device=device)
        classes = model.card.classes
        is_negative = row.label == negative_class
        meant = model.card.negative_class if is_negative else row.label
        return Seen(
            classes[int(np.argmax(look.probabilities))] == meant,
            is_negative,
            look,
            _pixels(model, row, look),
        )
    return None


def _pixels(model: LoadedModel, row: Row, look: Look) -> Pixels | None:
    """At level-0 resolution; None without mask or map."""
    if row.mask is None or look.map is None:
        return None
    area = look.area
    top, left = max(0, math.floor(area.y)), max(0, math.floor(area.x))
    truth: Mask = read_mask(row.mask, opened(row.image, row.mpp).shape)[
        top : math.ceil(area.bottom), left : math.ceil(area.right)
    ]
    height, width = look.map.shape
    rows, columns = truth.shape
    score = sample_map(
        look.map,
        places_on_map(rows, rows, area.y - top, area.height / height),
        places_on_map(columns, columns, area.x - left, area.width / width),
    )
    scores = ScoreHistogram()
    scores.add(score, truth)
    return Pixels(confusion(score >= model.card.threshold, truth), scores)


def _figures(known: Sequence[Seen]) -> Figures:
    looks = [each.look for each in known]
    negatives = [each.look.marked for each in known if each.is_negative]
    pixels = [each.pixels for each in known if each.pixels is not None]
    pxap = sum((each.scores for each in pixels), start=ScoreHistogram()).pxap()
    return Figures(
        n_items=len(known),
        accuracy=fmean(each.right for each in known),
        entropy=fmean(look.entropy for look in looks),
        entropy_foreground=fmean(look.entropy_foreground for look in looks),
        entropy_background=fmean(look.entropy_background for look in looks),
        foreground_on_negatives=fmean(negatives) if negatives else None,
        f1_foreground=100 * fmean(p.counts.f1_foreground for p in pixels)
        if pixels
        else None,
        f1_background=100 * fmean(p.counts.f1_background for p in pixels)
        if pixels
        else None,
        pxap=None if math.isnan(pxap) else pxap,
    )
