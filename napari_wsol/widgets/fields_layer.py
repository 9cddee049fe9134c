"""The fields of one image as a Shapes layer, kept in step with the project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from napari.layers import Image, Shapes
from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer

from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.field_boxes import nearest_box, outline
from napari_wsol.widgets.images import image_shape
from napari_wsol.widgets.labelling import Labelling
from napari_wsol.widgets.overlays import note_of
from napari_wsol.widgets.placement import map_placement

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_wsol.projects.items import Item

__all__ = ['FieldsLayer']

ROLE = 'fields'

_DONE = ('added', 'changed', 'removed')
"""What napari says of a change that is complete."""

_EDGE_SHARE = 0.02
"""Width of an outline in shares of the fields' usual side."""


class FieldsLayer(QObject):
    """Shows the fields of an image, and takes what is drawn into the project.

    The project is the truth: what is drawn, moved or removed in the layer
    goes there at once, and what comes from there (undo, a click in the
    table) is shown. Removing the layer removes no label.

    Parameters
    ----------
    viewer
        Where the layer goes.
    image, path
        The layer that is labelled and its file.
    labelling
        Holds the project.
    mpp
        Gives the µm per pixel to note with new fields, or None.
    """

    def __init__(
        self,
        viewer: Viewer,
        image: Image,
        path: Path,
        labelling: Labelling,
        mpp: Callable[[], float | None],
    ) -> None:
        super().__init__(labelling)
        self._viewer = viewer
        self.image = image
        self._path = path
        self._labelling = labelling
        self._mpp = mpp
        self._shown: list[Item] = []
        self._updating = False
        self._is_waiting = False
        self._is_taking = False
        place = map_placement(image, (1, 1), (0, 0))
        self.layer = Shapes(
            ndim=2,
            name=f'Fields: {image.name}',
            opacity=1,
            features=_features(()),
            metadata=note_of(ROLE, image),
            **place,
        )
        self.refresh()
        active = viewer.layers.selection.active
        viewer.layers.insert(viewer.layers.index(image) + 1, self.layer)
        viewer.layers.selection.active = active
        self.layer.events.data.connect(self._notice)
        labelling.items_changed.connect(self.refresh)
        labelling.settings_changed.connect(self._repaint)
        for event in ('scale', 'translate', 'units', 'affine'):
            getattr(image.events, event).connect(self._follow_place)

    @property
    def selected_keys(self) -> tuple[str, ...]:
        """Keys of the fields that are selected."""
        return tuple(
            self._shown[index].key
            for index in sorted(self.layer.selected_data)
            if index < len(self._shown)
        )

    def select(self, keys: Iterable[str]) -> None:
        """Select these fields and no others."""
        wanted = set(keys)
        self.layer.selected_data = {
            index
            for index, item in enumerate(self._shown)
            if item.key in wanted
        }

    def refresh(self) -> None:
        """Show the fields as the project has them."""
        if self._is_taking:
            return
        items = list(self._labelling.fields_of(self._path))
        if items == self._shown:
            return
        places = [(item.key, item.field) for item in self._shown]
        if [(i.key, i.field) for i in items[: len(places)]] == places:
            self._show(items, new=items[len(places) :])
        else:
            self._rebuild(items)

    def _rebuild(self, items: list[Item]) -> None:
        selected = self.selected_keys
        self._updating = True
        self.layer.selected_data = set()
        self.layer.data = []
        self._updating = False
        self._show(items, new=items)
        self.select(selected)

    def _show(self, items: list[Item], new: list[Item]) -> None:
        """Add rectangles for ``new``, the last of ``items``."""
        relabelled = [
            item.label for item in items[: len(items) - len(new)]
        ] != [item.label for item in self._shown]
        self._shown = items
        self._updating = True
        if len(new) == 1:
            self.layer.feature_defaults = _features(new)
        if new:
            self.layer.add_rectangles(
                [outline(item.field) for item in new],
                edge_color=self._colours(new),
                face_color='transparent',
                edge_width=_edge_width(items),
            )
        self._updating = False
        if len(new) > 1:
            self.layer.features = _features(items)
        if relabelled:
            self._repaint()

    def detach(self) -> None:
        """Take the layer out of the viewer and follow nothing any more."""
        self._labelling.items_changed.disconnect(self.refresh)
        self._labelling.settings_changed.disconnect(self._repaint)
        self.layer.events.data.disconnect(self._notice)
        for event in ('scale', 'translate', 'units', 'affine'):
            getattr(self.image.events, event).disconnect(self._follow_place)
        if self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)
        self.deleteLater()

    def _repaint(self) -> None:
        """Colour the outlines by class; name each field in the status bar."""
        self.layer.features = _features(self._shown)
        if self._shown:
            self.layer.edge_color = self._colours(self._shown)

    def _colours(self, items: list[Item]) -> list[str]:
        return [self._labelling.colour_of(item.label) for item in items]

    def _follow_place(self, event: Any = None) -> None:
        place = map_placement(self.image, (1, 1), (0, 0))
        for name, value in place.items():
            setattr(self.layer, name, value)

    def _notice(self, event: Any) -> None:
        """Look at the layer once napari is done with what it does."""
        if self._updating or event.action not in _DONE or self._is_waiting:
            return
        self._is_waiting = True
        QTimer.singleShot(0, self._take)

    def _take(self) -> None:
        """Bring what was drawn, moved or removed into the project."""
        self._is_waiting = False
        if not isalive(self):
            return
        drawn, moved, gone = self._differences()
        if not (drawn or moved or gone):
            return
        self._is_taking = True
        made = self._write(drawn, moved, gone)
        self._is_taking = False
        self._rebuild(list(self._labelling.fields_of(self._path)))
        self.select(made)
        if None in (*drawn, *moved.values()):
            self._labelling.said.emit(
                'A field has to lie on the image: drag a rectangle there.',
                'note',
            )

    def _write(
        self,
        drawn: list[Box | None],
        moved: dict[str, Box | None],
        gone: tuple[str, ...],
    ) -> list[str]:
        """Change the project; the keys of the new fields."""
        labelling = self._labelling
        if gone:
            labelling.attempt(lambda project: project.remove(gone))
        boxes = {key: box for key, box in moved.items() if box is not None}
        if boxes:
            labelling.attempt(lambda project: project.move_fields(boxes))
        made = (
            labelling.add_field(
                self._path, box, labelling.current, self._mpp()
            )
            for box in drawn
            if box is not None
        )
        return [key for key in made if key is not None]

    def _differences(
        self,
    ) -> tuple[list[Box | None], dict[str, Box | None], tuple[str, ...]]:
        """What was drawn and moved, None off the image, and what is gone."""
        known = {item.key: item for item in self._shown}
        shape = image_shape(self.image)
        drawn: list[Box | None] = []
        moved: dict[str, Box | None] = {}
        seen = set()
        keys = self.layer.features['item']
        for key, corners in zip(keys, self.layer.data, strict=True):
            if key not in known or key in seen:  # a copy names its original
                drawn.append(nearest_box(corners, shape))
                continue
            seen.add(key)
            before = outline(known[key].field)
            if not (
                np.allclose(corners.min(axis=0), before.min(axis=0), atol=0.1)
                and np.allclose(
                    corners.max(axis=0), before.max(axis=0), atol=0.1
                )
            ):
                moved[key] = nearest_box(corners, shape)
        return drawn, moved, tuple(key for key in known if key not in seen)


def _features(items: Sequence[Item]) -> pd.DataFrame:
    """What napari tells of each field; names the item of each shape."""
    return pd.DataFrame(
        {
            'class': [item.label or 'not labelled' for item in items],
            'item': [item.key for item in items],
        },
        dtype=object,
    )


def _edge_width(items: list[Item]) -> float:
    """Of all outlines alike, in level-0 pixels."""
    sides = [max(item.field.height, item.field.width) for item in items]
    return _EDGE_SHARE * float(np.median(sides))
