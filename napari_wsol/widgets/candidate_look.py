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
from napari_wsol.widgets.images import image_levels, image_path

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
        Emitted when the masks are there.
    """

    told = Signal(str, str)
    shown = Signal()

    def __init__(
        self, viewer: Viewer, session: Session, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self._source: Image | None = None
        self._found: dict[str, jobs.Found] = {}
        self._stores: list[Path] = []
        self._problem = ''
        self._generation = 0
        self.running: dict[str, jobs.Job] = {}
        self.masks: BeforeAfter | None = None

    def start(
        self,
        layer: Image,
        box: Box,
        pixel_size: PixelSize | None,
        models: dict[str, Path],
        device: str,
    ) -> None:
        """Run the models, one after the other.

        Parameters
        ----------
        box
            The place, in level-0 pixels.
        pixel_size
            Of the layer; None where it is not known.
        models
            ``'after'``, and ``'before'`` where there is an old one.
        """
        self.clear()
        self._source, self._problem = layer, ''
        self.told.emit(f'Looking at "{layer.name}"...', 'fine')
        image = jobs.ImageAtHand(
            layer.name, image_levels(layer), image_path(layer)
        )
        settings = PredictionSettings(
            boxes=(box,), tissue_only=False, device=device, classify=False
        )
        for name, model in models.items():
            store = self._session.new_store()
            self._stores.append(store)
            self.running[name] = jobs.predict(
                self._session.client,
                image,
                pixel_size,
                model,
                store,
                settings,
                partial(self._take, self._generation, name),
            )

    def clear(self, *, keep_after: bool = False) -> None:
        """Stop looking and take the masks away.

        Parameters
        ----------
        keep_after
            Leave the new model's mask where it is.
        """
        self._generation += 1
        for job in self.running.values():
            job.quit()
        self.running.clear()
        self._found = {}
        masks, self.masks = self.masks, None
        if masks is None:
            pass
        elif keep_after:
            masks.leave_after()
        else:
            masks.remove()
        stores, self._stores = self._stores, []
        for store in stores:
            self._session.discard(store)

    def _take(self, generation: int, name: str, event: Any) -> None:
        if not isalive(self) or generation != self._generation:
            return
        if isinstance(event, Progress) and event.total > 0:
            share = event.done / event.total
            self.told.emit(
                f'Looking at "{self._source.name}" with the '
                f'{"old" if name == "before" else "new"} model: {share:.0%}',
                'fine',
            )
        elif isinstance(event, jobs.Found):
            self._found[name] = event
            self._end(name, '')
        elif isinstance(event, Failed):
            self._end(name, event.message)
        elif isinstance(event, Cancelled):
            self._end(name, 'The look was stopped.')

    def _end(self, name: str, problem: str) -> None:
        """One model is done; show the masks when all are."""
        del self.running[name]
        self._problem = f'{self._problem} {problem}'.strip()
        if self.running:
            return
        self.told.emit(self._problem, 'note')
        if 'after' not in self._found:
            return
        if self._source not in self._viewer.layers:
            self.told.emit(f'"{self._source.name}" was closed.', 'note')
            return
        self.masks = BeforeAfter(
            self._viewer,
            self._source,
            self._found.get('before'),
            self._found['after'],
            self,
        )
        self.shown.emit()
