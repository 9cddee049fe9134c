"""How many pixels have which probability, and where the mask is cut."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QRectF, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_wsol.widgets.maps import MarkedArea

__all__ = ['ProbabilityHistogram']

_BINS = 100
_HEIGHT = 56
_BELOW = QColor(128, 128, 128, 150)
_ABOVE = QColor('#56b4e9')
_LINE = QColor('#e69f00')


class ProbabilityHistogram(QWidget):
    """Bars over the probabilities from 0 to 1; a click moves the line.

    Counts are drawn by their square root, since most of a slide is 0.
    """

    moved = Signal(float)
    """The line was put somewhere else."""

    def __init__(self) -> None:
        super().__init__()
        self._counts = np.zeros(_BINS)
        self._threshold = 0.5
        self.setMinimumHeight(_HEIGHT)
        self.setSizePolicy(
            QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed
        )
        self.setAccessibleName('Histogram of the ROI probability')
        self.setToolTip(
            'How many pixels have which probability (0 left, 1 right). What '
            'lies right of the line is marked. A line in the valley between '
            'two hills is a safe one.'
        )

    def show_area(self, area: MarkedArea) -> None:
        """Draw the probabilities of a map; those that are 0 are left out."""
        at_least = area.at_least.astype(float)
        edges = np.linspace(0, len(at_least) - 1, _BINS + 1).round()
        edges = edges.astype(int)
        edges[0] = 1
        self._counts = at_least[edges[:-1]] - at_least[edges[1:]]
        self._counts[-1] += at_least[edges[-1]]
        self.update()

    @property
    def counts(self) -> np.ndarray:
        """Pixels of each bar."""
        return self._counts

    def set_threshold(self, threshold: float) -> None:
        """Draw the line elsewhere."""
        self._threshold = threshold
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Move the line to the mouse."""
        self._move(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag the line."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._move(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw bars and line."""
        painter = QPainter(self)
        painter.setPen(Qt.PenStyle.NoPen)
        height, width = self.height() - 2, self.width()
        tallest = np.sqrt(self._counts.max()) or 1.0
        step = width / _BINS
        for number, count in enumerate(self._counts):
            tall = height * np.sqrt(count) / tallest
            marked = (number + 0.5) / _BINS >= self._threshold
            painter.setBrush(_ABOVE if marked else _BELOW)
            painter.drawRect(
                QRectF(number * step, height - tall, max(1, step - 0.5), tall)
            )
        painter.setPen(QPen(_LINE, 2))
        x = round(self._threshold * width)
        painter.drawLine(x, 0, x, height)
        painter.end()

    def _move(self, event: QMouseEvent) -> None:
        share = event.position().x() / max(1, self.width())
        self.moved.emit(round(min(max(share, 0.01), 0.99), 2))
