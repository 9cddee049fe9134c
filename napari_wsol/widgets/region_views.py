"""Gallery and table of regions, with what is shown and in which order."""

from __future__ import annotations

from qtpy.QtCore import (
    QItemSelectionModel,
    QMargins,
    QModelIndex,
    Qt,
    Signal,
)
from qtpy.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QHBoxLayout,
    QHeaderView,
    QListView,
    QPushButton,
    QStackedWidget,
    QTableView,
)

from napari_wsol.widgets.regions_model import (
    PICTURE,
    SHOWN,
    SORTED,
    TILE,
    RegionsModel,
)
from napari_wsol.widgets.texts import Section, compact_combo

__all__ = ['RegionViews']

_HEIGHT = 300
_MARGIN = 6


class RegionViews(Section):
    """One model as a gallery of pictures, or as a table of figures.

    Parameters
    ----------
    model
        The regions.
    """

    chosen = Signal(int)
    """A region was clicked on, or gone to: its place in the table."""

    def __init__(self, model: RegionsModel) -> None:
        super().__init__('Regions')
        self.model = model
        self._shown = compact_combo('Regions to show', 'Which regions.')
        for key, text in SHOWN.items():
            self._shown.addItem(text, key)
        self._sorted = compact_combo('Order of regions', 'In which order.')
        for key, text in SORTED.items():
            self._sorted.addItem(text, key)
        self.gallery = _gallery(model)
        self.table = _table(model)
        self._selection = QItemSelectionModel(model, self)
        for view in (self.gallery, self.table):
            view.setSelectionModel(self._selection)
            view.clicked.connect(self._tell)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.gallery)
        self._stack.addWidget(self.table)
        self._stack.setFixedHeight(_HEIGHT)
        self._kinds = QButtonGroup(self)
        choices, row = QHBoxLayout(), QHBoxLayout()
        choices.addWidget(self._shown, 1)
        choices.addWidget(self._sorted, 1)
        for number, name in enumerate(('Gallery', 'Table')):
            button = QPushButton(name)
            button.setCheckable(True)
            button.setChecked(number == 0)
            self._kinds.addButton(button, number)
            row.addWidget(button)
        self.body.addLayout(choices)
        self.body.addLayout(row)
        self.add(self._stack)
        self._kinds.idClicked.connect(self._stack.setCurrentIndex)
        self._shown.currentIndexChanged.connect(
            lambda: model.show_only(self._shown.currentData())
        )
        self._sorted.currentIndexChanged.connect(
            lambda: model.sort_by(self._sorted.currentData())
        )

    @property
    def current(self) -> int | None:
        """Place in the table of the region in hand."""
        index = self._selection.currentIndex()
        return int(self.model.places[index.row()]) if index.isValid() else None

    @property
    def selected(self) -> tuple[int, ...]:
        """Places of all regions that are selected."""
        rows = sorted({i.row() for i in self._selection.selectedIndexes()})
        return tuple(int(self.model.places[row]) for row in rows)

    def go_to(self, place: int) -> None:
        """Take a region in hand, and fly there."""
        row = self.model.row_of(place)
        if row is not None:
            self._go_to_row(row)

    def select(self, place: int) -> None:
        """Take a region in hand, without moving the view."""
        row = self.model.row_of(place)
        if row is not None:
            self._take(self.model.index(row, PICTURE))

    def next_row(self, step: int = 1) -> None:
        """Go to the next region of the list, or the one before."""
        index = self._selection.currentIndex()
        row = index.row() + step if index.isValid() else 0
        if 0 <= row < self.model.rowCount():
            self._go_to_row(row)

    def show_only(self, what: str) -> None:
        """Show one of ``SHOWN``."""
        self._shown.setCurrentIndex(self._shown.findData(what))

    def sort_by(self, what: str) -> None:
        """Sort by one of ``SORTED``."""
        self._sorted.setCurrentIndex(self._sorted.findData(what))

    def _go_to_row(self, row: int) -> None:
        index = self.model.index(row, PICTURE)
        self._take(index)
        self._tell(index)

    def _take(self, index: QModelIndex) -> None:
        self._selection.setCurrentIndex(
            index, QItemSelectionModel.SelectionFlag.ClearAndSelect
        )
        for view in (self.gallery, self.table):
            view.scrollTo(index)

    def _tell(self, index: QModelIndex) -> None:
        self.chosen.emit(int(self.model.places[index.row()]))


def _gallery(model: RegionsModel) -> QListView:
    view = QListView()
    view.setModel(model)
    view.setViewMode(QListView.ViewMode.IconMode)
    view.setResizeMode(QListView.ResizeMode.Adjust)
    view.setMovement(QListView.Movement.Static)
    view.setUniformItemSizes(True)
    view.setLayoutMode(QListView.LayoutMode.Batched)
    view.setIconSize(TILE)
    view.setGridSize(TILE.grownBy(QMargins(*(_MARGIN,) * 4)))
    view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setAccessibleName('Gallery of regions')
    return view


def _table(model: RegionsModel) -> QTableView:
    view = QTableView()
    view.setModel(model)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    view.setIconSize(TILE / 2)
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.verticalHeader().hide()
    view.verticalHeader().setDefaultSectionSize(TILE.height() // 2 + 4)
    view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    view.horizontalHeader().setStretchLastSection(True)
    view.setColumnWidth(PICTURE, TILE.width() // 2 + 8)
    view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setTabKeyNavigation(False)
    view.setAccessibleName('Table of regions')
    view.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
    return view
