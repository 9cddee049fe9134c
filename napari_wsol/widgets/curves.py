"""How a training goes: one small curve per figure, over the epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QGridLayout, QSizePolicy, QWidget

from napari_wsol.widgets.small_plot import FAINT, LOSS, SmallPlot, faded

__all__ = ['Curves', 'figure_title']

COLUMNS = 2
HEIGHT = 84
"""Pixels of one plot, its axes included."""

AXIS_WIDTH = 38

HELD_OUT = {'dark': '#e69f00', 'light': '#d55e00'}
"""Of Okabe and Ito, by theme: what is held out; ``LOSS`` what is learned."""

TITLES = {
    'classifier': 'Image class',
    'localizer': 'Class by part',
    'foreground': 'Marked part',
    'background': 'Doubt on the rest',
    'masked': 'Each part alone',
    'pixels': 'Marked pixels',
    'fields': 'Fields',
    'cells': 'Field class',
    'seeds': 'Seeds',
    'size': 'Mask size',
    'affinity': 'Edges of the mask',
    'loss': 'All terms',
    'total': 'All terms',
    'validation_error': 'Wrong class, %',
    'validation_field_error': 'Wrong area, %',
}


def figure_title(name: str) -> str:
    """A figure's name in words: a term of the loss, or of validation."""
    return TITLES.get(name, name.replace('_', ' ').capitalize())


class Curves(QWidget):
    """Small multiples: each figure has its own scale, as terms differ.

    All stages of a training follow one another along the epochs; a thin
    line parts them. Figures of held-out items come first, in their colour.
    """

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(4)
        self.setSizePolicy(
            QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum
        )
        self._plots: dict[str, _Plot] = {}
        self._stage = ''
        self._epoch = 0
        self._borders: list[int] = []
        for column in range(COLUMNS):
            self._grid.setColumnStretch(column, 1)
        self.clear()

    @property
    def names(self) -> tuple[str, ...]:
        """The figures that are shown, in their order."""
        return tuple(sorted(self._plots, key=_rank))

    def values(self, name: str) -> list[tuple[int, float]]:
        """The points of a figure's curve: epoch from 1, and value."""
        return list(self._plots[name].points)

    def clear(self) -> None:
        """Forget everything."""
        for plot in self._plots.values():
            self._grid.removeWidget(plot)
            plot.deleteLater()
        self._plots.clear()
        self._stage, self._epoch, self._borders = '', 0, []
        self.hide()

    def add(self, stage: str, figures: Mapping[str, float]) -> None:
        """Draw one more epoch.

        Parameters
        ----------
        stage
            Which the epoch belongs to.
        figures
            Name -> value; what is not finite leaves a gap.
        """
        if stage != self._stage and self._epoch:
            self._borders.append(self._epoch)
        self._stage = stage
        self._epoch += 1
        new = [name for name in figures if name not in self._plots]
        for name in new:
            self._plots[name] = _Plot(name)
        for name, value in figures.items():
            if math.isfinite(value):
                self._plots[name].add(self._epoch, value)
        for plot in self._plots.values():
            plot.stretch(self._epoch, self._borders)
        if new:
            self._arrange()
        self.show()

    def _arrange(self) -> None:
        for index, name in enumerate(self.names):
            self._grid.addWidget(
                self._plots[name], index // COLUMNS, index % COLUMNS
            )


class _Plot(SmallPlot):
    """One curve with its title and its last value."""

    def __init__(self, name: str) -> None:
        super().__init__(
            figure_title(name),
            HEIGHT,
            AXIS_WIDTH,
            HELD_OUT if _is_held_out(name) else LOSS,
            maxTickLevel=0,
        )
        self.points: list[tuple[int, float]] = []
        self._lines: list[pg.InfiniteLine] = []
        told = name.replace('_', ' ')
        if _is_held_out(name):
            told += ': on held-out items, which teach nothing'
        self._title.setToolTip(told)

    def add(self, epoch: int, value: float) -> None:
        """Add a point and tell its value."""
        self.points.append((epoch, value))
        self._value.setText(f'{value:.3g}')
        self._curve.setData(
            [epoch for epoch, _ in self.points],
            [value for _, value in self.points],
        )
        self.setAccessibleDescription(
            f'now {value:.3g}, was {self.points[0][1]:.3g} at first'
        )

    def stretch(self, epochs: int, borders: list[int]) -> None:
        """Show epochs 1 to so many, and where stages begin."""
        self._view.setXRange(1, max(2, epochs), padding=0.08)
        ends = [(epoch, str(epoch)) for epoch in sorted({1, epochs})]
        self._view.getAxis('bottom').setTicks([ends])
        for border in borders[len(self._lines) :]:
            line = pg.InfiniteLine(border + 0.5)
            self._lines.append(line)
            self._view.addItem(line, ignoreBounds=True)
        self.paint()

    def _paint_more(self, color: QColor, ink: QColor) -> None:
        for line in self._lines:
            line.setPen(pg.mkPen(faded(ink, FAINT), style=Qt.PenStyle.DotLine))
        self._curve.setSymbol('o')
        self._curve.setSymbolSize(4)
        self._curve.setSymbolBrush(color)
        self._curve.setSymbolPen(None)


def _is_held_out(name: str) -> bool:
    return name.startswith('validation')


def _rank(name: str) -> tuple[bool, int]:
    """Held-out figures first, then as the table of titles has them."""
    names = list(TITLES)
    place = names.index(name) if name in TITLES else len(names)
    return not _is_held_out(name), place
