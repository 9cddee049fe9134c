"""Tells a running job what part of its image is looked at."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.in_view import seen_box

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

__all__ = ['FollowView']

PAUSE_MS = 80
"""Shortest time between two messages while the view moves."""


class FollowView(QObject):
    """Calls back with what the canvas shows of an image, as it changes.

    Parameters
    ----------
    viewer
        Whose camera is followed.
    tell
        Called with a box in level-0 pixels, None where nothing is in view.
    parent
        Lives as long.
    """

    def __init__(
        self,
        viewer: Viewer,
        tell: Callable[[Box | None], object],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._tell = viewer, tell
        self._layer: Image | None = None
        self._told: Box | None = None
        self._told_at = -inf
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._settle)

    @property
    def box(self) -> Box | None:
        """What is shown of the image now; None where none is followed."""
        if self._layer is None or self._layer not in self._viewer.layers:
            return None
        return seen_box(self._viewer, self._layer)

    def follow(self, layer: Image | None) -> None:
        """Follow the view of an image; of nothing any more, for None."""
        events = self._viewer.scene.camera.events
        if self._layer is not None:
            events.disconnect(self._move)
        self._layer = layer
        if layer is not None:
            events.connect(self._move)
        self._told = self.box

    def _move(self, event: Any = None) -> None:
        """Tell when all that moves it now has done so, but not too often."""
        if not self._timer.isActive():
            spent = 1000 * (time.monotonic() - self._told_at)
            self._timer.start(round(max(0.0, PAUSE_MS - spent)))

    def _settle(self) -> None:
        box = self.box
        if self._layer is not None and box != self._told:
            self._told, self._told_at = box, time.monotonic()
            self._tell(box)
