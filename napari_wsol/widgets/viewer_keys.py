"""Keys that a form takes in the viewer's window while it is to be seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from napari.layers import Image
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QShortcut, QWidget

from napari_wsol.widgets.overlays import is_overlay

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ['ViewerKeys']

_holders: WeakKeyDictionary[Any, list[ref[ViewerKeys]]] = WeakKeyDictionary()
"""What wants keys of a viewer, that which has them last."""


class ViewerKeys(QObject):
    """Listens to keys in the viewer's window.

    napari gives letters and digits to the modes of the active layer. They
    are taken only while the form is visible and the active layer is an image
    or the plugin's own: whoever paints another layer keeps napari's keys.
    What is typed into a text is never taken. Of two forms that are visible,
    the one has the keys that was shown, or that the mouse entered, last.

    Parameters
    ----------
    viewer
        Its active layer decides.
    owner
        The form.
    calls
        What each key does.
    """

    def __init__(
        self,
        viewer: Viewer,
        owner: QWidget,
        calls: Mapping[str, Callable[[], object]],
    ) -> None:
        super().__init__(owner)
        self._viewer = viewer
        self._owner = owner
        self._calls = dict(calls)
        self._shortcuts: list[QShortcut] = []
        self._wanted = False
        viewer.layers.selection.events.active.connect(self._decide)
        owner.installEventFilter(self)

    def listen(self, wanted: bool) -> None:
        """Take keys from now on, or leave them to other forms and napari."""
        self._wanted = wanted
        before = _holders.get(self._viewer, [])
        others = [each for each in before if each() not in (None, self)]
        mine = [ref(self)] if wanted else []
        _holders[self._viewer] = [*others, *mine]
        for each in (ref(self), *others):
            each()._decide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Have the keys where the mouse is."""
        if self._wanted and event.type() == QEvent.Type.Enter:
            self.listen(True)
        return False

    def leave(self) -> None:
        """Take no key any more."""
        self._viewer.layers.selection.events.active.disconnect(self._decide)
        self.listen(False)
        self._give_back()

    def _decide(self, event: Any = None) -> None:
        if not isalive(self):
            return
        active = self._viewer.layers.selection.active
        fits = (
            active is None or isinstance(active, Image) or is_overlay(active)
        )
        holders = _holders.get(self._viewer)
        if not (fits and holders and holders[-1]() is self):
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
