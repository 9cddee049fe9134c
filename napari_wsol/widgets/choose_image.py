"""The part of the form where the image and its pixel size are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari.layers import Image
from napari.qt.threading import create_worker
from qtpy.compat import isalive
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QLineEdit

from napari_wsol.slides.pixel_size import PixelSize, Resolved
from napari_wsol.widgets.images import (
    file_to_ask,
    image_shape,
    known_pixel_size,
    pixel_size_in_file,
    why_not,
)
from napari_wsol.widgets.overlays import is_overlay
from napari_wsol.widgets.pixel_sizes import (
    PLEASE,
    Advice,
    advise,
    entered_pixel_size,
    parse_mpp,
)
from napari_wsol.widgets.texts import Message, Section, compact_combo

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_wsol.models.card import ModelCard

__all__ = ['ImageChooser']


class ImageChooser(Section):
    """Choose an image layer; see, correct or enter its pixel size.

    Parameters
    ----------
    viewer
        Its layers are followed.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__('Image')
        self._viewer = viewer
        self._card: ModelCard | None = None
        self._entries: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self._in_files: WeakKeyDictionary[Any, PixelSize | None] = (
            WeakKeyDictionary()
        )
        self._combo = compact_combo(
            'Image', 'The image to work on: an RGB image or a whole slide.'
        )
        self._refusal = Message()
        self._entry = QLineEdit()
        self._entry.setAccessibleName('Pixel size in µm per pixel')
        self._entry.setToolTip(
            'How many micrometres one pixel of the full-size image is wide. '
            'Type to correct it; empty the field to go back to what the '
            'image says.'
        )
        self._entry.setMaximumWidth(90)
        self._advice = Message()
        row = QHBoxLayout()
        row.addWidget(QLabel('Pixel size'))
        row.addWidget(self._entry)
        row.addWidget(QLabel('µm per pixel'))
        row.addStretch()
        self.add(self._combo)
        self.add(self._refusal)
        self.body.addLayout(row)
        self.add(self._advice)
        self._combo.currentIndexChanged.connect(self._show_layer)
        self._entry.textEdited.connect(self._take_entry)
        self.reset_choices()

    @property
    def layer(self) -> Image | None:
        """The chosen layer."""
        return self._combo.currentData()

    @property
    def pixel_size(self) -> PixelSize | None:
        """What the user entered, else what the layer says."""
        layer = self.layer
        if layer is None:
            return None
        entry = self._entries.get(layer)
        if entry is None:
            return self._known.pixel_size
        mpp = parse_mpp(entry)
        return None if mpp is None else entered_pixel_size(mpp)

    @property
    def advice(self) -> Advice:
        """What is to be said about the pixel size."""
        entry = self._entries.get(self.layer) if self.layer else None
        if entry is not None and parse_mpp(entry) is None:
            return Advice('stop', f'"{entry}" is not a number. {PLEASE}')
        note = self._known.note if self.layer else ''
        return advise(self.pixel_size, self._card, note)

    def set_card(self, card: ModelCard | None) -> None:
        """Compare pixel sizes with those of another model from now on."""
        self._card = card
        self._say_advice()

    def choose(self, layer: Image) -> None:
        """Choose an image that is in the list; others are left out."""
        for index in range(self._combo.count()):
            if self._combo.itemData(index) is layer:
                self._combo.setCurrentIndex(index)

    def enter(self, text: str) -> None:
        """Enter a pixel size as if it were typed; empty takes it back."""
        self._entry.setText(text)
        self._take_entry(text)

    def ask_pixel_size(self) -> None:
        """Put the cursor where the pixel size is entered."""
        self._entry.setFocus(Qt.FocusReason.OtherFocusReason)
        self._entry.selectAll()

    def reset_choices(self, event: Any = None) -> None:
        """Follow the viewer's layers; keep the choice where it is left."""
        chosen = self.layer
        images = [
            layer
            for layer in reversed(self._viewer.layers)
            if isinstance(layer, Image) and not is_overlay(layer)
        ]
        usable = [layer for layer in images if not why_not(layer)]
        self._combo.blockSignals(True)
        self._combo.clear()
        for layer in usable:
            self._combo.addItem(layer.name, layer)
        if usable:
            index = usable.index(chosen) if chosen in usable else 0
            self._combo.setCurrentIndex(index)
        self._combo.blockSignals(False)
        self._combo.setEnabled(bool(usable))
        if not usable:
            self._combo.setPlaceholderText('No image yet')
        self._refusal.say(*self._refused(images, usable))
        if self.layer is not chosen or chosen is None:
            self._show_layer()

    def _refused(
        self, images: list[Image], usable: list[Image]
    ) -> tuple[str, str]:
        """Why images are not in the list."""
        if not images:
            return (
                'Open an image or slide, or drop it on the canvas.',
                'fine',
            )
        refused = [layer for layer in images if layer not in usable]
        return ' '.join(why_not(layer) for layer in refused[:2]), 'note'

    @property
    def _known(self) -> Resolved:
        """What the layer or its file says."""
        return known_pixel_size(self.layer, self._in_files.get(self.layer))

    def _ask_file(self, layer: Image) -> None:
        """Look into the file of a layer that states no pixel size."""
        path = file_to_ask(layer)
        if path is None or layer in self._in_files:
            return
        self._in_files[layer] = None
        worker = create_worker(
            pixel_size_in_file, path, image_shape(layer), _start_thread=False
        )

        def take(size: PixelSize | None) -> None:
            self._in_files[layer] = size
            if isalive(self) and self.layer is layer and size is not None:
                self._show_layer()

        worker.returned.connect(take)
        worker.start()

    def _show_layer(self) -> None:
        layer = self.layer
        self._entry.setEnabled(layer is not None)
        entry = '' if layer is None else self._entries.get(layer)
        if entry is None:
            known = self._known.pixel_size
            entry = '' if known is None else f'{known.mpp:.4g}'
            self._ask_file(layer)
        self._entry.setText(entry)
        if layer is not None:
            layer.events.scale.connect(self._refresh)
            layer.events.units.connect(self._refresh)
        self._say_advice()
        self.changed.emit()

    def _refresh(self, event: Any = None) -> None:
        if isalive(self):
            self._show_layer()

    def _take_entry(self, text: str) -> None:
        if self.layer is None:
            return
        if text.strip():
            self._entries[self.layer] = text
        else:
            self._entries.pop(self.layer, None)
            known = self._known.pixel_size
            self._entry.setPlaceholderText(
                '' if known is None else f'{known.mpp:.4g}'
            )
        self._say_advice()
        self.changed.emit()

    def _say_advice(self) -> None:
        if self.layer is None:
            self._advice.say('')
            return
        advice = self.advice
        self._advice.say(advice.text, advice.kind)
