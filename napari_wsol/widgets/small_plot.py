"""A small plot with a title and a value, in the theme's colours."""

from __future__ import annotations

import pyqtgraph as pg
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

__all__ = ['FAINT', 'LOSS', 'SmallPlot', 'faded']

LOSS = {'dark': '#56b4e9', 'light': '#0072b2'}
"""Colour of a curve in napari's themes."""

FAINT = 0.35
"""Opacity of axes and of lines that only part."""


class SmallPlot(QWidget):
    """One curve that cannot be moved or zoomed.

    Parameters
    ----------
    title
        Shown above, and told to screen readers.
    height
        Pixels of the plot, its axes included.
    axis_width
        Of the left axis in pixels.
    colors
        Of the curve, by theme.
    ticks
        More of how ticks are drawn, as ``AxisItem.setStyle`` takes it.
    """

    def __init__(
        self,
        title: str,
        height: int,
        axis_width: int,
        colors: dict[str, str],
        **ticks: int,
    ) -> None:
        super().__init__()
        self._colors, self._ticks = colors, ticks
        self.setAccessibleName(title)
        self._title, self._value = QLabel(title), QLabel()
        self._title.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed
        )
        self._view = pg.PlotWidget()
        self._view.setFixedHeight(height)
        self._view.setMinimumWidth(80)
        self._view.setMouseEnabled(x=False, y=False)
        self._view.setMenuEnabled(False)
        self._view.hideButtons()
        self._view.getAxis('left').setWidth(axis_width)
        self._view.wheelEvent = lambda event: event.ignore()
        self._curve = self._view.plot([], [], antialias=True)
        heading = QHBoxLayout()
        heading.addWidget(self._title, 1)
        heading.addWidget(self._value, 0, Qt.AlignmentFlag.AlignRight)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(heading)
        layout.addWidget(self._view)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() in (
            QEvent.Type.PaletteChange,
            QEvent.Type.StyleChange,
        ):
            self.paint()

    def paint(self) -> None:
        """Take the theme's colours."""
        self.ensurePolished()
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        small = self.font()
        small.setPointSizeF(max(6.0, small.pointSizeF() * 0.8))
        self._view.setBackground(None)
        for side in ('left', 'bottom'):
            axis = self._view.getAxis(side)
            axis.setPen(faded(ink, FAINT))
            axis.setTextPen(ink)
            axis.setStyle(
                tickLength=-3,
                hideOverlappingLabels=False,
                tickFont=small,
                **self._ticks,
            )
        theme = 'dark' if ink.lightnessF() > 0.5 else 'light'
        color = QColor(self._colors[theme])
        self._curve.setPen(pg.mkPen(color, width=1.8))
        self._paint_more(color, ink)

    def _paint_more(self, color: QColor, ink: QColor) -> None:
        """Take the colours of the curve and of the text for what is added."""


def faded(ink: QColor, alpha: float) -> QColor:
    """A colour that lets more of the ground through."""
    faint = QColor(ink)
    faint.setAlphaF(alpha)
    return faint
