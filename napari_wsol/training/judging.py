"""What a model takes the items of a project for."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_wsol.errors import BadInputError
from napari_wsol.inference.pace import Pace
from napari_wsol.inference.settings import DeviceChoice, Progress
from napari_wsol.models.loading import LoadedModel
from napari_wsol.training.looking import look_at
from napari_wsol.training.reports import Judgement

if TYPE_CHECKING:
    from napari_wsol.projects.items import Item


def judge(
    items: Sequence[Item],
    model: LoadedModel,
    *,
    device: DeviceChoice = 'auto',
) -> Generator[Progress, None, tuple[Judgement, ...]]:
    """The likeliest class of each item, in their order.

    Items whose image cannot be looked at are left out.
    """
    found: list[Judgement] = []
    pace = Pace(len(items), 'items')
    for done, item in enumerate(items, 1):
        with contextlib.suppress(BadInputError, OSError):
            look = look_at(
                model, item.image, item.mpp, item.field, device=device
            )
            best = int(np.argmax(look.probabilities))
            found.append(
                Judgement(
                    item.key,
                    model.card.classes[best],
                    look.probabilities[best],
                    look.entropy,
                )
            )
        yield pace(done)
    return tuple(found)
