"""The part of the form that tells what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QWidget,
)
from superqt import QLabeledDoubleSlider

from napari_wsol.inference.settings import Prediction
from napari_wsol.widgets.bars import ProbabilityBars
from napari_wsol.widgets.legend import Legend
from napari_wsol.widgets.texts import Message, Section, text_label
from napari_wsol.widgets.wording import (
    describe_answer,
    describe_area,
    describe_entropies,
    describe_fields,
)

if TYPE_CHECKING:
    from napari_wsol.widgets.maps import MarkedArea

__all__ = ['ResultPanel']

SETTLE_MS = 30
"""How long the slider rests before the mask follows."""

_CERTAINTY = (
    ('whole image', 'Of the answer for the whole image. Low is sure.'),
    (
        'marked region',
        (
            'Of the answer when the model sees the marked region only. Should '
            'be low.'
        ),
    ),
    (
        'the rest',
        (
            'Of the answer when the marked region is hidden. Should be high: '
            'then the mask leaves nothing out.'
        ),
    ),
)


_ENDS = {
    'probability': ('0 not marked', '1 marked'),
    'entropy': ('0 sure', '1 unsure'),
}


class ResultPanel(Section):
    """Class, certainty, marked area, and the threshold slider.

    ``threshold_changed`` comes when the slider rests, with the new value;
    ``shown_changed`` with the role of the layer to show or hide.
    """

    threshold_changed = Signal(float)
    shown_changed = Signal(str, bool)

    def __init__(self) -> None:
        super().__init__('Result')
        self._result: Prediction | None = None
        self._area: MarkedArea | None = None
        self._answer = text_label()
        font = self._answer.font()
        font.setBold(True)
        self._answer.setFont(font)
        self._bars = ProbabilityBars()
        self._fields = text_label()
        self._fields.setToolTip(
            'Fields are squares of the slide. Each class has its own top: the '
            'tenth of the fields in which it is most probable.'
        )
        self._sentence = text_label()
        self._figures = [QLabel() for _ in _CERTAINTY]
        self._area_label = text_label()
        self._area_label.setToolTip(
            'How much is marked at the threshold below.'
        )
        self._slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0.01, 0.99)
        self._slider.setSingleStep(0.01)
        self._slider.setDecimals(2)
        self._slider.setAccessibleName('Threshold')
        self._slider.setToolTip(
            'Pixels are marked from this probability on. Lower marks more, '
            'higher only what is surest.'
        )
        self._stale = Message()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE_MS)
        self._timer.timeout.connect(self._settle)
        self._slider.valueChanged.connect(lambda _: self._timer.start())
        self._buttons = {
            role: self._toggle(role, text, tooltip)
            for role, text, tooltip in (
                ('mask', 'Mask', 'What is marked, one colour per class.'),
                (
                    'probability',
                    'Probability',
                    (
                        'How likely each pixel belongs to a region of '
                        'interest: yellow is 1.'
                    ),
                ),
                (
                    'entropy',
                    'Uncertainty',
                    (
                        'Where the model hesitates (pixel entropy): bright '
                        'is not sure.'
                    ),
                ),
            )
        }
        for widget in (
            self._answer,
            self._bars,
            self._fields,
            self._sentence,
        ):
            self.add(widget)
        self.body.addLayout(self._certainty_grid())
        self.add(self._area_label)
        self.body.addLayout(_row(QLabel('Threshold'), self._slider))
        self.add(self._stale)
        self.body.addLayout(_row(QLabel('Show'), *self._buttons.values()))
        self._legend = Legend()
        self.add(self._legend)
        self.hide()

    @property
    def threshold(self) -> float:
        """Where the slider stands."""
        return self._slider.value()

    def set_threshold(self, threshold: float) -> None:
        """Follow a mask that was cut elsewhere."""
        if abs(threshold - self.threshold) >= 0.005:
            self._slider.blockSignals(True)
            self._slider.setValue(threshold)
            self._slider.blockSignals(False)
            self._say_area(threshold)

    def show_result(
        self, result: Prediction, labels: tuple[str, ...], area: MarkedArea
    ) -> None:
        """Tell what was found.

        Parameters
        ----------
        result
            Of the run.
        labels
            What the mask's values mean, from 1 on.
        area
            To follow the slider with.
        """
        self._result, self._area = result, area
        self._answer.setText(describe_answer(result))
        self._bars.show_classes(
            result.classes, result.class_probabilities, labels
        )
        self._fields.setText(describe_fields(result))
        self._fields.setVisible(bool(self._fields.text()))
        self._sentence.setText(describe_entropies(result))
        values = (
            result.entropy_image,
            result.entropy_foreground,
            result.entropy_background,
        )
        for label, value in zip(self._figures, values, strict=True):
            label.setText('-' if value is None else f'{value:.2f}')
        self._slider.blockSignals(True)
        self._slider.setValue(result.threshold)
        self._slider.blockSignals(False)
        self._say_area(result.threshold)
        self._stale.say('')
        self.show()

    def show_only(self, role: str) -> None:
        """Show the layer of one role and hide the others."""
        for each, button in self._buttons.items():
            button.setChecked(each == role)

    def explain_colors(self, role: str | None, colormap: Any = None) -> None:
        """Say what the colours of the uppermost shown map mean.

        Parameters
        ----------
        role
            ``'probability'`` or ``'entropy'``; None where neither is shown.
        colormap
            Of its layer.
        """
        if role is None:
            self._legend.hide()
        else:
            self._legend.explain(colormap, *_ENDS[role])

    def set_shown(self, role: str, shown: bool) -> None:
        """Follow a layer that was shown or hidden elsewhere."""
        button = self._buttons[role]
        button.blockSignals(True)
        button.setChecked(shown)
        button.blockSignals(False)

    def _settle(self) -> None:
        threshold = self.threshold
        self._say_area(threshold)
        at = self._result.threshold
        self._stale.say(
            ''
            if abs(threshold - at) < 0.005
            or self._result.entropy_image is None
            else f'The uncertainties are those at threshold {at:.2f}. Run '
            'again to renew them.'
        )
        self.threshold_changed.emit(threshold)

    def _say_area(self, threshold: float) -> None:
        """Scale the measured area by what the threshold marks of the map."""
        result, area = self._result, self._area
        fraction, mm2 = result.foreground_fraction, result.foreground_mm2
        measured = area.count(result.threshold)
        if measured:
            change = area.count(threshold) / measured
            fraction *= change
            mm2 = None if mm2 is None else mm2 * change
        self._area_label.setText(f'Marked: {describe_area(fraction, mm2)}')

    def _certainty_grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        heading = QLabel('Uncertainty (0 sure, 1 knows nothing)')
        grid.addWidget(heading, 0, 0, 1, 3)
        for column, ((name, tooltip), figure) in enumerate(
            zip(_CERTAINTY, self._figures, strict=True)
        ):
            caption = QLabel(name)
            for label in (caption, figure):
                label.setToolTip(tooltip)
            grid.addWidget(figure, 1, column)
            grid.addWidget(caption, 2, column)
        return grid

    def _toggle(self, role: str, text: str, tooltip: str) -> QPushButton:
        button = QPushButton(text)
        button.setCheckable(True)
        button.setToolTip(tooltip)
        button.toggled.connect(
            lambda shown: self.shown_changed.emit(role, shown)
        )
        return button


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row
