"""The part of the form where labels are given."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QWidget,
)

from napari_wsol.widgets.class_palette import ClassPalette, swatch
from napari_wsol.widgets.field_tools import FieldTools
from napari_wsol.widgets.image_in_hand import ImageInHand
from napari_wsol.widgets.labelling import Labelling
from napari_wsol.widgets.texts import (
    Message,
    Section,
    compact_combo,
    text_label,
)
from napari_wsol.widgets.wording import plain_class

__all__ = ['LabelPanel']

_TOOLS = {
    'image': (
        'Whole image',
        'Press a digit: the whole image gets that class.',
    ),
    'stamp': (
        'Stamp',
        'Click: a field of the chosen class. Click on a field to change it.',
    ),
    'draw': ('Draw', 'Drag a rectangle: a field of the chosen class.'),
    'select': (
        'Change',
        'Click on a field, then press a digit, drag it, or press Delete.',
    ),
}

_UNLABELLED = 'not labelled'


class LabelPanel(Section):
    """Give classes to the whole image or to fields of it.

    Parameters
    ----------
    labelling, image, tools
        What is labelled, and how.
    """

    picked = Signal(str)
    """A class was clicked on."""

    def __init__(
        self, labelling: Labelling, image: ImageInHand, tools: FieldTools
    ) -> None:
        super().__init__('Labels')
        self._labelling = labelling
        self._image = image
        self._tools = tools
        self.palette_of_classes = ClassPalette(labelling)
        self.palette_of_classes.picked.connect(self.picked)
        self._whole = compact_combo(
            'Class of the whole image', 'The class of the whole image.'
        )
        self._whole.activated.connect(self._label_image)
        self._side = self._side_box()
        self._hint = text_label()
        self._why_not = Message()
        self._message = Message()
        whole = QHBoxLayout()
        whole.addWidget(QLabel('Whole image is'))
        whole.addWidget(self._whole, 1)
        self.add(self.palette_of_classes)
        self.body.addLayout(whole)
        self.body.addLayout(self._tool_row())
        self.add(self._side)
        self.add(self._hint)
        self.add(self._why_not)
        self.body.addLayout(self._undo_row())
        self.add(self._message)
        labelling.said.connect(self._message.say)
        labelling.project_changed.connect(self._start)
        labelling.settings_changed.connect(self._refresh)
        labelling.items_changed.connect(self._refresh)
        image.changed.connect(self._refresh)
        tools.tool_changed.connect(self._show_tool)
        self._start()

    def _side_box(self) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        self.side = QDoubleSpinBox()
        self.side.setRange(1, 5000)
        self.side.setDecimals(0)
        self.side.setSuffix(' µm')
        self.side.setKeyboardTracking(False)
        self.side.setAccessibleName('Side of a stamped field')
        self.side.setToolTip('How high and wide a stamped field is.')
        self.side.valueChanged.connect(self._set_side)
        row.addWidget(QLabel('Side of a field'))
        row.addWidget(self.side, 1)
        return holder

    def _tool_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(2)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QPushButton] = {}
        for tool, (title, hint) in _TOOLS.items():
            button = QPushButton(title)
            button.setCheckable(True)
            button.setToolTip(hint)
            button.setStyleSheet('padding: 4px 2px;')
            button.setMinimumWidth(50)
            button.clicked.connect(
                lambda checked, tool=tool: self._tools.use(tool)
            )
            self._group.addButton(button)
            self._buttons[tool] = button
            row.addWidget(button, len(title))
        return row

    def _undo_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.undo = QPushButton('Undo')
        self.undo.setToolTip('Take the last change back (Ctrl+Z).')
        self.undo.clicked.connect(self._labelling.undo)
        self.redo = QPushButton('Redo')
        self.redo.setToolTip('Make it again (Ctrl+Shift+Z).')
        self.redo.clicked.connect(self._labelling.redo)
        row.addWidget(self.undo)
        row.addWidget(self.redo)
        row.addStretch()
        return row

    def _start(self) -> None:
        """Show another project."""
        self._message.say('')
        self.setVisible(self._labelling.project is not None)
        self._refresh()
        self._show_tool(self._tools.tool)

    def _refresh(self) -> None:
        """Show the classes, the image's label, and what keeps from it."""
        project = self._labelling.project
        if project is None:
            return
        why_not = self._image.why_not
        self._why_not.say(why_not, 'stop')
        usable = self._labelling.can_write and not why_not
        for button in self._buttons.values():
            button.setEnabled(usable)
        for widget in (self.undo, self.redo, self.side):
            widget.setEnabled(self._labelling.can_write)
        self._whole.setEnabled(usable)
        self._whole.clear()
        self._whole.addItem(_UNLABELLED, None)
        for known in self._labelling.classes:
            self._whole.addItem(
                swatch(
                    known.colour,
                    hollow=known.name == self._labelling.negative_class,
                ),
                plain_class(known.name),
                known.name,
            )
        path = self._image.path
        item = None if path is None else self._labelling.item_at(path)
        label = None if item is None else item.label
        self._whole.setCurrentIndex(max(0, self._whole.findData(label)))
        self.side.blockSignals(True)
        self.side.setValue(project.settings.field_side_um)
        self.side.blockSignals(False)

    def _show_tool(self, tool: str) -> None:
        self._buttons[tool].setChecked(True)
        self._hint.setText(_TOOLS[tool][1])
        self._side.setVisible(tool == 'stamp')

    def _label_image(self) -> None:
        self.label_image(self._whole.currentData())

    def label_image(self, name: str | None) -> None:
        """Give the whole image in hand a class, or take it away."""
        path = self._image.path
        if path is None or self._image.why_not:
            self._labelling.said.emit(self._image.why_not, 'stop')
            return
        self._labelling.label_image(path, name, self._image.mpp)
        self._labelling.say_label(path.name, name)

    def _set_side(self, side: float) -> None:
        self._labelling.attempt(
            lambda project: project.change_settings(field_side_um=side)
        )
