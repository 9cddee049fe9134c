"""Keys that label: 0-9, N, Ctrl+Z and Ctrl+Shift+Z."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.compat import isalive
from qtpy.QtCore import QObject
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QShortcut, QWidget

from napari_wsol.widgets.overlays import is_overlay

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ['LabelKeys']


class LabelKeys(QObject):
    """Listens to keys in the viewer's window while labels are given.

    napari gives digits to the modes of the active layer. They are taken
    only while the form is visible and the active layer is an image or the
    plugin's own: whoever paints another layer keeps napari's keys. What is
    typed into a text is never taken.

    Parameters
    ----------
    viewer
        Its active layer decides.
    owner
        The form.
    digit
        Called with 0-9; N stands for 0.
    undo, redo
        Called for Ctrl+Z and Ctrl+Shift+Z.
    """

    def __init__(
        self,
        viewer: Viewer,
        owner: QWidget,
        digit: Callable[[int], object],
        undo: Callable[[], object],
        redo: Callable[[], object],
    ) -> None:
        super().__init__(owner)
        self._viewer = viewer
        self._owner = owner
        self._calls: dict[str, Callable[[], object]] = {
            str(number): lambda number=number: digit(number)
            for number in range(10)
        }
        self._calls['N'] = lambda: digit(0)
        self._calls['Ctrl+Z'] = undo
        self._calls['Ctrl+Shift+Z'] = redo
        self._shortcuts: list[QShortcut] = []
        self._wanted = False
        viewer.layers.selection.events.active.connect(self._decide)

    def listen(self, wanted: bool) -> None:
        """Take keys from now on, or leave them to napari."""
        self._wanted = wanted
        self._decide()

    def leave(self) -> None:
        """Take no key any more."""
        self._viewer.layers.selection.events.active.disconnect(self._decide)
        self._give_back()

    def _decide(self, event: Any = None) -> None:
        if not isalive(self):
            return
        active = self._viewer.layers.selection.active
        fits = (
            active is None or isinstance(active, Image) or is_overlay(active)
        )
        if not (self._wanted and fits):
            self._give_back()
        elif not self._shortcuts:
            self._take()

    def _take(self) -> None:
        """Make the shortcuts; they belong to the window of the canvas.

        The dock may float in a window of its own; the main window is the
        uppermost of its parents.
        """
        window = self._owner
        while window.parentWidget() is not None:
            window = window.parentWidget()
        for keys, call in self._calls.items():
            shortcut = QShortcut(QKeySequence(keys), window)
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(call)
            self._shortcuts.append(shortcut)

    def _give_back(self) -> None:
        for shortcut in self._shortcuts:
            if isalive(shortcut):
                shortcut.setEnabled(False)
                shortcut.deleteLater()
        self._shortcuts = []
