"""What stands in the way of a training, in words, before it runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari_wsol.errors import BadInputError
from napari_wsol.models.card import Architecture
from napari_wsol.models.encoders import Encoder, load_imagenet_weights
from napari_wsol.training.config import TrainingConfig
from napari_wsol.training.processes import is_first
from napari_wsol.training.recipes import PARENT, stages_of

if TYPE_CHECKING:
    from napari_wsol.training.runner import Training

UNFINISHED = 'config.tmp'
"""All that is in the folder of a run that was killed as it began."""


def check_run(training: Training, output: Path, *, resume: bool) -> None:
    """Refuse what cannot be trained, or not in this folder.

    Raises
    ------
    BadInputError
        Where labels, settings, parent or folder do not fit.
    """
    _check_labels(training)
    _check_parent(training)
    _check_beginning(training)
    if is_first():
        _check_folder(output, training.resolved, resume=resume)


def _check_labels(training: Training) -> None:
    config, source = training.config, training.table.source
    labels = training.table.labels
    negative = config.negative_class
    if negative and negative not in (*labels, *(config.classes or ())):
        raise BadInputError(
            f'No row of "{source}" is labelled "{negative}", the class said '
            f'to be fully negative; it has: {", ".join(labels)}.'
        )
    if config.classes and (
        strange := [c for c in labels if c not in config.classes]
    ):
        raise BadInputError(
            f'Rows of "{source}" are labelled {", ".join(strange)}, which is '
            f'none of the classes to tell apart: {", ".join(config.classes)}.'
        )
    if len(labels) < 2:
        raise BadInputError(
            f'"{source}" has the label "{labels[0]}" only. Two classes are '
            'needed, or positives and a fully negative class.'
        )


def _check_parent(training: Training) -> None:
    config = training.config
    if training.init is None:
        if config.teacher == PARENT:
            raise BadInputError(
                'The setting teacher=parent needs a model to start from '
                '(--init).'
            )
        return
    card = training.parent.card
    theirs = card.architecture
    if (theirs.encoder, theirs.encoder_head) != (
        config.encoder,
        config.encoder_head,
    ):
        raise BadInputError(
            f'The model "{card.name}" has another encoder ({_named(theirs)}) '
            f'than the run ({_named(config)}): choose the same.'
        )


def _check_beginning(training: Training) -> None:
    """Whether there are weights for the stages that start anew."""
    config = training.config
    anew = any(stage.anew for stage in stages_of(config))
    if not anew or config.weights != 'imagenet':
        return
    encoder = Encoder(config.encoder, head=config.encoder_head)
    try:
        load_imagenet_weights(encoder, config.encoder)
    except BadInputError as error:
        raise BadInputError(
            f'{error} Or choose "quick", or set students_from to "parent".'
        ) from error


def _named(choice: Architecture | TrainingConfig) -> str:
    ending = 'with' if choice.encoder_head else 'without'
    return f'{choice.encoder} {ending} encoder_head'


def _check_folder(
    output: Path, resolved: dict[str, object], *, resume: bool
) -> None:
    stated = output / 'config.json'
    if resume:
        if not stated.exists():
            raise BadInputError(
                f'There is no run to resume in "{output}". Leave out '
                '--resume to start one.'
            )
        if json.loads(stated.read_text()) != json.loads(json.dumps(resolved)):
            raise BadInputError(
                f'The run in "{output}" was started with other settings or '
                'other data. Resume it with the same, or choose another '
                'folder.'
            )
        return
    if output.exists() and any(
        path.name != UNFINISHED for path in output.iterdir()
    ):
        raise BadInputError(
            f'"{output}" is not empty. Choose another folder, or give '
            '--resume to go on with the run in it.'
        )
    parent = next(p for p in (output, *output.parents) if p.exists())
    if not os.access(parent, os.W_OK):
        raise BadInputError(f'Nothing can be written to "{parent}".')
