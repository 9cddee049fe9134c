"""Asks the engine for the regions of a result; the last question counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from qtpy.compat import isalive
from qtpy.QtCore import QObject, Signal

from napari_wsol.engine.messages import Failed, Progress
from napari_wsol.widgets import jobs

if TYPE_CHECKING:
    from napari_wsol.widgets.session import Session
    from napari_wsol.widgets.shown_results import ShownResult

__all__ = ['FindingRegions']


class FindingRegions(QObject):
    """One search at a time; a new one ends the one before.

    Parameters
    ----------
    session
        Its engine searches.
    parent
        Lives as long.

    Attributes
    ----------
    progressed
        How much is done, and of how much.
    found
        Table and outlines.
    failed
        What happened, in words.
    """

    progressed = Signal(float, float)
    found = Signal(object, object)
    failed = Signal(str)

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._generation = 0
        self.running = jobs.Running()

    def start(self, shown: ShownResult) -> None:
        """Look for the regions of a result at its threshold."""
        self.stop()
        generation = self._generation
        self.running.job = jobs.find_regions(
            self._session.client,
            shown.result,
            shown.threshold,
            self._session.scratch / f'{uuid4().hex}.npz',
            jobs.ImageAtHand.of(shown.source),
            shown.pixel_size,
            shown.model,
            lambda event: self._take(generation, event),
        )

    def stop(self) -> None:
        """Look for nothing any more."""
        self._generation += 1
        self.running.stop()
        self.running.job = None

    def _take(self, generation: int, event: Any) -> None:
        if not isalive(self) or generation != self._generation:
            return
        match event:
            case Progress():
                self.progressed.emit(event.done, event.total)
            case jobs.Regions():
                self.running.job = None
                self.found.emit(event.table, event.outlines)
            case Failed():
                self.running.job = None
                self.failed.emit(event.message)
