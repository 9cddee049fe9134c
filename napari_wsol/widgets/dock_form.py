"""What the plugin's dock widgets have in common: a form that scrolls."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

__all__ = ['DockForm']


class DockForm(QScrollArea):
    """Sections below one another; it goes away with its dock."""

    def build(self, parts: Sequence[QWidget], least_width: int) -> None:
        """Put the sections into the form.

        Parameters
        ----------
        least_width
            In pixels.
        """
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(10, 8, 10, 10)
        layout.setSpacing(14)
        for part in parts:
            layout.addWidget(part)
        layout.addStretch()
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMinimumWidth(least_width)

    def event(self, event: QEvent) -> bool:
        """Go away when napari takes the widget out of its dock."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            QTimer.singleShot(0, self._leave)
        return super().event(event)

    def let_go(self) -> None:
        """Leave what is not the form's own; called before it goes away."""

    def _leave(self) -> None:
        if isalive(self) and self.parent() is None:
            self.let_go()
            self.deleteLater()
