"""The buttons that decide on regions, and how far the review is."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QPushButton

from napari_wsol.regions.decisions import REASONS
from napari_wsol.widgets.palette import MISSED, RIGHT, WRONG
from napari_wsol.widgets.reviewing import Reviewing
from napari_wsol.widgets.texts import Message, Section, text_label
from napari_wsol.widgets.thin_bar import ThinBar

__all__ = ['DecisionBar']


class DecisionBar(Section):
    """Accept, reject for a reason, name what was missed, take back.

    Parameters
    ----------
    reviewing
        Holds the decisions.
    """

    accepted = Signal()
    rejected = Signal(str)
    missed = Signal()
    passed = Signal()

    def __init__(self, reviewing: Reviewing) -> None:
        super().__init__('Review')
        self._reviewing = reviewing
        self._why = text_label('')
        self.message = Message()
        self.bar = ThinBar()
        self._counts = text_label()
        accept = _button(
            'Accept  A', RIGHT, 'It is what the model takes it for.'
        )
        accept.clicked.connect(self.accepted)
        reject = _button(
            'Reject  R',
            WRONG,
            'It is a false positive, for no named reason.',
        )
        reject.clicked.connect(partial(self._reject, 'other'))
        missed = _button(
            'Missed  M',
            MISSED,
            'There is a region that the model left out, under the mouse (key '
            'M) or in the middle of the view (this button).',
        )
        missed.clicked.connect(self.missed)
        undo = _button('Undo  U', None, 'Take the last decision back.')
        undo.clicked.connect(reviewing.undo)
        pass_ = _button('Next  N', None, 'Leave it open; go to the next one.')
        pass_.clicked.connect(self.passed)
        row, others = QHBoxLayout(), QHBoxLayout()
        for button in (accept, reject):
            row.addWidget(button)
        for button in (missed, undo, pass_):
            others.addWidget(button)
        reasons = QGridLayout()
        reasons.setSpacing(4)
        for number, reason in enumerate(REASONS):
            button = _button(
                f'{number + 1} {reason}',
                None,
                f'Reject: {reason} (key {number + 1}).',
            )
            button.clicked.connect(partial(self._reject, reason))
            reasons.addWidget(button, number // 2, number % 2)
        self.add(self._why)
        self.body.addLayout(row)
        self.body.addLayout(reasons)
        self.body.addLayout(others)
        self.add(self.bar)
        self.add(self._counts)
        self.add(self.message)
        reviewing.regions_changed.connect(self.show_counts)
        reviewing.decisions_changed.connect(self.show_counts)
        reviewing.said.connect(self.message.say)
        self.show_counts()

    def _reject(self, reason: str, checked: bool = False) -> None:
        self.rejected.emit(reason)

    def say_why(self, text: str) -> None:
        """Say what speaks against the region in hand."""
        self._why.setText(text)

    def show_counts(self) -> None:
        """Say how many regions are decided, and how fast that went."""
        reviewing = self._reviewing
        counts = reviewing.counts()
        decided = reviewing.count - counts['open']
        self.bar.setVisible(reviewing.count > 0)
        self.bar.show_share(decided, reviewing.count)
        parts = [
            f'{counts[kind]:,} {kind}'
            for kind in ('accepted', 'rejected', 'missed')
        ]
        parts.append(f'{counts["open"]:,} open')
        text = ', '.join(parts)
        pace = reviewing.pace()
        self._counts.setText(f'{text}\n{pace}' if pace else text)


def _button(text: str, colour: str | None, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    if colour is not None:
        swatch = QPixmap(10, 10)
        swatch.fill(QColor(colour))
        button.setIcon(QIcon(swatch))
    return button
