"""The part of the form that cuts the mask by a false-positive budget."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel

from napari_wsol.engine.messages import (
    BudgetFound,
    BudgetRequest,
    Cancelled,
    Failed,
    Progress,
)
from napari_wsol.regions.budget import negatives_needed
from napari_wsol.widgets import jobs
from napari_wsol.widgets.reviewing import Reviewing
from napari_wsol.widgets.texts import (
    Message,
    Section,
    compact_combo,
    text_label,
)
from napari_wsol.widgets.thin_bar import AskButton

if TYPE_CHECKING:
    from napari_wsol.widgets.session import Session

__all__ = ['BudgetSection']


class BudgetSection(Section):
    """How much of negative tissue may be marked, and the threshold for it.

    Parameters
    ----------
    session
        Knows the project, whose fully negative items are asked.
    reviewing
        Holds the result whose mask is cut.
    """

    def __init__(self, session: Session, reviewing: Reviewing) -> None:
        super().__init__('False-positive budget')
        self._session = session
        self._reviewing = reviewing
        self._generation = 0
        self.running = jobs.Running()
        self._words = text_label()
        self._share = QDoubleSpinBox()
        self._share.setRange(0.1, 50.0)
        self._share.setDecimals(1)
        self._share.setValue(1.0)
        self._share.setSuffix(' %')
        self._share.setAccessibleName('Budget')
        self._share.setToolTip(
            'How much of the area of tissue without any region of interest '
            'may be marked by mistake, on average.'
        )
        self._whose = compact_combo(
            'Whom the promise is for', 'Whom the promise is for.'
        )
        self._whose.addItem('of new patients or slides', True)
        self._whose.addItem('of more fields of the same slides', False)
        self._ask = AskButton(
            'Set threshold',
            'Run the model over everything that the project knows to be '
            'fully negative, and cut the mask so that the budget is kept.',
        )
        self.message = Message()
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(QLabel('At most'))
        first.addWidget(self._share)
        first.addWidget(self._whose, 1)
        second.addStretch()
        second.addWidget(self._ask)
        self.add(self._words)
        self.body.addLayout(first)
        self.body.addLayout(second)
        self.add(self._ask.bar)
        self.add(self.message)
        self._ask.asked.connect(self.ask)
        self._ask.cancelled.connect(self.stop)
        self._share.valueChanged.connect(self._show_state)
        self._whose.currentIndexChanged.connect(self._show_state)
        session.labelling_changed.connect(self._follow_labelling)
        reviewing.result_changed.connect(self._start_again)
        self._follow_labelling()

    @property
    def negatives(self) -> int:
        """How many of what the promise counts the project has."""
        labelling = self._session.labelling
        if labelling is None or labelling.negative_class is None:
            return 0
        items = [
            each
            for each in labelling.items.values()
            if each.label == labelling.negative_class
        ]
        if self._whose.currentData():
            return len({each.group or str(each.image) for each in items})
        return len(items)

    def ask(self) -> None:
        """Look at the negatives, then cut the mask."""
        shown, labelling = self._reviewing.shown, self._session.labelling
        if shown is None or labelling is None or labelling.project is None:
            return
        self._generation += 1
        self._ask.begin()
        self.message.say('')
        self.running.job = jobs.run(
            self._session.client,
            'keeping a false-positive budget',
            partial(
                BudgetRequest,
                project=str(labelling.project.folder),
                model=str(shown.model),
                alpha=self._share.value() / 100,
                by_group=bool(self._whose.currentData()),
                prediction=shown.result,
                threshold=shown.threshold,
            ),
            partial(self._take, self._generation),
        )

    def stop(self) -> None:
        """Ask nothing any more."""
        self._generation += 1
        self.running.stop()
        self.running.job = None
        self._ask.end()

    def _take(self, generation: int, event: Any) -> None:
        if not isalive(self) or generation != self._generation:
            return
        match event:
            case Progress():
                self._ask.bar.show_share(event.done, event.total)
            case BudgetFound():
                self.stop()
                shown = self._reviewing.shown
                self._session.results.cut(shown.source, event.budget.threshold)
                self.message.say(event.budget.sentence, 'good')
            case Failed():
                self.stop()
                self.message.say(event.message, 'stop')
            case Cancelled():
                self.stop()

    def _follow_labelling(self) -> None:
        if not isalive(self):
            return
        labelling = self._session.labelling
        if labelling is not None:
            for signal in (
                labelling.items_changed,
                labelling.project_changed,
                labelling.settings_changed,
            ):
                signal.connect(self._show_state)
        self._show_state()

    def _start_again(self) -> None:
        self.stop()
        self.message.say('')

    def _show_state(self, *changed: Any) -> None:
        """Say what there is to promise with."""
        labelling = self._session.labelling
        opened = labelling is not None and labelling.project is not None
        have = self.negatives
        needed = negatives_needed(self._share.value() / 100)
        what = 'patients or slides' if self._whose.currentData() else 'fields'
        self._ask.setEnabled(have >= needed)
        if not opened:
            self._words.setText(
                'With fields that are known to hold nothing, in a project of '
                'the Fine-tune form, the mask can be cut so that little is '
                'marked by mistake.'
            )
        else:
            lacks = '' if have >= needed else ': label more, or allow more'
            self._words.setText(
                f'{have} fully negative {what}; this promise needs '
                f'{needed}{lacks}.'
            )
