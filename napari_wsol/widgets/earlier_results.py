"""Says whether the result that Run would give is there already."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer, Signal

from napari_wsol.engine.messages import CLOSING, Earlier
from napari_wsol.widgets import jobs

__all__ = ['EarlierResults']

SETTLE_MS = 400
"""How long the form rests before the engine is asked."""


class EarlierResults(QObject):
    """Asks the engine a little after the form has changed.

    Parameters
    ----------
    client
        The session's ``EngineClient``.
    plan
        Gives the run to ask about, None where there is nothing to ask.
    parent
        Lives as long.
    """

    told = Signal(str)
    """What there is, in a sentence; empty where there is nothing."""

    def __init__(
        self,
        client: Any,
        plan: Callable[[], jobs.PlannedRun | None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._client = client
        self._plan = plan
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
        plan = self._plan()
        if plan is not None:
            self.running.job = jobs.find_earlier(
                self._client, plan, self._take
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
