"""The settings with which a project trains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError

from napari_wsol.errors import BadInputError
from napari_wsol.projects.lineage import plain_name
from napari_wsol.projects.project import Project
from napari_wsol.training.config import TrainingConfig
from napari_wsol.training.recipes import (
    SPEEDS,
    Speed,
    configure,
    fine_tuning,
)


def config_of(
    project: Project,
    speed: Speed,
    overrides: Mapping[str, Any] | None = None,
) -> TrainingConfig:
    """The settings of the next training.

    Parameters
    ----------
    overrides
        Fields of ``TrainingConfig`` that the user stated.

    Raises
    ------
    BadInputError
        Naming the settings that do not work.
    """
    settings = project.settings
    labels = {item.label for item in project.labelled()}
    negative = settings.negative_class
    stated = {
        'negative_class': negative if negative in labels else None,
        'name': plain_name(settings.name),
        'title': settings.name,
        'validation_share': settings.held_out_share,
        'seed': settings.seed,
        **(overrides or {}),
    }
    method = stated.pop('method', 'self-taught')
    with in_words():
        if method == 'self-taught':
            return fine_tuning(
                speed, parent=project.parent is not None, **stated
            )
        return configure(method, **{**SPEEDS[speed], **stated})


@contextmanager
def in_words() -> Iterator[None]:
    """Name the settings that do not work.

    Raises
    ------
    BadInputError
        In place of pydantic's error.
    """
    try:
        yield
    except ValidationError as error:
        faults = '; '.join(
            f'{".".join(map(str, fault["loc"]))}: {fault["msg"]}'
            for fault in error.errors(include_url=False)
        )
        raise BadInputError(
            f'These settings do not work: {faults}.'
        ) from error
