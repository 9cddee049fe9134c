"""One training at the engine, and what is seen of it meanwhile."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.compat import isalive
from qtpy.QtCore import QObject, Signal

from napari_wsol.engine.messages import (
    Cancelled,
    EpochFigures,
    Failed,
    Paused,
    Preview,
    PreviewDone,
    Progress,
    Trained,
    TrainingProgress,
    TrainingRemark,
    TrainRequest,
)
from napari_wsol.widgets import jobs
from napari_wsol.widgets.images import image_path
from napari_wsol.widgets.in_view import box_in_view
from napari_wsol.widgets.live_preview import LivePreview
from napari_wsol.widgets.wording import describe_progress

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_wsol.widgets.learning_section import LearningSection
    from napari_wsol.widgets.session import Session

__all__ = ['PREVIEW_SIDE', 'TrainingJob']

PREVIEW_SIDE = 1024
"""Longest side of what is watched, in level-0 pixels."""

NOT_YET = 'The engine is not ready yet. Try again in a moment, or cancel.'


class TrainingJob(QObject):
    """Starts, steers and relays a training; one at a time.

    Parameters
    ----------
    viewer, session
        Where it is watched, and what computes it.
    section
        Shows how it goes.

    Attributes
    ----------
    trained
        Emitted with the engine's ``Trained``.
    failed
        Emitted with the message and the details for a bug report.
    cancelled
        Emitted when it was cancelled, with whether the user asked here.
    run
        Name of the run's folder.
    images_per_second
        As measured last; None before the first training.
    """

    trained = Signal(object)
    failed = Signal(str, str)
    cancelled = Signal(bool)

    def __init__(
        self, viewer: Viewer, session: Session, section: LearningSection
    ) -> None:
        super().__init__(section)
        self._viewer = viewer
        self._session = session
        self._section = section
        self._preview: LivePreview | None = None
        self._was_asked_to_stop = False
        self._generation = 0
        self.running = jobs.Running()
        self.run = ''
        self.images_per_second: float | None = None
        section.steered.connect(self.steer)
        section.cancelled.connect(self.cancel)

    @property
    def is_running(self) -> bool:
        """Whether a training is under way."""
        return self.running.job is not None

    def start(
        self,
        project: Path,
        run: str,
        speed: str,
        settings: dict[str, Any],
        watched: Image | None,
        mpp: float | None,
        *,
        resume: bool = False,
    ) -> None:
        """Start a training, or go on with one.

        Parameters
        ----------
        project
            Folder of the project.
        run
            Name of the run's folder.
        settings
            What the user changed, by name.
        watched, mpp
            The image to watch, in its part in view, and its µm per pixel;
            None where nobody knows.
        """
        self.run = run
        self._generation += 1
        self._was_asked_to_stop = False
        preview = self._place_to_watch(watched, mpp)
        self._section.begin(
            'Starting the training. The first one takes some seconds longer.'
        )

        def request(job: int) -> TrainRequest:
            return TrainRequest(
                job,
                str(project),
                run,
                speed,
                tuple(settings.items()),
                preview,
                resume,
            )

        self.running.job = jobs.run(
            self._session.client,
            f'training in {project.name}',
            request,
            partial(self._take, self._generation),
        )

    def steer(self, what: str) -> None:
        """Pause, go on, or finish after the epoch in hand."""
        job = self.running.job
        if job is not None and not self._session.client.steer(
            job.number, what
        ):
            self._section.show_not_steered(NOT_YET)

    def cancel(self) -> None:
        """Stop at once."""
        self._was_asked_to_stop = True
        if self.running.job is not None:
            self.running.job.cancel()

    def abandon(self) -> None:
        """Stop, and take no more notice of it; it can be gone on with."""
        self._generation += 1
        self.running.stop()
        self.running.job = None
        self._section.hide()
        self.forget_preview()

    def forget_preview(self) -> None:
        """Take the layer of the mask in the making away."""
        if self._preview is not None:
            self._preview.remove()
            self._preview = None

    def _place_to_watch(
        self, layer: Image | None, mpp: float | None
    ) -> Preview | None:
        """Where to look after each epoch; the layer is made ready."""
        self.forget_preview()
        path = None if layer is None else image_path(layer)
        box = None
        if path is not None:
            box = box_in_view(self._viewer, layer, PREVIEW_SIDE)
        if box is None:
            return None
        self._preview = LivePreview(self._viewer, layer)
        return Preview(str(path), mpp, (box.y, box.x, box.height, box.width))

    def _take(self, generation: int, event: Any) -> None:
        if not isalive(self) or generation != self._generation:
            return
        section = self._section
        match event:
            case TrainingProgress():
                section.show_progress(event)
                if event.images_per_second > 0:
                    self.images_per_second = event.images_per_second
            case Progress():
                section.show_work(
                    describe_progress(event), event.done, event.total
                )
            case EpochFigures():
                section.show_figures(event)
            case TrainingRemark():
                section.show_remark(event.text)
            case PreviewDone():
                self._show_preview(event)
            case Paused():
                section.show_paused(event.paused)
            case Trained() | Failed() | Cancelled():
                self._end(event)

    def _show_preview(self, event: PreviewDone) -> None:
        """Show the mask in the making, if it is still on the disk."""
        try:
            probability = np.load(event.path)
        except (OSError, ValueError):
            return
        if self._preview is not None:
            self._preview.show(probability, event.box)

    def _end(self, event: Trained | Failed | Cancelled) -> None:
        self.running.job = None
        self._section.hide()
        self.forget_preview()
        if isinstance(event, Trained):
            self.trained.emit(event)
        elif isinstance(event, Failed):
            self.failed.emit(event.message, event.details)
        else:
            self.cancelled.emit(self._was_asked_to_stop)
