"""Two small plots: an answer while its image is hidden or shown by parts."""

from __future__ import annotations

from collections.abc import Sequence

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

from napari_wsol.inference.explanation import Curves
from napari_wsol.widgets.curves import LOSS

__all__ = ['RemovalPlots']

HEIGHT = 96
"""Pixels of one plot, its axes included."""

AXIS_WIDTH = 26

_TICKS = [(0, '0'), (0.5, '0.5'), (1, '1')]


class RemovalPlots(QWidget):
    """Deletion and insertion beside one another, each with its baseline."""

    def __init__(self) -> None:
        super().__init__()
        self.deletion = _Plot(
            'Marks hidden',
            'Probability of the class while more and more of the crop is '
            'hidden: what the localizer marks most surely first (solid), or '
            'random blocks (dashed). The sooner the solid line falls, the '
            'more the answer hangs on what is marked.',
        )
        self.insertion = _Plot(
            'Marks shown',
            'Probability of the class while more and more of the crop is '
            'shown, in the same order. The sooner the solid line rises, the '
            'more what is marked brings the answer.',
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.deletion, 1)
        layout.addWidget(self.insertion, 1)

    def show_curves(self, curves: Curves) -> None:
        """Draw other curves."""
        self.deletion.draw(
            (curves.shares, curves.deletion),
            ([1 - share for share in curves.shares], curves.random),
            (curves.deletion_area, curves.random_area),
        )
        self.insertion.draw(
            (curves.shares, curves.insertion),
            (curves.shares, curves.random),
            (curves.insertion_area, curves.random_area),
        )


class _Plot(QWidget):
    """One curve and its baseline, with the area under it in the title."""

    def __init__(self, title: str, tooltip: str) -> None:
        super().__init__()
        self._title, self._area = QLabel(title), QLabel()
        self._title.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed
        )
        self.setToolTip(tooltip)
        self.setAccessibleName(title)
        self._view = pg.PlotWidget()
        self._view.setFixedHeight(HEIGHT)
        self._view.setMinimumWidth(80)
        self._view.setMouseEnabled(x=False, y=False)
        self._view.setMenuEnabled(False)
        self._view.hideButtons()
        self._view.getAxis('left').setWidth(AXIS_WIDTH)
        self._view.setXRange(0, 1, padding=0.03)
        self._view.setYRange(0, 1, padding=0.05)
        for side in ('left', 'bottom'):
            self._view.getAxis(side).setTicks([_TICKS])
        self._view.wheelEvent = lambda event: event.ignore()
        self._baseline = self._view.plot([], [], antialias=True)
        self._curve = self._view.plot([], [], antialias=True)
        heading = QHBoxLayout()
        heading.addWidget(self._title, 1)
        heading.addWidget(self._area, 0, Qt.AlignmentFlag.AlignRight)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(heading)
        layout.addWidget(self._view)

    @property
    def values(self) -> tuple[list[float], list[float]]:
        """The points of the curve: shares and probabilities."""
        x, y = self._curve.getData()
        return x.tolist(), y.tolist()

    def draw(
        self,
        curve: tuple[Sequence[float], Sequence[float]],
        baseline: tuple[Sequence[float], Sequence[float]],
        areas: tuple[float, float],
    ) -> None:
        """Draw shares and probabilities of both, and tell their areas."""
        self._curve.setData(*map(list, curve))
        self._baseline.setData(*map(list, baseline))
        self._area.setText(f'{areas[0]:.2f}')
        told = f'area {areas[0]:.2f}, with random blocks {areas[1]:.2f}'
        self._area.setToolTip(told.capitalize())
        self.setAccessibleDescription(told)
        self.paint()

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
        theme = 'dark' if ink.lightnessF() > 0.5 else 'light'
        faint = QColor(ink)
        faint.setAlphaF(0.35)
        small = self.font()
        small.setPointSizeF(max(6.0, small.pointSizeF() * 0.8))
        self._view.setBackground(None)
        for side in ('left', 'bottom'):
            axis = self._view.getAxis(side)
            axis.setPen(faint)
            axis.setTextPen(ink)
            axis.setStyle(
                tickLength=-3, tickFont=small, hideOverlappingLabels=False
            )
        grey = QColor(ink)
        grey.setAlphaF(0.6)
        self._baseline.setPen(
            pg.mkPen(grey, width=1.2, style=Qt.PenStyle.DashLine)
        )
        self._curve.setPen(pg.mkPen(QColor(LOSS[theme]), width=1.8))
