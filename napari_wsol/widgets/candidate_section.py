"""The part of the form where a new model is judged, kept or discarded."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_wsol.projects.verdict import Comparison, verdict
from napari_wsol.widgets.before_after import View
from napari_wsol.widgets.figures_table import FiguresTable
from napari_wsol.widgets.texts import Message, Section

__all__ = ['CandidateSection']

STEPS = 1000
"""Positions of the slider."""

_EDGES = {'better': 'good', 'unclear': 'note', 'worse': 'stop'}

_VIEWS: tuple[tuple[View, str, str], ...] = (
    ('before', 'Before', 'What the old model marks.'),
    ('after', 'After', 'What the new model marks.'),
    ('blink', 'Blink', 'Both by turns: what changes catches the eye.'),
    (
        'swipe',
        'Swipe',
        (
            'The old mask left of the white line, the new one right of it. '
            'Drag the line in the image, or the slider.'
        ),
    ),
)


class CandidateSection(Section):
    """Verdict, figures, and the two masks; *Keep* asks a name.

    Attributes
    ----------
    kept
        Emitted with the name.
    discarded
        Emitted when the model shall go.
    again
        Emitted when it shall go and another be trained.
    look
        Emitted when the two models shall be run over the active image.
    viewed
        Emitted with how the two masks shall be shown.
    swiped
        Emitted with the position of the line, 0-1.
    """

    kept = Signal(str)
    discarded = Signal()
    again = Signal()
    look = Signal()
    viewed = Signal(str)
    swiped = Signal(float)

    def __init__(self) -> None:
        super().__init__('The new model')
        self._is_worse = False
        self._verdict = Message()
        self._table = FiguresTable()
        self._views = {
            view: self._view_button(view, text, tooltip)
            for view, text, tooltip in _VIEWS
        }
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, STEPS)
        self._slider.setAccessibleName('Where the line between both is')
        self._slider.valueChanged.connect(
            lambda value: self.swiped.emit(value / STEPS)
        )
        self._look = QPushButton('Look at the image in view')
        self._look.setToolTip(
            'Run both models over the part of the active image that is in '
            'view, and show their masks.'
        )
        self._looking = Message()
        self._keep = QPushButton('Keep...')
        self._discard = QPushButton('Discard')
        self._again = QPushButton('Train again')
        self._again.setToolTip(
            'Throw it away and train with the labels as they are now.'
        )
        self._keep.setToolTip('Give it a name and use it from now on.')
        self._discard.setToolTip('Throw it away; nothing of it stays.')
        self._naming = _Naming()
        self.add(self._verdict)
        self.add(self._table)
        self.body.addLayout(_row(*self._views.values()))
        for widget in (self._slider, self._looking, self._look):
            self.add(widget)
        self.body.addLayout(_row(self._keep, self._again, self._discard))
        self.add(self._naming)
        self._look.clicked.connect(self.look)
        self._keep.clicked.connect(self._ask)
        self._discard.clicked.connect(self.discarded)
        self._again.clicked.connect(self.again)
        self._naming.given.connect(self.kept)
        self.hide()

    def show_candidate(self, comparison: Comparison, name: str) -> None:
        """Show a new model.

        Parameters
        ----------
        name
            To suggest when it is kept.
        """
        judged = verdict(comparison)
        self._is_worse = judged.kind == 'worse'
        self._verdict.say(judged.text, _EDGES[judged.kind])
        self._table.show_comparison(comparison)
        self._naming.suggest(name)
        self.show_looking('')
        self.set_views(())
        self.show()

    def show_looking(self, text: str, kind: str = 'fine') -> None:
        """Tell how far the look at the image is, or why there is none."""
        self._looking.say(text, kind)

    def set_views(
        self, views: tuple[View, ...], chosen: View = 'after'
    ) -> None:
        """Offer ways to show the masks; none hides the buttons."""
        for view, button in self._views.items():
            button.setVisible(bool(views))
            button.setEnabled(view in views)
        self._look.setVisible(not views)
        if views:
            self.set_view(chosen)
        else:
            self._slider.hide()

    def set_view(self, view: View) -> None:
        """Press the button of a view."""
        self._views[view].click()

    def set_position(self, position: float) -> None:
        """Follow the line that was dragged in the image."""
        self._slider.blockSignals(True)
        self._slider.setValue(round(position * STEPS))
        self._slider.blockSignals(False)

    def say_problem(self, text: str) -> None:
        """Tell why it could not be kept."""
        self._naming.ask(text, 'stop')

    def _ask(self) -> None:
        if not self._is_worse:
            self._naming.ask('A name for it:')
            return
        worse = '; '.join(
            f'{words} {before} to {after}'
            for words, before, after, word in self._table.rows
            if word == 'Worse.' and not words.startswith('Uncertainty')
        )
        self._naming.ask(
            'On the held-out items this model does worse than the one you '
            f'have ({worse}). Keep it all the same?',
            'stop',
            'Keep all the same',
        )

    def _view_button(self, view: View, text: str, tooltip: str) -> QPushButton:
        button = QPushButton(text)
        button.setCheckable(True)
        button.setAutoExclusive(True)
        button.setToolTip(tooltip)

        def choose(chosen: bool) -> None:
            if chosen:
                self._slider.setVisible(view == 'swipe')
                self.viewed.emit(view)

        button.toggled.connect(choose)
        return button


class _Naming(QWidget):
    """A question, a name, and the button that means it; hidden at first."""

    given = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._question = Message()
        self._entry = QLineEdit()
        self._entry.setAccessibleName('Name of the model')
        self._button = QPushButton('Keep')
        self._back = QPushButton('Back')
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._question)
        layout.addWidget(self._entry)
        layout.addLayout(_row(self._button, self._back))
        self._entry.returnPressed.connect(self._button.click)
        self._button.clicked.connect(self._give)
        self._back.clicked.connect(self.hide)
        self.hide()

    def suggest(self, name: str) -> None:
        """Write a name into the field, to be changed or not."""
        self._entry.setText(name)
        self.hide()

    def ask(self, text: str, kind: str = 'fine', button: str = 'Keep') -> None:
        """Ask for the name."""
        self._question.say(text, kind)
        self._button.setText(button)
        self.show()
        self._entry.setFocus()
        self._entry.selectAll()

    def _give(self) -> None:
        name = self._entry.text().strip()
        if name:
            self.given.emit(name)
        else:
            self.ask('Please give it a name.', 'note')


def _row(*widgets: QWidget) -> QHBoxLayout:
    """Widgets side by side, as wide as the narrowest dock at most."""
    row = QHBoxLayout()
    row.setSpacing(2)
    for widget in widgets:
        widget.setMinimumWidth(50)
        row.addWidget(widget, 1)
    return row
