"""The part of the form that says what a training starts from, and how."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QButtonGroup, QPushButton, QRadioButton, QVBoxLayout

from napari_wsol.projects.checks import Estimate, Obstacle
from napari_wsol.widgets.choose_model import ModelChooser
from napari_wsol.widgets.disclosure import Disclosure
from napari_wsol.widgets.in_view import active_image, usable_images
from napari_wsol.widgets.settings_form import SettingsForm
from napari_wsol.widgets.texts import (
    Message,
    Section,
    compact_combo,
    text_label,
)

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

__all__ = ['SPEEDS', 'SetupSection']

SPEEDS = {
    'quick': (
        'Quick: seconds',
        (
            'The part that sees (the encoder) stays as it is; only what is '
            'concluded from it is learned anew.'
        ),
    ),
    'full': (
        'Full: slower, better in the end',
        'Everything learns, also the part that sees (the encoder).',
    ),
}
"""What each speed promises, and what it does."""


class SetupSection(Section):
    """Parent, speed, preview and expert settings; what stands in the way.

    Parameters
    ----------
    viewer
        Its images can be watched while the model learns.
    models
        The user's models folder.

    Attributes
    ----------
    parent_changed, changed
        Emitted when the user chose another parent, or anything else.
    started
        Emitted when the training shall start.
    """

    parent_changed = Signal()
    changed = Signal()
    started = Signal()

    def __init__(self, viewer: Viewer, models: Path) -> None:
        super().__init__('Train')
        self._viewer = viewer
        self._speed_was_chosen = False
        self._place_was_chosen = False
        self.parent_model = ModelChooser(
            models,
            title='Start from',
            without='From the encoder alone',
            without_means='Starts from a network that has seen everyday '
            'pictures only: for a question that no model here answers yet.',
        )
        self._speeds = QButtonGroup(self)
        self._buttons: dict[str, QRadioButton] = {}
        speeds = QVBoxLayout()
        speeds.setSpacing(2)
        for speed, (name, meaning) in SPEEDS.items():
            button = QRadioButton(name)
            button.setToolTip(meaning)
            self._buttons[speed] = button
            self._speeds.addButton(button)
            speeds.addWidget(button)
        self._buttons['quick'].setChecked(True)
        self._why = text_label()
        self._preview = compact_combo(
            'Watch',
            'Where to watch the model learn: the part of an image that is in '
            'view when the training starts. The mask is renewed after every '
            'epoch.',
        )
        self.form = SettingsForm()
        self._expert = Disclosure('Expert settings', self.form)
        self._obstacles = QVBoxLayout()
        self._obstacles.setSpacing(6)
        self._estimate = text_label()
        self._start = QPushButton('Train')
        self._start.setMinimumHeight(32)
        self.add(self.parent_model)
        self.add(_heading('Speed'))
        self.body.addLayout(speeds)
        self.add(self._why)
        self.add(_heading('Watch it learn'))
        self.add(self._preview)
        self.add(self._expert)
        self.body.addLayout(self._obstacles)
        self.add(self._estimate)
        self.add(self._start)
        self.parent_model.changed.connect(self.parent_changed)
        self._speeds.buttonClicked.connect(self._take_speed)
        self.form.changed.connect(self.changed)
        self._start.clicked.connect(self.started)
        self._preview.activated.connect(self._take_place)
        self.reset_choices()

    @property
    def speed(self) -> str:
        """``'quick'`` or ``'full'``."""
        return next(
            speed
            for speed, button in self._buttons.items()
            if button.isChecked()
        )

    @property
    def watched(self) -> Image | None:
        """The image to watch, if any."""
        layer = self._preview.currentData()
        return layer if layer in self._viewer.layers else None

    def choose_speed(self, speed: str) -> None:
        """Choose a speed as if it were clicked."""
        self._buttons[speed].click()

    def advise_speed(self, speed: str, why: str) -> None:
        """Say which speed suits; it is taken unless the user chose one."""
        if not self._speed_was_chosen:
            self._buttons[speed].setChecked(True)
        self._why.setText(why)

    def forget_choices(self) -> None:
        """Take advice again, as for another project."""
        self._speed_was_chosen = False
        self.form.reset()

    def show_obstacles(self, obstacles: Sequence[Obstacle]) -> None:
        """Say what stands in the way, and what is worth knowing."""
        while self._obstacles.count():
            self._obstacles.takeAt(0).widget().deleteLater()
        problem = self.form.problem
        if problem:
            obstacles = (
                Obstacle(problem, 'stop', 'See the expert settings.'),
                *obstacles,
            )
        for obstacle in obstacles:
            message = Message()
            self._obstacles.addWidget(message)
            message.say(
                f'{obstacle.text} {obstacle.fix}'.strip(), obstacle.kind
            )
        self._start.setEnabled(
            all(obstacle.kind != 'stop' for obstacle in obstacles)
        )

    def show_estimate(self, estimate: Estimate | None) -> None:
        """Say how long it will take and what memory it needs."""
        self._estimate.setText('' if estimate is None else estimate.words)
        self._estimate.setVisible(estimate is not None)

    def reset_choices(self, event: Any = None) -> None:
        """Follow the viewer's images.

        The active one is watched, unless the user chose another.
        """
        chosen = self._preview.currentData()
        images = usable_images(self._viewer)
        if not (self._place_was_chosen and chosen in (None, *images)):
            self._place_was_chosen = False
            chosen = active_image(self._viewer)
        self._preview.blockSignals(True)
        self._preview.clear()
        for layer in images:
            self._preview.addItem(f'{layer.name}, the part in view', layer)
        self._preview.addItem('Nothing', None)
        self._preview.setCurrentIndex((*images, None).index(chosen))
        self._preview.blockSignals(False)

    def _take_place(self) -> None:
        self._place_was_chosen = True

    def _take_speed(self) -> None:
        self._speed_was_chosen = True
        self.changed.emit()


def _heading(text: str):
    label = text_label(text)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label
