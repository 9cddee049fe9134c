"""The part of the form that shows a training while it runs."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton

from napari_wsol.training.reports import EpochFigures, TrainingProgress
from napari_wsol.widgets.curves import Curves
from napari_wsol.widgets.texts import Message, Section
from napari_wsol.widgets.thin_bar import ThinBar
from napari_wsol.widgets.training_wording import (
    describe_training,
    share_done,
)

__all__ = ['LearningSection']


class LearningSection(Section):
    """How far it is, how it goes, and the buttons that steer it.

    Attributes
    ----------
    steered
        Emitted with ``'pause'``, ``'go on'`` or ``'finish'``.
    cancelled
        Emitted when all shall be thrown away.
    """

    steered = Signal(str)
    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__('Learning')
        self._paused = False
        self._ending = False
        self._bar = ThinBar()
        self._words = Message()
        self._remark = Message()
        self.curves = Curves()
        self._pause = QPushButton('Pause')
        self._pause.setToolTip(
            'Leave the processor to other programs for a while.'
        )
        self._finish = QPushButton('Stop and keep')
        self._finish.setToolTip(
            'Stop after this epoch and look at what was learned so far.'
        )
        self._cancel = QPushButton('Cancel')
        self._cancel.setToolTip('Stop now and throw away what was learned.')
        buttons = QHBoxLayout()
        for button in (self._pause, self._finish, self._cancel):
            buttons.addWidget(button, 1)
        self.add(self._bar)
        self.add(self._words)
        self.body.addLayout(buttons)
        self.add(self._remark)
        self.add(self.curves)
        self._pause.clicked.connect(self._press_pause)
        self._finish.clicked.connect(self._press_finish)
        self._cancel.clicked.connect(self._press_cancel)
        self.hide()

    def begin(self, text: str) -> None:
        """Show that a training has begun."""
        self._paused = self._ending = False
        self.curves.clear()
        self._remark.say('')
        self._words.say(text)
        self._bar.show_work()
        self._pause.setText('Pause')
        for button in (self._pause, self._finish, self._cancel):
            button.setEnabled(True)
        self.show()

    def show_progress(self, progress: TrainingProgress) -> None:
        """Show how far it is, and how long it takes yet."""
        self._bar.show_share(share_done(progress), 1)
        if not (self._paused or self._ending):
            self._words.say(describe_training(progress))

    def show_work(self, text: str, done: float, total: float) -> None:
        """Show other work than learning, as comparing at the end."""
        self._bar.setRange(0, round(total))
        self._bar.setValue(round(done))
        if not self._ending:
            self._words.say(text)

    def show_figures(self, figures: EpochFigures) -> None:
        """Draw an epoch."""
        self.curves.add(figures.stage, dict(figures.figures))

    def show_remark(self, text: str) -> None:
        """Show a word about how it goes."""
        self._remark.say(text)

    def show_paused(self, paused: bool) -> None:
        """Follow whether it rests."""
        self._paused = paused
        self._pause.setEnabled(not self._ending)
        self._pause.setText('Go on' if paused else 'Pause')
        if paused:
            self._words.say('Paused. Nothing is lost; go on when you like.')

    def show_not_steered(self, text: str) -> None:
        """Tell that a button had no effect; it can be pressed again."""
        self._ending = False
        self._pause.setEnabled(True)
        self._finish.setEnabled(True)
        self._words.say(text, 'note')

    def _press_pause(self) -> None:
        self._pause.setEnabled(False)
        if self._paused:
            self._words.say('Going on...')
            self.steered.emit('go on')
        else:
            self._words.say('Pausing...')
            self.steered.emit('pause')

    def _press_finish(self) -> None:
        self._ending = True
        self._pause.setEnabled(False)
        self._finish.setEnabled(False)
        self._words.say('Stopping after this epoch...')
        self.steered.emit('finish')

    def _press_cancel(self) -> None:
        self._ending = True
        for button in (self._pause, self._finish, self._cancel):
            button.setEnabled(False)
        self._bar.show_work()
        self._words.say('Stopping...')
        self.cancelled.emit()
