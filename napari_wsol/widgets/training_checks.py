"""Checks and estimate of a training, made beside the event loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari.qt.threading import create_worker
from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer, Signal

from napari_wsol.errors import BadInputError
from napari_wsol.projects.checks import (
    Estimate,
    Obstacle,
    estimate,
    obstacles,
)
from napari_wsol.projects.project import Project
from napari_wsol.projects.recipe import config_of
from napari_wsol.training.config import TrainingConfig
from napari_wsol.widgets.training_wording import advised_speed

__all__ = ['SETTLE_MS', 'Checked', 'TrainingChecks']

SETTLE_MS = 150
"""How long labels rest before the checks follow them."""

SECONDS_PER_IMAGE = {'cuda': 0.01, 'mps': 0.04, 'cpu': 0.25}
"""Of a crop in full training, before anything was measured."""


@dataclass(frozen=True)
class Checked:
    """What is known of the next training.

    Parameters
    ----------
    obstacles
        What stands in the way.
    estimate
        None where nothing can be estimated yet.
    usual
        The settings where the user changes none.
    speed, why
        Which speed suits.
    """

    obstacles: tuple[Obstacle, ...]
    estimate: Estimate | None
    usual: TrainingConfig
    speed: str
    why: str


class TrainingChecks(QObject):
    """Checks again when asked to, once things have come to rest.

    Attributes
    ----------
    done
        Emitted with ``Checked``.
    """

    done = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._generation = 0
        self._question: tuple[Any, ...] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE_MS)
        self._timer.timeout.connect(self._start)

    def ask(
        self,
        project: Project,
        speed: str,
        overrides: Mapping[str, Any],
        seconds_per_image: float,
    ) -> None:
        """Check a project; a question before that has no answer is dropped.

        Parameters
        ----------
        speed, overrides
            As the user has chosen them.
        seconds_per_image
            As ``projects.checks.estimate`` takes it.
        """
        self._question = project, speed, dict(overrides), seconds_per_image
        self._generation += 1
        self._timer.start()

    def drop(self) -> None:
        """Answer no more."""
        self._generation += 1
        self._timer.stop()

    def _start(self) -> None:
        generation = self._generation
        worker = create_worker(check, *self._question, _start_thread=False)

        def take(checked: Checked) -> None:
            if isalive(self) and generation == self._generation:
                self.done.emit(checked)

        worker.returned.connect(take)
        worker.start()


def check(
    project: Project,
    speed: str,
    overrides: Mapping[str, Any],
    seconds_per_image: float,
) -> Checked:
    """All that is to be said before a training."""
    method = {k: v for k, v in overrides.items() if k == 'method'}
    usual = config_of(project, speed, method)
    found = obstacles(project, speed)
    full = estimate(project, 'full', seconds_per_image=seconds_per_image)
    advice = advised_speed(len(project.labelled()), full.seconds)
    costs = None
    if all(obstacle.kind != 'stop' for obstacle in found):
        try:
            costs = estimate(
                project,
                speed,
                seconds_per_image=seconds_per_image,
                overrides=overrides,
            )
        except BadInputError as error:
            found = (Obstacle(str(error), 'stop', ''), *found)
    return Checked(found, costs, usual, *advice)
