"""Works on one question at a time beside the viewer; the newest counts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from napari.qt.threading import create_worker
from qtpy.compat import isalive
from qtpy.QtCore import QObject, Signal

__all__ = ['LatestAnswer']


class LatestAnswer(QObject):
    """Hands over what a function gave, unless it was asked again meanwhile.

    While a question is worked on, only the newest of those that follow it
    waits: a slider that is drawn along asks as often as it likes.

    Parameters
    ----------
    parent
        Lives as long.

    Attributes
    ----------
    answered
        What the function gave back.
    failed
        The error that it raised.
    """

    answered = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._waiting: tuple[Callable[..., Any], tuple[Any, ...]] | None = None
        self._running = False
        self._wanted = False

    def ask(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call a function in another thread; earlier questions are dropped."""
        self._waiting = function, arguments
        self._wanted = True
        if not self._running:
            self._start()

    def drop(self) -> None:
        """Want no answer any more."""
        self._waiting = None
        self._wanted = False

    def _start(self) -> None:
        function, arguments = self._waiting
        self._waiting = None
        self._running = True
        worker = create_worker(
            function, *arguments, _start_thread=False, _ignore_errors=True
        )
        worker.returned.connect(partial(self._take, self.answered))
        worker.errored.connect(partial(self._take, self.failed))
        worker.start()

    def _take(self, signal: Any, answer: Any) -> None:
        if not isalive(self):
            return
        self._running = False
        if self._waiting is not None:
            self._start()
        elif self._wanted:
            self._wanted = False
            signal.emit(answer)
