"""A line that unfolds what is not needed at first sight."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QToolButton, QVBoxLayout, QWidget

__all__ = ['Disclosure']


class Disclosure(QWidget):
    """A button with an arrow; its content shows while it is pressed.

    Parameters
    ----------
    title
        On the button.
    content
        Hidden at first.
    """

    def __init__(self, title: str, content: QWidget) -> None:
        super().__init__()
        self._content = content
        self._button = QToolButton()
        self._button.setText(title)
        self._button.setCheckable(True)
        self._button.setAutoRaise(True)
        self._button.setToolButtonStyle(
            Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        )
        self._button.setStyleSheet(
            'QToolButton { background: transparent; padding: 2px 0; }'
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._button)
        layout.addWidget(content)
        self._button.toggled.connect(self._unfold)
        self._unfold(False)

    def _unfold(self, shown: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow
        self._button.setArrowType(arrow)
        self._content.setVisible(shown)
