"""The part of the form that offers trainings that were cut short."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_wsol.widgets.texts import Message, Section

__all__ = ['UnfinishedSection']


class UnfinishedSection(Section):
    """One row per training: go on with it, or discard it.

    Attributes
    ----------
    resumed, discarded
        Emitted with the run's name.
    """

    resumed = Signal(str)
    discarded = Signal(str)

    def __init__(self) -> None:
        super().__init__('Cut short')
        self._rows = QVBoxLayout()
        self.body.addLayout(self._rows)
        self.hide()

    @property
    def rows(self) -> list[QWidget]:
        """One per training, named like its run."""
        return [
            self._rows.itemAt(index).widget()
            for index in range(self._rows.count())
        ]

    def show_runs(self, runs: Sequence[tuple[str, str]]) -> None:
        """Show other runs in place of those before.

        Parameters
        ----------
        runs
            Name of each, and a sentence about it.
        """
        while self._rows.count():
            self._rows.takeAt(0).widget().deleteLater()
        for name, words in runs:
            self._rows.addWidget(self._row(name, words))
        self.setVisible(bool(runs))

    def _row(self, name: str, words: str) -> QWidget:
        row = QWidget()
        row.setObjectName(name)
        message = Message()
        resume = QPushButton('Go on')
        resume.setToolTip('Train on from the last epoch that was finished.')
        discard = QPushButton('Discard')
        discard.setToolTip('Throw away what this training learned.')
        buttons = QHBoxLayout()
        buttons.addWidget(resume, 1)
        buttons.addWidget(discard, 1)
        layout = QVBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(message)
        layout.addLayout(buttons)
        message.say(words, 'note')
        resume.clicked.connect(lambda: self.resumed.emit(name))
        discard.clicked.connect(lambda: self.discarded.emit(name))
        return row
