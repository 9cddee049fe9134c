"""Draws what changes often, at once but not more often than is bearable."""

from __future__ import annotations

import time
from collections.abc import Callable

from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer

__all__ = ['Renewal']

REST_MS = 150
"""Shortest time between two drawings."""

SHARE = 4
"""So many times as long as a drawing took it rests after it."""


class Renewal(QObject):
    """Calls something when asked to, the first time at once.

    Parameters
    ----------
    draw
        Shows the present state.
    parent
        Lives as long.
    """

    def __init__(self, draw: Callable[[], object], parent: QObject) -> None:
        super().__init__(parent)
        self._draw = draw
        self.is_due = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._go_on)

    def ask(self) -> None:
        """Have it drawn as soon as may be."""
        self.is_due = True
        if not self._rest.isActive():
            self._go_on()

    def drop(self) -> None:
        """Draw nothing that was asked for and not drawn yet."""
        self.is_due = False

    def _go_on(self) -> None:
        if not self.is_due:
            return
        self.is_due = False
        began = time.perf_counter()
        self._draw()
        self._rest.start(REST_MS)
        QTimer.singleShot(0, lambda: self._pause(began))

    def _pause(self, began: float) -> None:
        """Rest longer where what was asked for took long to be drawn."""
        spent = 1000 * (time.perf_counter() - began)
        if isalive(self):
            self._rest.start(max(REST_MS, round(SHARE * spent)))
