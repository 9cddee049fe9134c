"""The part of the form that says where and how to run, and runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from napari.layers import Shapes
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QWidget,
)

from napari_wsol.inference.settings import Progress
from napari_wsol.widgets.disclosure import Disclosure
from napari_wsol.widgets.texts import Message, Section, compact_combo
from napari_wsol.widgets.thin_bar import ThinBar
from napari_wsol.widgets.wording import describe_progress

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ['RunPanel', 'Where']

Where = Literal['image', 'view', 'shapes']

_DEVICES = {
    'auto': 'Automatic',
    'cuda': 'Graphics card (CUDA)',
    'mps': 'Graphics (Apple)',
    'cpu': 'Processor',
}


class RunPanel(Section):
    """Where to run, on what; the button, the progress and what went wrong.

    Parameters
    ----------
    viewer
        Its shapes layers can be chosen.
    device
        The preferred device.
    """

    run = Signal()
    cancel = Signal()
    changed = Signal()
    """Something else is to be run."""
    held = Signal(bool)
    """Pause, or go on."""

    def __init__(self, viewer: Viewer, device: str) -> None:
        super().__init__('Where')
        self._viewer = viewer
        self._running = False
        self._where = compact_combo('Where', 'Which part to work on.')
        self._where.addItem('Whole image', 'image')
        self._where.addItem('Visible part', 'view')
        self._where.addItem('Around shapes', 'shapes')
        self._shapes = compact_combo(
            'Shapes layer',
            'The rectangle around each shape is worked on: the selected '
            'shapes, or all where none is selected.',
        )
        self._tissue = QCheckBox('Only where there is tissue')
        self._tissue.setToolTip('Skips empty glass, which is faster.')
        self._tissue.setChecked(True)
        self._follow = QCheckBox('Begin where I look')
        self._follow.setToolTip(
            'What is in view is computed first, then its surroundings; '
            'moving on changes the order at once.'
        )
        self._follow.setChecked(True)
        self._device = compact_combo('Run on', 'What does the computing.')
        self._preferred = device
        self.set_devices(())
        options = Disclosure('Options', _form('Run on', self._device))
        self._button = QPushButton('Run')
        self._button.setMinimumHeight(32)
        self._button.setAutoDefault(True)
        self._pause = QPushButton('Pause')
        self._pause.setMinimumHeight(32)
        self._pause.setCheckable(True)
        self._pause.setToolTip('Frees the processor; the work waits.')
        self._pause.toggled.connect(self._hold)
        self._pause.hide()
        buttons = QHBoxLayout()
        buttons.addWidget(self._button, 1)
        buttons.addWidget(self._pause)
        self._bar = ThinBar()
        self._bar.hide()
        self._message = Message()
        self._details_text = ''
        self._details = QPushButton('Copy details for a bug report')
        self._details.clicked.connect(self._copy_details)
        self._details.hide()
        for widget in (
            self._where,
            self._shapes,
            self._tissue,
            self._follow,
            options,
        ):
            self.add(widget)
        self.body.addLayout(buttons)
        for widget in (self._bar, self._message, self._details):
            self.add(widget)
        self._where.currentIndexChanged.connect(self.reset_choices)
        self._button.clicked.connect(self._press)
        self._where.currentIndexChanged.connect(self.changed)
        self._tissue.toggled.connect(self.changed)
        self._device.currentIndexChanged.connect(self.changed)
        self.reset_choices()

    @property
    def where(self) -> Where:
        """Which part was chosen."""
        return self._where.currentData()

    @property
    def shapes(self) -> Shapes | None:
        """The chosen shapes layer."""
        return self._shapes.currentData()

    @property
    def tissue_only(self) -> bool:
        """Whether to skip what is no tissue."""
        return self._tissue.isChecked()

    @tissue_only.setter
    def tissue_only(self, value: bool) -> None:
        self._tissue.setChecked(value)

    @property
    def begins_in_view(self) -> bool:
        """Whether what is in view comes first."""
        return self._follow.isChecked()

    @property
    def progress(self) -> float:
        """How far the work is, 0-1; 0 while that is not known."""
        return max(0, self._bar.value()) / max(1, self._bar.maximum())

    @property
    def device(self) -> str:
        """Key of the chosen device."""
        return self._device.currentData()

    def set_devices(self, available: tuple[tuple[str, str], ...]) -> None:
        """Offer devices, given as ``(key, plain words)``, best first."""
        chosen = self._device.currentData() or self._preferred
        self._device.clear()
        self._device.addItem(_DEVICES['auto'], 'auto')
        for key, words in available:
            if key != 'auto':
                self._device.addItem(words, key)
        if self._device.findData(chosen) < 0:
            self._device.addItem(_DEVICES.get(chosen, chosen), chosen)
        self._device.setCurrentIndex(self._device.findData(chosen))

    def reset_choices(self, event: Any = None) -> None:
        """Follow the viewer's shapes layers."""
        chosen = self.shapes
        layers = [
            layer
            for layer in reversed(self._viewer.layers)
            if isinstance(layer, Shapes)
        ]
        self._shapes.clear()
        for layer in layers:
            self._shapes.addItem(layer.name, layer)
        if layers:
            index = layers.index(chosen) if chosen in layers else 0
            self._shapes.setCurrentIndex(index)
        self._shapes.setPlaceholderText('No shapes layer yet')
        self._shapes.setVisible(self.where == 'shapes')

    def begin(self, text: str) -> None:
        """Show that work has begun."""
        self._running = True
        self._details.hide()
        self._button.setText('Cancel')
        self._button.setEnabled(True)
        self._pause.setChecked(False)
        self._pause.setEnabled(True)
        self._pause.show()
        self._bar.show_work()
        self._bar.show()
        self._message.say(text)

    def remark(self, text: str) -> None:
        """Say something while nothing runs."""
        if not self._running:
            self._message.say(text, 'note' if text else 'fine')

    def stopping(self) -> None:
        """Answer at once that the work is being stopped."""
        self._button.setText('Stopping...')
        self._button.setEnabled(False)
        self._pause.setEnabled(False)
        self._bar.show_work()
        self._message.say('Stopping...')

    def show_progress(self, progress: Progress) -> None:
        """Show how far the work is, its speed and the time left."""
        if not self._button.isEnabled() or self._pause.isChecked():
            return
        self._bar.show_share(progress.done, progress.total)
        self._message.say(describe_progress(progress))

    def end(
        self, text: str = '', kind: str = 'fine', details: str = ''
    ) -> None:
        """Be ready to run again and say how the work ended.

        Parameters
        ----------
        text, kind
            As for ``Message.say``.
        details
            For a bug report; a button to copy them appears.
        """
        self._details_text = details
        self._details.setVisible(bool(details))
        self._running = False
        self._pause.hide()
        self._button.setText('Run')
        self._button.setEnabled(True)
        self._bar.hide()
        self._message.say(text, kind)

    def _copy_details(self) -> None:
        QApplication.clipboard().setText(self._details_text)

    def _hold(self, paused: bool) -> None:
        self._pause.setText('Go on' if paused else 'Pause')
        if self._running:
            self._message.say('Paused.' if paused else 'Going on...')
            self.held.emit(paused)

    def _press(self) -> None:
        (self.cancel if self._running else self.run).emit()


def _form(label: str, widget: QWidget) -> QWidget:
    holder = QWidget()
    form = QFormLayout(holder)
    form.setContentsMargins(0, 0, 0, 0)
    form.addRow(label, widget)
    return holder
