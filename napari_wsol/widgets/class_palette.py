"""The classes as buttons, with their colours, keys and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from qtpy.QtWidgets import (
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_wsol.widgets.labelling import Labelling
from napari_wsol.widgets.wording import plain_class

__all__ = ['ClassPalette', 'swatch']

KEYS = 9
"""So many classes can be reached with a digit."""

_SWATCH = 14


def swatch(colour: str, hollow: bool = False) -> QIcon:
    """A square of a colour; hollow for the class with nothing to mark."""
    pixmap = QPixmap(_SWATCH, _SWATCH)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(colour), 2.5))
    if not hollow:
        painter.setBrush(QColor(colour))
    painter.drawRoundedRect(QRectF(1.5, 1.5, _SWATCH - 3, _SWATCH - 3), 2, 2)
    painter.end()
    return QIcon(pixmap)


class ClassPalette(QWidget):
    """Choose the class in hand; add, rename and explain classes.

    Parameters
    ----------
    labelling
        Holds the project and the class in hand.
    """

    picked = Signal(str)
    """A class was clicked on or chosen by its key."""

    def __init__(self, labelling: Labelling) -> None:
        super().__init__()
        self._labelling = labelling
        self._rows: list[_ClassRow] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)
        self._add = QPushButton('Add a class...')
        self._add.clicked.connect(self._ask_for_class)
        self._layout.addWidget(self._add)
        labelling.project_changed.connect(self._rebuild)
        labelling.settings_changed.connect(self._rebuild)
        labelling.class_changed.connect(self._show_current)
        labelling.items_changed.connect(self._count)
        self._rebuild()

    def press_key(self, key: int) -> str | None:
        """The class of a digit key; 0 is the one with nothing to mark."""
        if key == 0:
            name = self._labelling.negative_class
            if name is None:
                self._labelling.said.emit(
                    'No class means "no region of interest here" yet. '
                    'Choose it in the menu beside a class (the three dots).',
                    'note',
                )
            return name
        names = [known.name for known in self._labelling.classes]
        return names[key - 1] if key <= len(names) else None

    def _rebuild(self) -> None:
        for row in self._rows:
            self._layout.removeWidget(row)
            row.deleteLater()
        self._rows = []
        negative = self._labelling.negative_class
        for index, known in enumerate(self._labelling.classes):
            row = _ClassRow(
                known.name,
                known.colour,
                str(index + 1) if index < KEYS else '',
                known.name == negative,
                self._fill_menu,
            )
            row.button.clicked.connect(
                lambda checked, name=known.name: self.picked.emit(name)
            )
            row.more.setEnabled(self._labelling.can_write)
            self._layout.insertWidget(index, row)
            self._rows.append(row)
        self._add.setEnabled(self._labelling.can_write)
        self._show_current()
        self._count()

    def _show_current(self) -> None:
        for row in self._rows:
            row.button.setChecked(row.name == self._labelling.current)

    def _count(self) -> None:
        counts = Counter(item.label for item in self._labelling.items.values())
        for row in self._rows:
            row.count.setText(str(counts[row.name] or ''))

    def _fill_menu(self, menu: QMenu, name: str) -> None:
        labelling = self._labelling
        menu.clear()
        menu.addAction('Rename...', lambda: self._ask_for_name(name))
        negative = menu.addAction('No region of interest here')
        negative.setToolTip(
            'Images and fields of this class hold nothing to mark. The '
            'training learns from them what must stay unmarked.'
        )
        negative.setCheckable(True)
        negative.setChecked(labelling.negative_class == name)
        negative.triggered.connect(
            lambda checked: labelling.attempt(
                lambda project: project.set_negative_class(
                    name if checked else None
                )
            )
        )

    def _ask_for_class(self) -> None:
        name, accepted = QInputDialog.getText(
            self, 'Add a class', 'Name of the class:'
        )
        if accepted and name.strip():
            self.add_class(name.strip())

    def add_class(self, name: str) -> None:
        """Add a class and take it in hand."""
        self._labelling.attempt(lambda project: project.add_class(name))
        if name in [known.name for known in self._labelling.classes]:
            self._labelling.choose(name)

    def _ask_for_name(self, old: str) -> None:
        name, accepted = QInputDialog.getText(
            self, 'Rename a class', 'New name:', text=old
        )
        name = name.strip()
        if accepted and name and name != old:
            self.rename_class(old, name)

    def rename_class(self, old: str, new: str) -> None:
        """Rename a class; its labels go with it."""
        was_current = self._labelling.current == old
        self._labelling.attempt(lambda project: project.rename_class(old, new))
        if was_current and new in [c.name for c in self._labelling.classes]:
            self._labelling.choose(new)


class _ClassRow(QWidget):
    """A class: its key and colour, how often it was given, and its menu."""

    def __init__(
        self,
        name: str,
        colour: str,
        key: str,
        negative: bool,
        fill_menu: Callable[[QMenu, str], None],
    ) -> None:
        super().__init__()
        self.name = name
        meaning = '  (no region)' if negative else ''
        self.button = QPushButton(
            f'{key}   {plain_class(name)}{meaning}'
            if key
            else f'{plain_class(name)}{meaning}'
        )
        self.button.setIcon(swatch(colour, hollow=negative))
        self.button.setIconSize(QSize(_SWATCH, _SWATCH))
        self.button.setCheckable(True)
        self.button.setStyleSheet('text-align: left; padding: 3px 6px;')
        self.button.setMinimumWidth(60)
        self.button.setAccessibleName(f'Class {plain_class(name)}')
        keys = ' or '.join([key] * bool(key) + ['0, N'] * negative)
        self.button.setToolTip(
            f'Label with "{plain_class(name)}"'
            + (f' (key {keys})' if keys else '')
        )
        self.count = QLabel()
        self.count.setMinimumWidth(24)
        self.count.setAlignment(
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        )
        self.count.setToolTip('So many images and fields have this class.')
        self.more = QToolButton()
        self.more.setText('⋯')
        self.more.setAccessibleName(f'More about {plain_class(name)}')
        self.more.setToolTip('Rename, or say that nothing is to be marked.')
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setStyleSheet('QToolButton::menu-indicator { image: none }')
        menu = QMenu(self.more)
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(lambda: fill_menu(menu, name))
        self.more.setMenu(menu)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.button, 1)
        row.addWidget(self.count)
        row.addWidget(self.more)
