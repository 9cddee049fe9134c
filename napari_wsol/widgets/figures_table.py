"""Old figures beside new ones, as a table that says which is better."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from napari_wsol.projects.verdict import Comparison
from napari_wsol.widgets.texts import text_label

__all__ = ['FiguresTable']

BETTER, WORSE = '#2aa884', '#e0702e'
"""Near Okabe and Ito's green and vermillion; read on dark and on light."""


@dataclass(frozen=True)
class _Row:
    """One figure: its words, its unit, and which way is better."""

    name: str
    words: str
    tooltip: str
    higher_is_better: bool
    factor: float
    decimals: int
    unit: str = ''

    def told(self, value: float | None) -> str:
        """The value with its unit."""
        if value is None or math.isnan(value):
            return '-'
        return f'{value * self.factor:.{self.decimals}f}{self.unit}'


_ROWS = (
    _Row(
        'accuracy',
        'Classes right',
        'Share of the held-out items whose class is found.',
        True,
        100,
        0,
        ' %',
    ),
    _Row(
        'f1_foreground',
        'F1 of what is marked',
        'How well the mask and the drawn regions agree; 100 is best. Only '
        'items with drawn regions count.',
        True,
        1,
        1,
    ),
    _Row(
        'f1_background',
        'F1 of the rest',
        'The same for what is left unmarked.',
        True,
        1,
        1,
    ),
    _Row(
        'pxap',
        'PxAP of the map',
        'How well the probabilities rank the pixels, at every threshold.',
        True,
        1,
        1,
    ),
    _Row(
        'foreground_on_negatives',
        'Marked where nothing is',
        'Share of the items without any region that is marked all the same: '
        'false alarms.',
        False,
        100,
        1,
        ' %',
    ),
    _Row(
        'entropy',
        'Uncertainty, whole item',
        '0 is sure, 1 knows nothing. Low is good where the class is right.',
        False,
        1,
        2,
    ),
    _Row(
        'entropy_foreground',
        'Uncertainty, marked part',
        'When the model sees what it marked only. Should be low.',
        False,
        1,
        2,
    ),
    _Row(
        'entropy_background',
        'Uncertainty, the rest',
        'When what it marked is hidden. Should be high: then the mask leaves '
        'nothing out.',
        True,
        1,
        2,
    ),
)


class FiguresTable(QWidget):
    """A row per figure that is known: name, before, after, better or worse."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(0, 1)
        self.rows: list[tuple[str, str, str, str]] = []

    def show_comparison(self, comparison: Comparison) -> None:
        """Show new figures in place of the old."""
        while self._grid.count():
            self._grid.takeAt(0).widget().deleteLater()
        self.rows = []
        self._heading(comparison)
        old, new = comparison.old, comparison.new
        for row in _ROWS:
            after = getattr(new, row.name)
            before = None if old is None else getattr(old, row.name)
            if after is None and before is None:
                continue
            self._add(row, before, after, with_old=old is not None)

    def _heading(self, comparison: Comparison) -> None:
        counts = ', '.join(f'{n} {name}' for name, n in comparison.held_out)
        title = f'On {comparison.new.n_items} held-out items'
        heading = text_label(title)
        heading.setToolTip(counts)
        columns = ['Before', 'After'] if comparison.old else ['', 'New']
        self._grid.addWidget(heading, 0, 0)
        for column, text in enumerate(columns, 1):
            self._grid.addWidget(_figure(text), 0, column)

    def _add(
        self,
        row: _Row,
        before: float | None,
        after: float | None,
        *,
        with_old: bool,
    ) -> None:
        told = row.told(before) if with_old else '', row.told(after)
        mark, color, word = _judged(row, before, after, told)
        self.rows.append((row.words, *told, word))
        index = len(self.rows)
        label, sign = text_label(row.words), QLabel(mark)
        sign.setAccessibleName(word)
        sign.setMinimumWidth(16)
        if color:
            sign.setStyleSheet(f'color: {color};')
        widgets = (label, _figure(told[0]), _figure(told[1]), sign)
        for column, widget in enumerate(widgets):
            widget.setToolTip(f'{row.tooltip} {word}'.strip())
            self._grid.addWidget(widget, index, column)


def _judged(
    row: _Row,
    before: float | None,
    after: float | None,
    told: tuple[str, str],
) -> tuple[str, str, str]:
    """Sign, colour and word of a change; what is told alike is no change."""
    known = [v for v in (before, after) if v is not None and not math.isnan(v)]
    if len(known) < 2 or told[0] == told[1]:
        return '', '', ''
    if (after > before) == row.higher_is_better:
        return '✓', BETTER, 'Better.'
    return '✗', WORSE, 'Worse.'


def _figure(text: str) -> QLabel:
    label = QLabel(text)
    label.setAlignment(
        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    )
    return label
