"""The part of the form that shows how the models follow from one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QHeaderView,
    QPushButton,
    QSizePolicy,
    QTreeWidget,
    QTreeWidgetItem,
)

from napari_wsol.widgets.texts import Section

if TYPE_CHECKING:
    from napari_wsol.projects.lineage import Node

__all__ = ['VersionsSection']

COLUMNS = ('Model', 'Right', 'F1', 'Labels', '')
TOOLTIPS = (
    'Each model stands below the one it was taught from.',
    'Share of the held-out items whose class it found when it was kept.',
    'F1 of what it marked, where regions were drawn.',
    'How many labels it learned from.',
    '',
)
ROW = 27
"""Height of a row, in screen pixels."""

MOST_ROWS = 8


class VersionsSection(Section):
    """A tree of the kept models; the one in use is bold.

    Attributes
    ----------
    chosen
        Emitted with the number of the version to go back to.
    """

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__('Models of this project')
        self._tree = QTreeWidget()
        self._tree.setAccessibleName('Models of this project')
        self._tree.setColumnCount(len(COLUMNS))
        self._tree.setHeaderLabels(COLUMNS)
        self._tree.setIndentation(12)
        self._tree.setUniformRowHeights(True)
        self._tree.setSelectionMode(QTreeWidget.SelectionMode.NoSelection)
        self._tree.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        header = self._tree.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(30)
        for column, tooltip in enumerate(TOOLTIPS):
            self._tree.headerItem().setToolTip(column, tooltip)
            header.setSectionResizeMode(
                column,
                QHeaderView.ResizeMode.Stretch
                if column == 0
                else QHeaderView.ResizeMode.ResizeToContents,
            )
        self.add(self._tree)
        self.setSizePolicy(
            QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum
        )
        self.hide()

    def show_versions(
        self, nodes: Sequence[Node], current: int | None
    ) -> None:
        """Show other versions in place of those before.

        Parameters
        ----------
        nodes
            Of ``projects.lineage.tree``.
        current
            Number of the version in use.
        """
        self._tree.clear()
        for node in nodes:
            self._add(self._tree.invisibleRootItem(), node, current)
        self._tree.expandAll()
        rows = len(self.rows)
        self._tree.setFixedHeight(ROW * (min(rows, MOST_ROWS) + 1) + 6)
        self.setVisible(bool(rows))

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """What the tree says, from top to bottom."""
        return [
            tuple(item.text(column) for column in range(len(COLUMNS) - 1))
            for item in self._items(self._tree.invisibleRootItem())
        ]

    def button(self, number: int) -> QPushButton | None:
        """The button that goes back to a version; None for that in use."""
        for item in self._items(self._tree.invisibleRootItem()):
            if item.data(0, Qt.ItemDataRole.UserRole) == number:
                return self._tree.itemWidget(item, len(COLUMNS) - 1)
        return None

    def _items(self, parent: QTreeWidgetItem) -> list[QTreeWidgetItem]:
        found = []
        for index in range(parent.childCount()):
            child = parent.child(index)
            found += [child, *self._items(child)]
        return found

    def _add(
        self, parent: QTreeWidgetItem, node: Node, current: int | None
    ) -> None:
        version = node.version
        figures = version.figures
        item = QTreeWidgetItem(
            parent,
            [
                version.name,
                f'{100 * figures.accuracy:.0f} %',
                '-'
                if figures.f1_foreground is None
                else f'{figures.f1_foreground:.0f}',
                str(version.labels_used),
                '',
            ],
        )
        item.setData(0, Qt.ItemDataRole.UserRole, version.number)
        for column in (1, 2, 3):
            item.setTextAlignment(
                column,
                Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
            )
        for column in range(len(COLUMNS)):
            item.setToolTip(column, f'Kept {version.when[:16]}')
        if version.number == current:
            font = item.font(0)
            font.setBold(True)
            for column in range(4):
                item.setFont(column, font)
            item.setText(4, 'in use')
        else:
            button = QPushButton('Go back')
            button.setToolTip(f'Use "{version.name}" from now on.')
            button.clicked.connect(
                lambda _=False, number=version.number: self.chosen.emit(number)
            )
            self._tree.setItemWidget(item, 4, button)
        for child in node.children:
            self._add(item, child, current)
