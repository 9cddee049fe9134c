"""What the network of a running training finds at one place."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from napari_wsol.errors import WsolError
from napari_wsol.models.loading import LoadedModel
from napari_wsol.slides.geometry import Box
from napari_wsol.training.calibration import Calibration
from napari_wsol.training.cards import card_of
from napari_wsol.training.finishing import network_of
from napari_wsol.training.looking import map_of
from napari_wsol.training.loop import EpochDone
from napari_wsol.training.progress import LAST
from napari_wsol.training.recipes import stages_of
from napari_wsol.training.reports import (
    Preview,
    PreviewDone,
    TrainingRemark,
)
from napari_wsol.training.runner import Training

SHARE = 0.2
"""Of the time of a training, that previews may take; others are left out."""

UNCALIBRATED = Calibration(1.0, 1.0, 0.5, {})


class Previews:
    """Makes them from the files of a run; the training knows nothing of it.

    Parameters
    ----------
    run
        The run's folder; previews go into its ``previews``.
    """

    def __init__(
        self, training: Training, run: Path, preview: Preview
    ) -> None:
        self._training, self._run, self._preview = training, run, preview
        self._folder = run / 'previews'
        self._made, self._cost, self._ended = 0, 0.0, 0.0
        self._failed = False

    def after(self, event: EpochDone) -> PreviewDone | TrainingRemark | None:
        """The preview of an epoch; None where it would cost too much.

        A stage's last epoch always has one. Where the place cannot be read
        that is said once, and the training goes on.
        """
        began = time.perf_counter()
        is_last = event.epoch + 1 == event.epochs
        too_soon = SHARE * (began - self._ended) < self._cost
        if self._failed or (too_soon and not is_last):
            return None
        try:
            done = self._make(event)
        except (WsolError, OSError) as error:
            self._failed = True
            return TrainingRemark(f'There is no preview: {error}')
        self._ended = time.perf_counter()
        self._cost = self._ended - began
        return done

    def _make(self, event: EpochDone) -> PreviewDone:
        training, preview = self._training, self._preview
        stages = {stage.name: stage for stage in stages_of(training.config)}
        stage = stages[event.stage]
        with torch.random.fork_rng():
            network = network_of(
                training, stage, self._run / stage.name / LAST
            )
        model = LoadedModel(
            card_of(training, network, UNCALIBRATED), network, ''
        )
        found, area = map_of(
            model,
            Path(preview.image),
            preview.mpp,
            Box(*preview.box),
            device=training.config.device,
        )
        self._made += 1
        self._folder.mkdir(exist_ok=True)
        path = self._folder / f'{self._made}.npy'
        np.save(path, found.astype(np.float16))
        self._old(self._made - 2).unlink(missing_ok=True)
        return PreviewDone(str(path), area, event.epoch + 1)

    def _old(self, number: int) -> Path:
        return self._folder / f'{number}.npy'
