"""The tools that make, choose and change fields on the canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer, Signal

from napari_wsol.widgets.areas import unit_factor
from napari_wsol.widgets.field_boxes import stamped_box
from napari_wsol.widgets.fields_layer import FieldsLayer
from napari_wsol.widgets.image_in_hand import ImageInHand
from napari_wsol.widgets.images import image_shape
from napari_wsol.widgets.labelling import Labelling

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.viewer import Viewer

__all__ = ['FieldTools', 'Tool']

Tool = Literal['image', 'stamp', 'draw', 'select']

_MODES = {'draw': 'add_rectangle', 'select': 'select'}

_CLICK = 5
"""Canvas pixels that the mouse may move during a click."""


class FieldTools(QObject):
    """Fields of the image in hand, and the tool that clicks go to.

    Parameters
    ----------
    viewer
        Its canvas is clicked on.
    labelling
        Holds the project.
    image
        The image in hand.
    """

    tool_changed = Signal(str)

    def __init__(
        self, viewer: Viewer, labelling: Labelling, image: ImageInHand
    ) -> None:
        super().__init__(labelling)
        self._viewer = viewer
        self._labelling = labelling
        self._image = image
        self._tool: Tool = 'image'
        self._layers: dict[Image, FieldsLayer] = {}
        viewer.mouse_drag_callbacks.append(self._click)
        viewer.layers.events.removed.connect(self._forget)
        viewer.layers.selection.events.active.connect(self._follow_later)
        image.changed.connect(self._show_fields)
        labelling.project_changed.connect(self._start_again)
        labelling.settings_changed.connect(self._show_cursor)

    @property
    def tool(self) -> Tool:
        """What a click on the canvas does."""
        return self._tool

    @property
    def fields(self) -> FieldsLayer | None:
        """The fields of the image in hand, where they are shown."""
        return self._layers.get(self._image.layer)

    @property
    def selected_keys(self) -> tuple[str, ...]:
        """Keys of the fields that are selected in the active layer."""
        fields = self.fields
        if fields is None or self._active is not fields.layer:
            return ()
        return fields.selected_keys

    def use(self, tool: Tool) -> None:
        """Take a tool in hand; say why where it cannot be used."""
        if tool != 'image':
            why = self._image.why_not
            if tool == 'stamp' and not why and self._sides is None:
                why = (
                    'The stamp needs the pixel size of the image, to know '
                    'how large a field is: enter it above.'
                )
                self._image.chooser.ask_pixel_size()
            if why:
                self._labelling.said.emit(why, 'stop')
                tool = 'image'
        self._tool = tool
        self.tool_changed.emit(tool)
        self._activate()

    def stamp(self, position: tuple[float, ...]) -> None:
        """Make a field around a place, or relabel the field that is there.

        Parameters
        ----------
        position
            In the viewer's world coordinates.
        """
        layer, path = self._image.layer, self._image.path
        name, sides = self._labelling.current, self._sides
        if layer is None or path is None or sides is None or not name:
            return
        factor = unit_factor(self._viewer.layers.units, layer.units)
        point = layer.world_to_data(np.asarray(position)[-2:] * factor)
        box = stamped_box(tuple(point), sides, image_shape(layer))
        if box is None:
            return
        y, x = np.asarray(point) + 0.5
        for item in reversed(self._labelling.fields_of(path)):
            there = item.field
            if there.y <= y < there.bottom and there.x <= x < there.right:
                self._labelling.label((item.key,), name)
                break
        else:
            if not self._labelling.add_field(path, box, name, self._image.mpp):
                return
        self._labelling.say_label('Field', name)

    def leave(self) -> None:
        """Take everything off the viewer."""
        self._viewer.mouse_drag_callbacks.remove(self._click)
        self._viewer.layers.events.removed.disconnect(self._forget)
        self._viewer.layers.selection.events.active.disconnect(
            self._follow_later
        )
        self._viewer.cursor.style = 'standard'
        self._clear()

    @property
    def _active(self) -> Layer | None:
        return self._viewer.layers.selection.active

    @property
    def _sides(self) -> tuple[float, float] | None:
        """Height and width of a stamped field in pixels."""
        project = self._labelling.project
        if project is None:
            return None
        return self._image.field_sides(project.settings.field_side_um)

    def _activate(self) -> None:
        """Make the layer active that the tool works on, in its mode."""
        layer, fields = self._image.layer, self._show_fields()
        if fields is not None:
            fields.layer.mode = _MODES.get(self._tool, 'pan_zoom')
        if self._tool in _MODES and fields is not None:
            self._viewer.layers.selection.active = fields.layer
        elif layer is not None and self._tool == 'image':
            self._viewer.layers.selection.active = layer
        self._show_cursor()

    def _show_fields(self) -> FieldsLayer | None:
        """Show the fields of the image in hand, and of no other."""
        image, path = self._image.layer, self._image.path
        for other, fields in self._layers.items():
            if fields.layer in self._viewer.layers:
                fields.layer.visible = other is image
        if image is None or path is None or self._labelling.project is None:
            return None
        fields = self._layers.get(image)
        wanted = self._tool != 'image' or self._labelling.fields_of(path)
        if fields is None and wanted:
            fields = self._layers[image] = FieldsLayer(
                self._viewer,
                image,
                path,
                self._labelling,
                lambda: self._image.mpp,
            )
            fields.layer.events.mode.connect(self._follow_mode)
        return fields

    def _show_cursor(self) -> None:
        """Show the size of a field at the mouse while stamping."""
        sides, layer = self._sides, self._image.layer
        cursor = self._viewer.cursor
        if self._tool != 'stamp' or not self._is_in_place or sides is None:
            if self._tool == 'image':
                cursor.style = 'standard'
            return
        factor = unit_factor(layer.units, self._viewer.layers.units)
        cursor.scaled = True
        cursor.size = float(sides[0] * abs(layer.scale[0]) * factor[0])
        cursor.style = 'square'

    @property
    def _is_in_place(self) -> bool:
        """Whether the active layer is the image in hand or its fields."""
        fields = self.fields
        return self._active is not None and (
            self._active is self._image.layer
            or (fields is not None and self._active is fields.layer)
        )

    def _click(self, viewer: Viewer, event: Any) -> Any:
        """Stamp where the mouse was pressed and let go without moving."""
        if (
            self._tool != 'stamp'
            or event.button != 1
            or event.modifiers
            or not self._is_in_place
        ):
            return
        start = np.asarray(event.pos, float)
        yield
        moved = False
        while event.type == 'mouse_move':
            distance = np.abs(np.asarray(event.pos, float) - start).max()
            moved = moved or bool(distance > _CLICK)
            yield
        if not moved:
            self.stamp(event.position)

    def _follow_later(self, event: Any = None) -> None:
        """Wait until napari is done with making a layer active."""
        QTimer.singleShot(0, self._follow)

    def _follow(self) -> None:
        """Stay on the fields when another image is chosen; show the tool."""
        if not isalive(self) or self._labelling.project is None:
            return
        if self._tool in _MODES and self._active is self._image.layer:
            if self._image.why_not:
                self.use('image')
            else:
                self._activate()
        else:
            self._show_cursor()

    def _follow_mode(self, event: Any) -> None:
        """Name the tool that was chosen in napari's own controls."""
        tools = {mode: tool for tool, mode in _MODES.items()}
        tool = tools.get(str(event.mode))
        if tool is not None and tool != self._tool:
            self._tool = tool
            self.tool_changed.emit(tool)

    def _start_again(self) -> None:
        """Show the fields of another project."""
        self._clear()
        self._tool = 'image'
        self.tool_changed.emit(self._tool)
        self._show_fields()
        self._show_cursor()

    def _clear(self) -> None:
        for fields in self._layers.values():
            fields.detach()
        self._layers.clear()

    def _forget(self, event: Any) -> None:
        """Let go of the fields whose layer, or whose image, was closed."""
        for image, fields in list(self._layers.items()):
            if event.value in (image, fields.layer):
                del self._layers[image]
                fields.detach()
                if event.value is fields.layer and self._tool != 'image':
                    self.use('image')
