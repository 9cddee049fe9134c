"""Running the old and the new model over the image in view."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtCore import QObject, Signal

from napari_wsol.engine.messages import Cancelled, Failed, Progress
from napari_wsol.inference.settings import PredictionSettings
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.widgets import jobs
from napari_wsol.widgets.before_after import BeforeAfter

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_wsol.widgets.session import Session

__all__ = ['CandidateLook']


class CandidateLook(QObject):
    """One look of two models at one place, and the two masks.

    Parameters
    ----------
    viewer, session
        Where it is shown, and what computes it.
    parent
        Lives as long.

    Attributes
    ----------
    told
        Emitted with a sentence on how it goes, and its kind as
        ``Message.say`` takes it.
    shown
        Emitted when a mask was added.
    swiped
        Emitted with the position, 0-1, when the line is dragged.
    """

    told = Signal(str, str)
    shown = Signal()
    swiped = Signal(float)

    def __init__(
        self, viewer: Viewer, session: Session, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self._source: Image | None = None
        self._todo: list[tuple[str, Path]] = []
        self._problem = ''
        self._generation = 0
        self.running = jobs.Running()
        self.masks: BeforeAfter | None = None
        self._left: BeforeAfter | None = None

    def start(
        self,
        layer: Image,
        box: Box,
        pixel_size: PixelSize | None,
        models: dict[str, Path],
        device: str,
    ) -> None:
        """Run the models, the new one first.

        Parameters
        ----------
        box
            The place, in level-0 pixels.
        pixel_size
            Of the layer; None where it is not known.
        models
            ``'after'``, then ``'before'`` where there is an old one.
        """
        self.clear()
        self._source, self._problem = layer, ''
        self._todo = list(models.items())
        self._plan = partial(
            jobs.PlannedRun,
            jobs.ImageAtHand.of(layer),
            pixel_size,
            results=self._session.scratch,
            settings=PredictionSettings(
                boxes=(box,), tissue_only=False, device=device, classify=False
            ),
        )
        self._next()

    def clear(self, *, keep_after: bool = False) -> None:
        """Stop looking and take the masks away.

        Parameters
        ----------
        keep_after
            Leave the new model's mask where it is, until the next look.
        """
        self._generation += 1
        self.running.stop()
        self.running.job = None
        self._todo = []
        if self._left is not None:
            self._left.remove()
        self._left, masks = None, self.masks
        self.masks = None
        if masks is None:
            return
        if keep_after:
            masks.leave_after()
            self._left = masks
        else:
            masks.remove()

    def _next(self) -> None:
        """Run the next model, if one is left."""
        if not self._todo:
            self.running.job = None
            self.told.emit(self._problem, 'note')
            return
        name, model = self._todo.pop(0)
        self._say(name)
        self.running.job = jobs.predict(
            self._session.client,
            self._plan(model=model),
            None,
            partial(self._take, self._generation, name),
        )

    def _say(self, name: str, how_far: str = '') -> None:
        which = {'before': 'old', 'after': 'new'}[name]
        self.told.emit(
            f'Looking at "{self._source.name}" with the {which} model'
            f'{how_far or "..."}',
            'fine',
        )

    def _take(self, generation: int, name: str, event: Any) -> None:
        if not isalive(self) or generation != self._generation:
            return
        if isinstance(event, Progress) and event.total > 0:
            self._say(name, f': {event.done / event.total:.0%}')
        elif isinstance(event, jobs.Found):
            self._show(name, event)
            self._next()
        elif isinstance(event, Failed):
            self._problem = f'{self._problem} {event.message}'.strip()
            self._next()
        elif isinstance(event, Cancelled):
            self._problem = 'The look was stopped.'
            self._todo = []
            self._next()

    def _show(self, name: str, found: jobs.Found) -> None:
        if self._source not in self._viewer.layers:
            self._problem = f'"{self._source.name}" was closed.'
            self._todo = []
            return
        if name == 'after':
            self.masks = BeforeAfter(self._viewer, self._source, found, self)
            self.masks.swiped.connect(self.swiped)
        elif self.masks is not None:
            self.masks.add_old(found)
        if self.masks is not None:
            self.shown.emit()
