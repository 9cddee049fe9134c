"""Two small plots: an answer while its image is hidden or shown by parts."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QHBoxLayout,
    QWidget,
)

from napari_wsol.inference.explanation import Curves
from napari_wsol.widgets.small_plot import LOSS, SmallPlot, faded

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


class _Plot(SmallPlot):
    """One curve and its baseline, with the area under it in the title."""

    def __init__(self, title: str, tooltip: str) -> None:
        super().__init__(title, HEIGHT, AXIS_WIDTH, LOSS)
        self.setToolTip(tooltip)
        self._view.setXRange(0, 1, padding=0.03)
        self._view.setYRange(0, 1, padding=0.05)
        for side in ('left', 'bottom'):
            self._view.getAxis(side).setTicks([_TICKS])
        self._baseline = self._view.plot([], [], antialias=True)
        self._baseline.setZValue(-1)

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
        self._value.setText(f'{areas[0]:.2f}')
        told = f'area {areas[0]:.2f}, with random blocks {areas[1]:.2f}'
        self._value.setToolTip(told.capitalize())
        self.setAccessibleDescription(told)
        self.paint()

    def _paint_more(self, color: QColor, ink: QColor) -> None:
        self._baseline.setPen(
            pg.mkPen(faded(ink, 0.6), width=1.2, style=Qt.PenStyle.DashLine)
        )
