"""A row of labelled fields with their pictures and classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QListView, QListWidget, QListWidgetItem

from napari_wsol.inference.explanation import NearField
from napari_wsol.widgets.thumbnails import Thumbnails
from napari_wsol.widgets.wording import plain_class

__all__ = ['NearestList']

_PICTURE = QSize(64, 64)
_CELL = QSize(84, 104)
_ROLE = Qt.ItemDataRole.UserRole


class NearestList(QListWidget):
    """The most similar first; a click, or Enter, chooses one.

    Parameters
    ----------
    thumbnails
        Makes the pictures.
    """

    chosen = Signal(object)
    """A field was clicked on."""

    def __init__(self, thumbnails: Thumbnails) -> None:
        super().__init__()
        self._thumbnails = thumbnails
        self.setAccessibleName('Labelled fields most like this region')
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setMovement(QListView.Movement.Static)
        self.setWrapping(False)
        self.setIconSize(_PICTURE)
        self.setGridSize(_CELL)
        self.setFixedHeight(_CELL.height() + 20)
        self.itemClicked.connect(self._choose)
        self.itemActivated.connect(self._choose)
        thumbnails.changed.connect(self._show_pictures)

    @property
    def fields(self) -> tuple[NearField, ...]:
        """What is shown."""
        return tuple(self.item(row).data(_ROLE) for row in range(self.count()))

    def show_fields(self, fields: Sequence[NearField]) -> None:
        """Show other fields."""
        self.clear()
        for field in fields:
            item = QListWidgetItem(
                f'{plain_class(field.label)}\n{field.similarity:.2f}'
            )
            item.setData(_ROLE, field)
            item.setSizeHint(_CELL)
            item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter)
            where = 'the whole image' if field.box is None else 'a field'
            item.setToolTip(
                f'{field.label}: {where} of {Path(field.image).name}; '
                f'similarity {field.similarity:.3f} of 1. Click to go there.'
            )
            self.addItem(item)
        self._show_pictures()

    def _show_pictures(self) -> None:
        for row in range(self.count()):
            item = self.item(row)
            if item.icon().isNull():
                field = item.data(_ROLE)
                picture = self._thumbnails.get(Path(field.image), field.box)
                if picture is not None:
                    item.setIcon(QIcon(picture))

    def _choose(self, item: QListWidgetItem) -> None:
        self.chosen.emit(item.data(_ROLE))
