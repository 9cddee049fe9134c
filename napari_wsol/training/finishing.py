"""The model of a run that ends before its last epoch, from what is on disk."""

from __future__ import annotations

from pathlib import Path

from napari_wsol.errors import BadInputError
from napari_wsol.models.folder import ModelFolder
from napari_wsol.models.loading import save_model
from napari_wsol.models.localizer import Localizer
from napari_wsol.training.cards import card_of
from napari_wsol.training.progress import (
    LAST,
    chosen_weights,
    handed_on,
    load_progress,
)
from napari_wsol.training.recipes import Stage, stages_of
from napari_wsol.training.runner import Training
from napari_wsol.training.scanning import Scanner
from napari_wsol.training.splitting import training_and_validation


def reached_stage(training: Training, run: Path) -> Stage:
    """The last stage of a run that has an epoch.

    Raises
    ------
    BadInputError
        Where none has.
    """
    for stage in reversed(stages_of(training.config)):
        if (run / stage.name / LAST).exists():
            return stage
    raise BadInputError(
        f'The training in "{run.name}" has not finished an epoch yet, so '
        'there is no model to keep. Go on with it, or discard it.'
    )


def network_of(training: Training, stage: Stage, weights: Path) -> Localizer:
    """A stage's network with the weights in one of its files."""
    network = Localizer(
        stage.architecture, training.classes, training.config.negative_class
    )
    network.load_state_dict(handed_on(load_progress(weights)))
    return network.eval()


def conclude(training: Training, run: Path) -> ModelFolder:
    """Calibrate and save what the last stage that has an epoch learned.

    As at the end of a run, the weights are the best so far, or the last
    where the configuration says so or none has been validated yet.

    Parameters
    ----------
    training
        With the configuration that the run was started with.

    Raises
    ------
    BadInputError
        Where no epoch was finished.
    """
    config = training.config
    stage = reached_stage(training, run)
    weights = chosen_weights(run / stage.name, config.checkpoint)
    network = network_of(training, stage, weights)
    _, held_out = training_and_validation(
        training.table, share=config.validation_share, seed=config.seed
    )
    scanner = Scanner(training.normalization, config.mpp, margin=config.margin)
    found = training.calibrated(network, scanner, training.views(held_out))
    card = card_of(training, network, found)
    limit = f'Its training was finished early, in the stage "{stage.name}".'
    return save_model(
        run / 'model',
        card.model_copy(update={'limits': (*card.limits, limit)}),
        network,
        replace=True,
    )
