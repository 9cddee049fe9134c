"""The items of a project as a table that stays fluent with thousands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qtpy.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
)
from qtpy.QtGui import QColor, QIcon, QPixmap

from napari_wsol.engine.messages import Judgement
from napari_wsol.projects.items import Item
from napari_wsol.widgets.class_palette import swatch
from napari_wsol.widgets.labelling import Labelling
from napari_wsol.widgets.thumbnails import Thumbnails
from napari_wsol.widgets.wording import plain_class

__all__ = ['COLUMNS', 'ItemsFilter', 'ItemsModel']

PICTURE, CLASS, PREDICTED, DISAGREES, GROUP, NAME = range(6)
COLUMNS = ('', 'Class', 'Predicted', 'Differs', 'Group', 'Image')

_TIPS = (
    'An image, or a field of it. Click to fly there.',
    'What you said it is.',
    'What the model takes it for.',
    'How sure the model is of another class than yours.',
    (
        'Patient or slide: all items of a group are learned from, or all are '
        'held out for checking. Guessed from the file; double-click to change.'
    ),
    'The file.',
)

SORT_ROLE = Qt.ItemDataRole.UserRole
KEY_ROLE = Qt.ItemDataRole.UserRole + 1

THUMBNAIL = QSize(44, 44)
_AMBER = QColor('#e69f00')


class ItemsModel(QAbstractTableModel):
    """One row per item, in the order in which they came.

    Parameters
    ----------
    labelling
        Holds the project.
    thumbnails
        Makes the pictures of the rows that are looked at.
    """

    def __init__(self, labelling: Labelling, thumbnails: Thumbnails) -> None:
        super().__init__()
        self._labelling = labelling
        self._thumbnails = thumbnails
        self._keys: list[str] = []
        self._rows: dict[str, int] = {}
        self._judgements: dict[str, Judgement] = {}
        self._waiting = QIcon(_empty())
        labelling.project_changed.connect(self._start)
        labelling.settings_changed.connect(self._repaint)
        labelling.items_changed.connect(self._take)
        thumbnails.changed.connect(self._show_thumbnails)
        self._start()

    def item(self, row: int) -> Item:
        """The item of a row."""
        return self._labelling.items[self._keys[row]]

    def row_of(self, key: str) -> int | None:
        """The row of an item."""
        return self._rows.get(key)

    def judgement(self, row: int) -> Judgement | None:
        """What the model takes an item for, where it was asked."""
        return self._judgements.get(self._keys[row])

    def differs(self, row: int) -> bool:
        """Whether the model takes an item for another class than its own."""
        judged, label = self.judgement(row), self.item(row).label
        return (
            judged is not None
            and label is not None
            and judged.predicted != label
        )

    @property
    def is_judged(self) -> bool:
        """Whether a model was asked."""
        return bool(self._judgements)

    def judge(self, judgements: Iterable[Judgement]) -> None:
        """Show what a model takes the items for, in place of the old."""
        self._judgements = {each.key: each for each in judgements}
        self._repaint()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        """So many items."""
        return 0 if parent.isValid() else len(self._keys)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        """So many columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """The columns' titles and what they mean."""
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return COLUMNS[section]
            if role == Qt.ItemDataRole.ToolTipRole:
                return _TIPS[section]
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Groups can be edited."""
        flags = super().flags(index)
        if index.column() == GROUP and self._labelling.can_write:
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def data(
        self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """What a cell shows, and by what it is sorted."""
        row, column = index.row(), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, column)
        if role == SORT_ROLE:
            return self._rank(row, column)
        if role == KEY_ROLE:
            return self._keys[row]
        if role == Qt.ItemDataRole.EditRole and column == GROUP:
            return self.item(row).group
        if role == Qt.ItemDataRole.DecorationRole:
            return self._picture(row, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(row, column)
        if role == Qt.ItemDataRole.ForegroundRole and column == DISAGREES:
            return _AMBER
        return None

    def setData(
        self,
        index: QModelIndex,
        value: Any,
        role: int = Qt.ItemDataRole.EditRole,
    ) -> bool:
        """Give an item another group."""
        if role != Qt.ItemDataRole.EditRole or index.column() != GROUP:
            return False
        keys, group = (self._keys[index.row()],), str(value).strip()
        if group and group != self.item(index.row()).group:
            self._labelling.attempt(
                lambda project: project.set_group(keys, group)
            )
        return True

    def _text(self, row: int, column: int) -> str:
        item, judged = self.item(row), self.judgement(row)
        if column == PICTURE:
            return ''
        if column == NAME:
            return item.image.name
        if column == CLASS:
            return plain_class(item.label) if item.label else '–'
        if column == GROUP:
            return item.group
        if judged is None:
            return ''
        if column == PREDICTED:
            return plain_class(judged.predicted)
        return f'{judged.probability:.0%}' if self.differs(row) else ''

    def _rank(self, row: int, column: int) -> Any:
        if column == DISAGREES:
            judged = self.judgement(row)
            if judged is None:
                return -2.0
            sure = judged.probability
            return sure if self.differs(row) else -sure
        if column == CLASS:
            return self.item(row).label or ''
        if column == PICTURE:
            return row
        return self._text(row, column)

    def _picture(self, row: int, column: int) -> QIcon | None:
        item = self.item(row)
        if column == PICTURE:
            picture = self._thumbnails.get(item.image, item.field)
            return self._waiting if picture is None else QIcon(picture)
        label = item.label if column == CLASS else None
        judged = self.judgement(row)
        if column == PREDICTED and judged is not None:
            label = judged.predicted
        if label is None:
            return None
        return swatch(
            self._labelling.colour_of(label),
            hollow=label == self._labelling.negative_class,
        )

    def _tip(self, row: int, column: int) -> str:
        item = self.item(row)
        if column in (PICTURE, NAME):
            return f'{item.image}\n{self._place(item)}'
        judged = self.judgement(row)
        if judged is not None and column in (PREDICTED, DISAGREES):
            return (
                f'{plain_class(judged.predicted)}, {judged.probability:.0%} '
                f'(uncertainty {judged.entropy:.2f} of 1)'
            )
        return _TIPS[column]

    def _place(self, item: Item) -> str:
        """What part of the image it is, and what it is used for."""
        what = 'The whole image'
        if item.field is not None:
            box = item.field
            what = (
                f'A field of {box.height:.0f} x {box.width:.0f} px at '
                f'({box.y:.0f}, {box.x:.0f})'
            )
        if item.label is None:
            return f'{what}, not labelled yet'
        side = self._labelling.project.split_of(item)
        use = {'train': 'learned from', 'val': 'held out for checking'}
        return f'{what}, {use[side]}'

    def _start(self) -> None:
        """Show another project."""
        self.beginResetModel()
        self._keys = list(self._labelling.items)
        self._rows = {key: row for row, key in enumerate(self._keys)}
        self._judgements = {}
        self.endResetModel()

    def _take(self, keys: tuple[str, ...]) -> None:
        """Show what changed; only a removal makes the table anew."""
        items = self._labelling.items
        new = [key for key in keys if key in items and key not in self._rows]
        if any(key not in items for key in keys if key in self._rows) or (
            self._keys + new != list(items)
        ):
            judgements = self._judgements
            self._start()
            self._judgements = judgements
            return
        for key in keys:
            if key in self._rows:
                row = self._rows[key]
                self.dataChanged.emit(
                    self.index(row, 0), self.index(row, len(COLUMNS) - 1)
                )
        if new:
            first = len(self._keys)
            self.beginInsertRows(QModelIndex(), first, first + len(new) - 1)
            self._keys += new
            self._rows |= {key: first + i for i, key in enumerate(new)}
            self.endInsertRows()

    def _repaint(self) -> None:
        if self._keys:
            self.dataChanged.emit(
                self.index(0, 0),
                self.index(len(self._keys) - 1, len(COLUMNS) - 1),
            )

    def _show_thumbnails(self) -> None:
        """Have the view draw its visible rows again."""
        if self._keys:
            self.dataChanged.emit(
                self.index(0, PICTURE),
                self.index(len(self._keys) - 1, PICTURE),
                [Qt.ItemDataRole.DecorationRole],
            )


class ItemsFilter(QSortFilterProxyModel):
    """Sorts the table, and leaves out what is not asked for.

    Parameters
    ----------
    model
        The items.
    """

    def __init__(self, model: ItemsModel) -> None:
        super().__init__()
        self.setSourceModel(model)
        self.setSortRole(SORT_ROLE)
        self.setSortCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._model = model
        self._what = 'all'

    def show_only(self, what: str) -> None:
        """Show ``'all'``, ``'differs'`` or ``'unlabelled'`` items."""
        self._what = what
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: QModelIndex) -> bool:
        """Whether an item is asked for."""
        if self._what == 'differs':
            return self._model.differs(row)
        if self._what == 'unlabelled':
            return self._model.item(row).label is None
        return True


def _empty() -> QPixmap:
    pixmap = QPixmap(THUMBNAIL)
    pixmap.fill(QColor(128, 128, 128, 60))
    return pixmap
