"""What a model marks of fully negative items, for a false-positive budget."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from contextlib import closing

from napari_wsol.errors import BadInputError
from napari_wsol.inference.inmemory import probability_of
from napari_wsol.inference.pace import Pace
from napari_wsol.inference.settings import PredictionSettings, Progress
from napari_wsol.models.loading import LoadedModel
from napari_wsol.projects.items import Item
from napari_wsol.regions.region import Frame
from napari_wsol.regions.scores import Counts, count_scores
from napari_wsol.training.looking import look_at
from napari_wsol.training.views import opened

Counting = Generator[Progress, None, list[tuple[Item, Counts]]]


def count_negatives(items: Sequence[Item], model: LoadedModel) -> Counting:
    """Count the pixels of items by their ROI probability.

    Items whose image cannot be read are left out.

    Yields
    ------
    Progress
        In items.

    Returns
    -------
    list
        Each item that was read, with its counts.
    """
    pace = Pace(len(items), 'items', 'Looking')
    found = []
    for done, item in enumerate(items, 1):
        with contextlib.suppress(BadInputError, OSError):
            found.append((item, _counts(item, model)))
        yield pace(done)
    return found


def _counts(item: Item, model: LoadedModel) -> Counts:
    look = look_at(model, item.image, item.mpp, item.field)
    if look.map is not None:
        return count_scores(look.map)
    settings = PredictionSettings(boxes=(look.area,), classify=False)
    with closing(opened(item.image, item.mpp)) as slide:
        values, result = probability_of(slide, model, settings)
    frame = Frame(result.step_y, result.step_x)
    return count_scores(values, frame, look.area)
