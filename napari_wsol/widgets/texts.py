"""Labels and headings that look the same in every part of the widget."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

__all__ = ['Message', 'Section', 'compact_combo', 'text_label']

_EDGE = {
    'fine': None,
    'good': '#009e73',
    'note': '#e69f00',
    'stop': '#d55e00',
}


def text_label(text: str = '') -> QLabel:
    """A label that breaks its lines and can be selected with the mouse."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    policy = QSizePolicy(
        QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum
    )
    policy.setHeightForWidth(True)
    label.setSizePolicy(policy)
    return label


class Message(QLabel):
    """A sentence to the user, hidden while there is nothing to say."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
        )
        self.hide()

    def say(self, text: str, kind: str = 'fine') -> None:
        """Show a sentence; an empty one hides the label.

        Parameters
        ----------
        text
            Plain text.
        kind
            ``'fine'``, ``'good'`` (good news), ``'note'`` (worth reading)
            or ``'stop'`` (must be mended first).
        """
        edge = _EDGE[kind]
        self.setStyleSheet(
            f'border-left: 3px solid {edge}; padding-left: 6px;'
            if edge
            else ''
        )
        self.setText(text)
        self.setVisible(bool(text))


class Section(QFrame):
    """A heading and what belongs to it.

    Parameters
    ----------
    title
        The heading.
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(6)
        heading = QLabel(title)
        font = heading.font()
        font.setBold(True)
        heading.setFont(font)
        self.body.addWidget(heading)

    def add(self, widget: QWidget) -> None:
        """Put a widget below the others."""
        self.body.addWidget(widget)


def compact_combo(name: str, tooltip: str) -> QComboBox:
    """A drop-down list that never makes the dock wider.

    Parameters
    ----------
    name
        For screen readers.
    tooltip
        What is chosen here.
    """
    combo = QComboBox()
    combo.setAccessibleName(name)
    combo.setToolTip(tooltip)
    combo.setSizeAdjustPolicy(
        QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )
    combo.setMinimumContentsLength(8)
    combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return combo
