"""The regions of a result as rows of a table and tiles of a gallery."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QPointF, QSize, Qt
from qtpy.QtGui import (
    QColor,
    QIcon,
    QPainter,
    QPainterPath,
    QPen,
    QPixmap,
    QPolygonF,
)

from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.palette import RIGHT, WRONG
from napari_wsol.widgets.region_outline import thin_rings
from napari_wsol.widgets.reviewing import VERDICTS, Reviewing
from napari_wsol.widgets.thumbnails import SIDE, Thumbnails, thumbnail_name
from napari_wsol.widgets.wording import plain_class

__all__ = ['COLUMNS', 'SHOWN', 'SORTED', 'RegionsModel', 'surroundings']

PICTURE, VERDICT, AREA, PROBABILITY, UNCERTAINTY, CLASS, WHY = range(7)
COLUMNS = ('', 'Review', 'Area', 'Probability', 'Uncertainty', 'Class', 'Why')

TILE = QSize(88, 88)

SHOWN = {
    'all': 'All',
    'open': 'Not decided yet',
    'rejected': 'Rejected',
    'accepted': 'Accepted',
    'negative': 'On negative ground',
    'new': 'New since the last model',
}
"""Which regions can be asked for."""

SORTED = {
    'suspicion': 'Most suspicious first',
    'large': 'Largest first',
    'small': 'Smallest first',
    'unsure': 'Least sure first',
    'sure': 'Surest first',
    'place': 'By place',
}
"""In which orders."""

_COLOURS = {
    'accepted': QColor(RIGHT),
    'rejected': QColor(WRONG),
    'open': QColor('#ffffff'),
}
_WORDS = {'accepted': 'accepted', 'rejected': 'rejected', 'open': '–'}

_WIDER = 1.6
"""Side of a picture over the longer side of its region."""

_LEAST = 48
"""Side of a picture in level-0 pixels, at least."""

_MOST_KEPT = 600

_FEW = 100
"""Rows that are told of one by one: a view looks at each row of a range."""


def surroundings(box: Box, least: float = _LEAST) -> Box:
    """The square that a region's picture shows, in level-0 pixels.

    Parameters
    ----------
    least
        Its side, at least.
    """
    side = max(least, _WIDER * max(box.height, box.width))
    middle_y, middle_x = box.y + box.height / 2, box.x + box.width / 2
    return Box(
        round(middle_y - side / 2),
        round(middle_x - side / 2),
        round(side),
        round(side),
    )


class RegionsModel(QAbstractTableModel):
    """The regions that are asked for, in the order that is asked for.

    Parameters
    ----------
    reviewing
        Holds regions and decisions.
    thumbnails
        Makes the pictures of what is looked at.
    image
        Names the image for ``Thumbnails``; None while there is none.
    """

    def __init__(
        self,
        reviewing: Reviewing,
        thumbnails: Thumbnails,
        image: Callable[[], Path | None],
    ) -> None:
        super().__init__()
        self._reviewing = reviewing
        self._thumbnails = thumbnails
        self._image = image
        self._name: Path | None = None
        self._area = np.zeros(0)
        self._shown, self._sorted = 'all', 'suspicion'
        self._places = np.zeros(0, np.int64)
        self._told = np.zeros((2, 0), np.int64)
        self._awaited: dict[str, set[int]] = {}
        self._icons: OrderedDict[tuple[int, str], QIcon] = OrderedDict()
        empty = QPixmap(TILE)
        empty.fill(QColor(128, 128, 128, 60))
        self._waiting = QIcon(empty)
        reviewing.regions_changed.connect(self.refresh)
        reviewing.decisions_changed.connect(self._show_decisions)
        thumbnails.ready.connect(self._show_picture)

    @property
    def places(self) -> np.ndarray:
        """Place in the table of regions of each row."""
        return self._places

    def show_only(self, what: str) -> None:
        """Show one of ``SHOWN``."""
        self._shown = what
        self.refresh()

    def sort_by(self, what: str) -> None:
        """Sort by one of ``SORTED``."""
        self._sorted = what
        self.refresh()

    def row_of(self, place: int) -> int | None:
        """The row of a region; None where it is not asked for."""
        found = np.flatnonzero(self._places == place)
        return int(found[0]) if len(found) else None

    def refresh(self) -> None:
        """Ask again which regions are shown, and in which order."""
        self.beginResetModel()
        self._icons.clear()
        self._awaited.clear()
        self._name = self._image()
        self._places = self._asked()
        self._told = self._said()
        table = self._reviewing.table
        self._area = np.zeros(0) if table is None else table.area
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        """So many regions."""
        return 0 if parent.isValid() else len(self._places)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        """So many columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """The columns' titles."""
        if (
            orientation == Qt.Orientation.Horizontal
            and role == Qt.ItemDataRole.DisplayRole
        ):
            return COLUMNS[section]
        return None

    def data(
        self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """What a cell shows."""
        place, column = int(self._places[index.row()]), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(place, column)
        if role == Qt.ItemDataRole.DecorationRole and column == PICTURE:
            return self._picture(place)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(place)
        if role == Qt.ItemDataRole.ForegroundRole and column == VERDICT:
            verdict = self._reviewing.verdict(place)
            return None if verdict == 'open' else _COLOURS[verdict]
        return None

    def _asked(self) -> np.ndarray:
        reviewing, table = self._reviewing, self._reviewing.table
        if table is None:
            return np.zeros(0, np.int64)
        order = {
            'suspicion': lambda: reviewing.suspicion.order,
            'large': lambda: np.argsort(-table.pixels, kind='stable'),
            'small': lambda: np.argsort(table.pixels, kind='stable'),
            'unsure': lambda: np.argsort(-table.mean_entropy, kind='stable'),
            'sure': lambda: np.argsort(-table.mean_probability, kind='stable'),
            'place': lambda: np.arange(len(table)),
        }[self._sorted]()
        if self._shown == 'all':
            return order
        if self._shown == 'negative':
            return order[reviewing.on_negative[order]]
        if self._shown == 'new':
            new = () if reviewing.changes is None else reviewing.changes.new
            return order[np.isin(order, new)]
        wanted = VERDICTS.index(self._shown)
        return order[reviewing.verdicts[order] == wanted]

    def _text(self, place: int, column: int) -> str:
        table = self._reviewing.table
        if column == VERDICT:
            decision = self._reviewing.decision(place)
            word = _WORDS[self._reviewing.verdict(place)]
            if decision is not None and decision.reason:
                return f'{word}: {decision.reason}'
            return word
        if column == AREA:
            return f'{self._area[place]:,.0f} {table.unit}²'
        if column == PROBABILITY:
            return f'{table.mean_probability[place]:.2f}'
        if column == UNCERTAINTY:
            return f'{table.mean_entropy[place]:.2f}'
        if column == CLASS:
            return plain_class(table.roi_classes[table.roi_class[place]])
        if column == WHY:
            return self._reviewing.suspicion.why(place)
        return ''

    def _tip(self, place: int) -> str:
        told = [
            f'{COLUMNS[column]}: {text}'
            for column in (VERDICT, AREA, PROBABILITY, UNCERTAINTY, CLASS, WHY)
            if (text := self._text(place, column))
        ]
        return '\n'.join(
            (f'Region {self._reviewing.table.number[place]}', *told)
        )

    def _picture(self, place: int) -> QIcon:
        """The region with its outline, in the colour of its verdict."""
        verdict = self._reviewing.verdict(place)
        key = place, verdict
        if key in self._icons:
            self._icons.move_to_end(key)
            return self._icons[key]
        if self._name is None:
            return self._waiting
        box = surroundings(self._reviewing.table.box(place))
        picture = self._thumbnails.get(self._name, box)
        if picture is None:
            name = thumbnail_name(self._name, box)
            self._awaited.setdefault(name, set()).add(place)
            return self._waiting
        outline = self._reviewing.polygon(place)
        icon = QIcon(_outlined(picture, box, outline, _COLOURS[verdict]))
        self._icons[key] = icon
        while len(self._icons) > _MOST_KEPT:
            self._icons.popitem(last=False)
        return icon

    def _said(self) -> np.ndarray:
        """``(2, N)``, changes where other words are shown of a region."""
        return np.stack([self._reviewing.decided, self._reviewing.verdicts])

    def _show_decisions(self) -> None:
        """Tell which rows show another decision than before."""
        said = self._said()
        changed = (said != self._told).any(axis=0)
        self._told = said
        rows = np.flatnonzero(changed[self._places])
        spans = zip(rows, rows, strict=True)
        for first, last in spans if len(rows) <= _FEW else [rows[[0, -1]]]:
            self.dataChanged.emit(
                self.index(int(first), 0),
                self.index(int(last), len(COLUMNS) - 1),
            )

    def _show_picture(self, name: str, pixels: Any) -> None:
        for place in self._awaited.pop(name, ()):
            index = self.index(self.row_of(place), PICTURE)
            self.dataChanged.emit(
                index, index, [Qt.ItemDataRole.DecorationRole]
            )


def _outlined(
    picture: QPixmap, box: Box, polygon: shapely.Polygon, colour: QColor
) -> QPixmap:
    """A picture of a box with an outline drawn upon it."""
    scale = picture.width() / box.width
    path = QPainterPath()
    rings = thin_rings(shapely.get_rings(polygon), box.width / SIDE / 2)
    for ring in rings:
        corners = (shapely.get_coordinates(ring) - (box.x, box.y)) * scale
        path.addPolygon(QPolygonF([QPointF(x, y) for x, y in corners]))
    drawn = QPixmap(picture)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for shade, width in ((QColor(0, 0, 0, 140), 3.0), (colour, 1.4)):
        painter.setPen(QPen(shade, width))
        painter.drawPath(path)
    painter.end()
    return drawn
