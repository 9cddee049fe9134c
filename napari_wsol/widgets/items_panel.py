"""The part of the form that lists every item of the project."""

from __future__ import annotations

from collections import Counter

from qtpy.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableView,
)

from napari_wsol.engine.messages import Judgement
from napari_wsol.inference.settings import Progress
from napari_wsol.widgets.items_model import (
    CLASS,
    DISAGREES,
    GROUP,
    NAME,
    PICTURE,
    PREDICTED,
    THUMBNAIL,
    ItemsFilter,
    ItemsModel,
)
from napari_wsol.widgets.labelling import Labelling
from napari_wsol.widgets.texts import Message, Section, compact_combo
from napari_wsol.widgets.thin_bar import AskButton
from napari_wsol.widgets.thumbnails import Thumbnails

__all__ = ['ItemsPanel']

_WIDTHS = {
    PICTURE: 46,
    CLASS: 100,
    PREDICTED: 88,
    DISAGREES: 50,
    GROUP: 84,
    NAME: 170,
}


class ItemsPanel(Section):
    """A table of all items: look, sort, fly there, correct.

    Parameters
    ----------
    labelling
        Holds the project.
    thumbnails
        Makes the small pictures.
    """

    flown = Signal(object, object)
    """An item was clicked on: its path, and its box or None."""

    judge = Signal()
    """The model's own opinion is asked for."""

    cancel = Signal()

    def __init__(self, labelling: Labelling, thumbnails: Thumbnails) -> None:
        super().__init__('Items')
        self._labelling = labelling
        self.model = ItemsModel(labelling, thumbnails)
        self.filter = ItemsFilter(self.model)
        self.table = _Table()
        self.table.setModel(self.filter)
        self._arrange_table()
        self._shown = compact_combo('Items to show', 'Which items to show.')
        self._shown.addItem('All', 'all')
        self._shown.addItem('Disagreements only', 'differs')
        self._shown.addItem('Not labelled yet', 'unlabelled')
        self._shown.currentIndexChanged.connect(
            lambda: self.filter.show_only(self._shown.currentData())
        )
        self.predict = AskButton(
            'Predict',
            'Ask the model for the class of every item, to find what you '
            'and the model see differently.',
        )
        self.predict.asked.connect(self.judge)
        self.predict.cancelled.connect(self.cancel)
        self._summary = QLabel()
        self._summary.setWordWrap(True)
        self.message = Message()
        row = QHBoxLayout()
        row.addWidget(QLabel('Show'))
        row.addWidget(self._shown, 1)
        row.addWidget(self.predict)
        self.add(self._summary)
        self.body.addLayout(row)
        self.add(self.predict.bar)
        self.add(self.message)
        self.add(self.table)
        self.table.clicked.connect(self._fly)
        self.table.moved.connect(self._fly)
        self.table.removed.connect(self._remove)
        labelling.project_changed.connect(self._summarize)
        labelling.items_changed.connect(self._summarize)
        self._summarize()

    @property
    def is_running(self) -> bool:
        """Whether the model is being asked about the items."""
        return self.predict.is_running

    @property
    def selected_keys(self) -> tuple[str, ...]:
        """Keys of the selected rows, while the table listens to keys."""
        if not self.table.hasFocus():
            return ()
        rows = self.table.selectionModel().selectedRows()
        return tuple(
            self.model.item(self.filter.mapToSource(index).row()).key
            for index in rows
        )

    def show_only(self, what: str) -> None:
        """Show ``'all'``, ``'differs'`` or ``'unlabelled'`` items."""
        self._shown.setCurrentIndex(self._shown.findData(what))

    def begin(self) -> None:
        """Show that the model is being asked."""
        self.predict.begin()
        self.message.say('')

    def show_progress(self, progress: Progress, words: str) -> None:
        """Show how many items the model has looked at."""
        self.predict.bar.show_share(progress.done, progress.total)
        self.message.say(words)

    def show_judgements(self, judgements: tuple[Judgement, ...]) -> None:
        """Show what the model takes the items for; worst first."""
        self.model.judge(judgements)
        self.filter.invalidate()
        differing = sum(
            self.model.differs(row) for row in range(self.model.rowCount())
        )
        if differing:
            self.table.sortByColumn(DISAGREES, Qt.SortOrder.DescendingOrder)
        text = (
            f'The model sees {_count(differing, "item")} differently than '
            'you do.'
            if differing
            else 'The model sees every labelled item as you do.'
        )
        lacking = self.model.rowCount() - len(judgements)
        if lacking:
            text += f' {_count(lacking, "item")} could not be read.'
        self.end(text)

    def outdate(self) -> None:
        """Say that another model would judge now."""
        if self.model.is_judged:
            self.end('Another model is in use now: predict again.', 'note')

    def end(self, text: str = '', kind: str = 'fine') -> None:
        """Be ready to ask again, and say how it ended."""
        self.predict.end()
        self.message.say(text, kind)

    def reveal(self, key: str) -> None:
        """Select an item's row and scroll to it."""
        row = self.model.row_of(key)
        if row is None:
            return
        index = self.filter.mapFromSource(self.model.index(row, 0))
        self.table.selectionModel().select(
            index,
            QItemSelectionModel.SelectionFlag.ClearAndSelect
            | QItemSelectionModel.SelectionFlag.Rows,
        )
        self.table.scrollTo(index)

    def _arrange_table(self) -> None:
        table = self.table
        table.setIconSize(THUMBNAIL)
        table.setSortingEnabled(True)
        table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        table.verticalHeader().hide()
        table.verticalHeader().setSectionResizeMode(
            QHeaderView.ResizeMode.Fixed
        )
        table.verticalHeader().setDefaultSectionSize(THUMBNAIL.height() + 6)
        for column, width in _WIDTHS.items():
            table.setColumnWidth(column, width)
        table.setMinimumHeight(7 * THUMBNAIL.height())

    def _fly(self, index: QModelIndex) -> None:
        item = self.model.item(self.filter.mapToSource(index).row())
        self.flown.emit(item.image, item.field)

    def _remove(self) -> None:
        """Take items out of the project; undo brings them back."""
        keys = self.selected_keys
        if keys:
            self._labelling.attempt(lambda project: project.remove(keys))

    def _summarize(self) -> None:
        """Say how much there is."""
        self.setVisible(self._labelling.project is not None)
        items = list(self._labelling.items.values())
        labelled = [item for item in items if item.label is not None]
        fields = sum(item.field is not None for item in labelled)
        kinds = Counter(item.label for item in labelled)
        images = len(labelled) - fields
        if not items:
            text = 'No items yet: label an image above, or add images.'
        else:
            text = (
                f'{_count(images, "image")} and {_count(fields, "field")} '
                f'labelled, {len(kinds)} of {len(self._labelling.classes)} '
                'classes.'
            )
            rest = len(items) - len(labelled)
            if rest:
                text += f' {_count(rest, "item")} without a label.'
        self._summary.setText(text)


class _Table(QTableView):
    """Rows that are chosen with mouse or arrow keys, removed with Delete."""

    moved = Signal(QModelIndex)
    removed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName('Items of the project')
        self.setSelectionBehavior(
            QAbstractItemView.SelectionBehavior.SelectRows
        )
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.setHorizontalScrollMode(
            QAbstractItemView.ScrollMode.ScrollPerPixel
        )
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Follow the arrow keys; Delete removes."""
        before = self.currentIndex()
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit()
            return
        super().keyPressEvent(event)
        after = self.currentIndex()
        if after.isValid() and after.row() != before.row():
            self.moved.emit(after)


def _count(number: int, thing: str) -> str:
    return f'{number} {thing}' if number == 1 else f'{number} {thing}s'
