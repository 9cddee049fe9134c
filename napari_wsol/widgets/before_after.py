"""The masks of two models over one image, to be held against each other."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer, Signal

from napari_wsol.widgets.areas import unit_factor
from napari_wsol.widgets.maps import mask_levels
from napari_wsol.widgets.overlays import is_over, mask_labels, note_of
from napari_wsol.widgets.palette import mask_colormap
from napari_wsol.widgets.placement import map_placement

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.viewer import Viewer

    from napari_wsol.widgets.jobs import Found

__all__ = ['BLINK_MS', 'BeforeAfter', 'View']

View = Literal['before', 'after', 'blink', 'swipe']

BLINK_MS = 700
"""How long each mask is shown while they blink."""

REACH = 10
"""Canvas pixels around the divider within which the mouse takes hold."""

DIVIDER = 255
"""Value of the line between the masks."""

WHITE = np.ones(4, np.float32)


class BeforeAfter(QObject):
    """Two layers, the old model's mask and the new one's, over an image.

    Other results of the plugin over the image are hidden meanwhile.
    Blinking shows them by turns. Swiping cuts both at one position: the old
    mask is left of it, the new one right of it; the line between them can
    be dragged on the canvas.

    Parameters
    ----------
    viewer
        Where the layers go.
    source
        The image layer that both were computed on.
    new
        What the new model found.
    parent
        Lives as long.

    Attributes
    ----------
    swiped
        Emitted with the position, 0-1, when the line is dragged.
    """

    swiped = Signal(float)

    def __init__(
        self,
        viewer: Viewer,
        source: Image,
        new: Found,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._source = source
        self.view: View = 'after'
        self.position = 0.5
        self._labels = mask_labels(new.result, new.maps)
        self._hidden = _hide_others(viewer, source)
        self._masks: dict[str, _Mask] = {}
        self._add('after', new)
        self._extent = self._masks['after'].extent
        self._timer = QTimer(self)
        self._timer.setInterval(BLINK_MS)
        self._timer.timeout.connect(self._turn)

    def add_old(self, old: Found) -> None:
        """Add what the old model found; the view stays as it is."""
        self._add('before', old)
        self.show(self.view)

    @property
    def layers(self) -> dict[str, Labels]:
        """The layers that are still there, ``'before'`` and ``'after'``."""
        return {
            name: mask.layer
            for name, mask in self._masks.items()
            if mask.layer in self._viewer.layers
        }

    @property
    def views(self) -> tuple[View, ...]:
        """The ways in which they can be shown."""
        if 'before' not in self._masks:
            return 'after', 'blink'
        return 'before', 'after', 'blink', 'swipe'

    def show(self, view: View) -> None:
        """Show one mask, both by turns, or both side by side."""
        self.view = view
        self._timer.stop()
        callbacks = self._viewer.mouse_drag_callbacks
        if self._drag in callbacks:
            callbacks.remove(self._drag)
        if view == 'swipe':
            callbacks.append(self._drag)
            self._see('before', 'after')
            self.swipe(self.position)
            return
        for mask in self._masks.values():
            mask.show_all()
        if view == 'blink':
            self._see('before')
            self._timer.start()
        else:
            self._see(view)

    def swipe(self, position: float) -> None:
        """Put the line between the masks somewhere.

        Parameters
        ----------
        position
            0 at the left end of what was looked at, 1 at the right.
        """
        self.position = min(1.0, max(0.0, position))
        left, right = self._extent
        column = left + self.position * (right - left)
        if 'before' in self._masks:
            self._masks['before'].show_left(column)
        self._masks['after'].show_right(column)

    def remove(self) -> None:
        """Take the layers away; show again what they hid of this image.

        Nothing can be shown afterwards: Qt would keep this and the layers as
        long as the parent lives.
        """
        self.stop()
        for layer in self.layers.values():
            self._viewer.layers.remove(layer)
        for layer in self._hidden if self._source.visible else ():
            layer.visible = True
        self._masks.clear()
        self.deleteLater()

    def leave_after(self) -> None:
        """Leave the new mask in the viewer and take the old one away.

        There is no before any more, so that its name says no "after".
        """
        self.show('after')
        for layer in self.layers.values():
            layer.name = f'Mask: {self._source.name}'
        if 'before' in self.layers:
            self._viewer.layers.remove(self.layers['before'])

    def stop(self) -> None:
        """Let the layers be: no blinking, no dragging."""
        self._timer.stop()
        if self._drag in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._drag)

    def _add(self, name: str, found: Found) -> None:
        layers = self._viewer.layers
        selection = set(layers.selection)
        self._masks[name] = _Mask(self._source, found, name, self._labels)
        layers.append(self._masks[name].layer)
        layers.selection = selection & set(layers)

    def _see(self, *names: str) -> None:
        for name, layer in self.layers.items():
            layer.visible = name in names

    def _turn(self) -> None:
        """Show the other one."""
        after = self.layers.get('after')
        self._see('before' if after is not None and after.visible else 'after')

    def _drag(self, viewer: Viewer, event: Any) -> Generator[None, None, None]:
        """Move the line with the mouse, where it was taken hold of."""
        if not isalive(self):
            return
        left, right = self._extent
        at = left + self.position * (right - left)
        column, pixel = self._masks['after'].column(viewer, event.position)
        if abs(column - at) > REACH * pixel:
            return
        camera = viewer.scene.camera
        camera.mouse_pan = False
        yield
        while event.type == 'mouse_move':
            column, _ = self._masks['after'].column(viewer, event.position)
            self.swipe((column - left) / (right - left))
            self.swiped.emit(self.position)
            yield
        camera.mouse_pan = True


class _Mask:
    """One model's mask and its layer, which shows all or a part of it."""

    def __init__(
        self,
        source: Image,
        found: Found,
        name: str,
        labels: tuple[str, ...],
    ) -> None:
        result = found.result
        whole = np.asarray(mask_levels(found.maps, result.threshold)[0])
        self._whole = _renumbered(
            whole, mask_labels(result, found.maps), labels
        )
        self._grid = _Columns(result.origin_x, result.step_x)
        self.layer = Labels(
            self._whole.copy(),
            name=f'{name.capitalize()}: {source.name}',
            opacity=0.45,
            colormap=_colormap(int(self._whole.max(initial=1))),
            metadata=note_of(
                name,
                source,
                model=result.model,
                model_hash=result.model_hash,
                threshold=result.threshold,
            ),
            **map_placement(
                source,
                (result.step_y, result.step_x),
                (result.origin_y, result.origin_x),
            ),
        )
        self.layer.editable = False

    @property
    def extent(self) -> tuple[float, float]:
        """Left and right end, in the image's level-0 pixels."""
        width = self._whole.shape[1]
        return self._grid.pixel(0), self._grid.pixel(width)

    def column(
        self, viewer: Viewer, position: tuple[float, ...]
    ) -> tuple[float, float]:
        """Where the mouse is, and how wide a canvas pixel is, level-0 px."""
        factor = unit_factor(viewer.layers.units, self.layer.units)
        world = np.asarray(position[-2:], float) * factor
        column = self.layer.world_to_data(world)[-1] + 0.5
        width = self.layer.scale[-1] / np.ravel(factor)[-1]
        per_column = viewer.scene.camera.zoom * width
        return self._grid.pixel(column), self._grid.step / per_column

    def show_all(self) -> None:
        """Undo a cut."""
        self._put(self._whole)

    def show_left(self, column: float) -> None:
        """Only what is left of a level-0 column."""
        part = self._whole.copy()
        part[:, self._grid.index(column, part.shape[1]) :] = 0
        self._put(part)

    def show_right(self, column: float) -> None:
        """Only what is right of a level-0 column, and a line there."""
        part = self._whole.copy()
        index = self._grid.index(column, part.shape[1])
        part[:, :index] = 0
        part[:, min(index, part.shape[1] - 1)] = DIVIDER
        self._put(part)

    def _put(self, part: npt.NDArray[np.uint8]) -> None:
        self.layer.data[:] = part
        self.layer.refresh()


@dataclass(frozen=True)
class _Columns:
    """A map's columns along the image's: both are cut at one place."""

    origin: float
    step: float

    def pixel(self, index: float) -> float:
        """Level-0 position of a column's left edge."""
        return self.origin + index * self.step

    def index(self, pixel: float, width: int) -> int:
        """The column whose left edge is nearest, within the map."""
        return min(width, max(0, round((pixel - self.origin) / self.step)))


def _renumbered(
    mask: npt.NDArray[np.uint8],
    own: tuple[str, ...],
    wanted: tuple[str, ...],
) -> npt.NDArray[np.uint8]:
    """A mask whose values mean what the other model's do.

    Classes that the other model does not know come after its own.
    """
    names = [*wanted, *(name for name in own if name not in wanted)]
    if own == wanted or len(own) == len(wanted) == 1:
        return mask
    table = np.zeros(256, np.uint8)
    for value, name in enumerate(own, 1):
        table[value] = names.index(name) + 1
    return table[mask]


def _hide_others(viewer: Viewer, source: Image) -> list[Layer]:
    """Hide earlier results over an image, which would cover the masks."""
    hidden = [
        layer
        for layer in viewer.layers
        if layer.visible and is_over(layer, source)
    ]
    for layer in hidden:
        layer.visible = False
    return hidden


def _colormap(n_classes: int) -> DirectLabelColormap:
    """Of a mask, with the divider in white."""
    colors = dict(mask_colormap(n_classes).color_dict)
    colors[DIVIDER] = WHITE
    return DirectLabelColormap(color_dict=colors)
