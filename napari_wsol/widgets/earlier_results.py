"""Says whether the result that Run would give is there already."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer, Signal

from napari_wsol.engine.messages import CLOSING, Earlier
from napari_wsol.widgets import jobs

if TYPE_CHECKING:
    from pathlib import Path

    from napari_wsol.inference.settings import PredictionSettings
    from napari_wsol.slides.pixel_size import PixelSize

__all__ = ['EarlierResults', 'Question']

SETTLE_MS = 400
"""How long the form rests before the engine is asked."""

Question = tuple[
    jobs.ImageAtHand, 'PixelSize | None', 'Path', 'PredictionSettings'
]
"""Image, its pixel size, folder of the model, settings."""


class EarlierResults(QObject):
    """Asks the engine a little after the form has changed.

    Parameters
    ----------
    client
        The session's ``EngineClient``.
    folder
        In which results are kept.
    question
        Gives what to ask about, None where there is nothing to ask.
    parent
        Lives as long.
    """

    told = Signal(str)
    """What there is, in a sentence; empty where there is nothing."""

    def __init__(
        self,
        client: Any,
        folder: Path,
        question: Callable[[], Question | None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._client, self._folder = client, folder
        self._question = question
        self._asked_again = False
        self._wanted = True
        self.running = jobs.Running()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE_MS)
        self._timer.timeout.connect(self._ask)

    def ask(self) -> None:
        """Ask when the form has come to rest, and the last answer is there."""
        self._wanted = True
        if self.running.job is None:
            self._timer.start()
        else:
            self._asked_again = True

    def drop(self) -> None:
        """Care for no answer any more.

        What the engine is doing for it is not stopped: a run would have to
        do the same.
        """
        self._timer.stop()
        self._asked_again = self._wanted = False

    def _ask(self) -> None:
        self._asked_again = False
        question = self._question()
        if question is None:
            return
        image, pixel_size, model, settings = question
        self.running.job = jobs.find_earlier(
            self._client,
            image,
            pixel_size,
            model,
            self._folder,
            settings,
            self._take,
        )

    def _take(self, event: Any) -> None:
        if not isalive(self) or not isinstance(event, CLOSING):
            return
        self.running.job = None
        if self._asked_again:
            self._timer.start()
        elif self._wanted and isinstance(event, Earlier):
            self.told.emit(described(event))


def described(found: Earlier) -> str:
    """What is kept, and what Run will do."""
    if found.when is None:
        return ''
    when = datetime.fromtimestamp(found.when).strftime('%d %b %Y, %H:%M')
    if found.finished:
        return f'Done before ({when}): Run shows it at once.'
    return f'Begun before ({when}): Run goes on with it.'
