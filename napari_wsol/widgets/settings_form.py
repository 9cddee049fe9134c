"""Every setting of a training, for those who want to turn them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_wsol.training.config import TrainingConfig
from napari_wsol.widgets.disclosure import Disclosure
from napari_wsol.widgets.texts import compact_combo, text_label

__all__ = ['GROUPS', 'OF_THE_PROJECT', 'SettingsForm']

GROUPS: dict[str, tuple[str, ...]] = {
    'Method and epochs': (
        'method',
        'teacher',
        'guided',
        'rounds',
        'epochs',
        'student_epochs',
        'draws',
        'patience',
        'validate_every',
        'checkpoint',
    ),
    'Rates': (
        'optimizer',
        'learning_rate_encoder',
        'learning_rate_heads',
        'layer_decay',
        'schedule',
        'step_epochs',
        'step_factor',
        'rate_floor',
        'warmup_steps',
        'weight_decay',
        'gradient_norm',
        'batch',
        'accumulate',
        'ema',
    ),
    'Terms of the loss': (
        'pixel_weight',
        'field_weight',
        'masked_weight',
        'foreground_weight',
        'background_weight',
        'uncertainty',
        'detach_background',
        'area_target',
        'roi_share',
        'barrier_start',
        'size_weight',
        'affinity_weight',
        'affinity_colour',
        'easy_weighting',
        'erasings',
        'erasing_decay',
        'erase_from',
        'map_from',
        'seeds',
        'seed_size',
        'seed_weight',
    ),
    'Pixels taken as sure': (
        'bands',
        'ranked_rounds',
        'keep_wrong',
        'averaged_views',
        'foreground_rank',
        'background_rank',
        'foreground_pooled',
        'background_pooled',
        'foreground_confidence',
        'background_confidence',
    ),
    'Augmentation and crops': (
        'scale_jitter',
        'stain_jitter',
        'light_jitter',
        'balance',
        'mpp',
        'crop',
        'margin',
        'student_margin',
    ),
    'Network': (
        'encoder',
        'weights',
        'encoder_head',
        'freeze_encoder',
        'cached_versions',
        'dropout',
        'stride',
        'student_stride',
        'contrast_stride',
        'channels',
        'modalities',
        'pooling',
        'attention_gate',
        'atrous_rates',
        'kmax',
        'kmin',
        'alpha',
        'sharpness',
        'classifier_scale',
    ),
    'Computing': ('device', 'precision', 'threads', 'devices', 'seed'),
}
"""Heading -> settings; those in no group come under ``REST``."""

REST = 'More'

OF_THE_PROJECT = frozenset(
    {
        'classes',
        'negative_class',
        'name',
        'title',
        'finds',
        'tissue',
        'data_mpp',
        'validation_share',
    }
)
"""Settings that the project has already decided."""

WRONG = 'border: 1px solid #d55e00;'
"""Style of an entry that cannot be used."""

NOTHING = 'by itself'
"""What an empty field says where it may be empty."""


class SettingsForm(QWidget):
    """One row per field of ``TrainingConfig``; what is not touched follows.

    Attributes
    ----------
    changed
        Emitted when the user has changed something.
    problem
        What is wrong with an entry; empty where nothing is.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._defaults = TrainingConfig()
        self.problem = ''
        self._wrong: set[str] = set()
        self._editors: dict[str, _Editor] = {}
        self._labels: dict[str, QLabel] = {}
        self._reset = QPushButton('Back to the usual settings')
        self._reset.clicked.connect(self.reset)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(
            text_label(
                'The usual settings suit most work. What you change here is '
                'marked with a dot and holds until you take it back.'
            )
        )
        for heading, names in _groups().items():
            layout.addWidget(Disclosure(heading, self._group(names)))
        layout.addWidget(self._reset)
        self.reset()

    @property
    def overrides(self) -> dict[str, Any]:
        """What differs from the usual settings, by name.

        Empty where the form's entries are not all good; ``problem`` tells.
        """
        config = self._config()
        if config is None:
            return {}
        return {name: getattr(config, name) for name in self._touched()}

    def set_defaults(self, config: TrainingConfig) -> None:
        """Show other usual settings where the user has not changed them."""
        touched = self._touched()
        self._defaults = config
        for name, editor in self._editors.items():
            if name not in touched:
                editor.write(_written(getattr(config, name)))
        self._check()

    def enter(self, name: str, text: str) -> None:
        """Change a setting as if it were typed or chosen."""
        self._editors[name].write(text)
        self._take()

    def reset(self) -> None:
        """Take back every change."""
        for name, editor in self._editors.items():
            editor.write(_written(getattr(self._defaults, name)))
        self._take()

    def _touched(self) -> list[str]:
        """The settings that do not say what the usual ones say."""
        return [
            name
            for name, editor in self._editors.items()
            if editor.text() != _written(getattr(self._defaults, name))
        ]

    def _config(self) -> TrainingConfig | None:
        stated = {
            name: self._editors[name].value() for name in self._touched()
        }
        try:
            return TrainingConfig(**{**self._defaults.model_dump(), **stated})
        except ValidationError as error:
            self.problem = _told(error)
            self._wrong = {
                str(e['loc'][0]) for e in error.errors() if e['loc']
            }
            return None

    def _check(self) -> None:
        self.problem, self._wrong = '', set()
        self._config()
        touched = self._touched()
        self._reset.setEnabled(bool(touched))
        for name, label in self._labels.items():
            dot = ' •' if name in touched else ''
            label.setText(_label_of(name) + dot)
            self._editors[name].widget.setStyleSheet(
                WRONG if name in self._wrong else ''
            )

    def _take(self) -> None:
        self._check()
        self.changed.emit()

    def _group(self, names: tuple[str, ...]) -> QWidget:
        holder = QWidget()
        form = QFormLayout(holder)
        form.setContentsMargins(12, 0, 0, 4)
        form.setVerticalSpacing(3)
        form.setFieldGrowthPolicy(
            QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow
        )
        for name in names:
            editor = _editor(name)
            editor.changed.connect(self._take)
            form.addRow(_label_of(name), editor.widget)
            label = form.labelForField(editor.widget)
            words = TrainingConfig.model_fields[name].description or ''
            for part in (label, editor.widget):
                part.setToolTip(f'{words}\n({name})'.strip())
            self._editors[name] = editor
            self._labels[name] = label
        return holder


@dataclass(frozen=True)
class _Editor:
    """A widget that holds a setting as text.

    Parameters
    ----------
    text, write
        What it says, and how it says something else.
    changed
        Signal that the user has changed it.
    """

    widget: QWidget
    text: Callable[[], str]
    write: Callable[[str], object]
    changed: Any

    def value(self) -> Any:
        """What it says, as pydantic reads it."""
        text = self.text().strip()
        if not text:
            return None
        return tuple(text.split(',')) if ',' in text else text


def _editor(name: str) -> _Editor:
    """A switch, a list of words, or a line, as the setting's type asks."""
    kind = TrainingConfig.model_fields[name].annotation
    if kind is bool:
        switch = QCheckBox()
        return _Editor(
            switch,
            lambda: _written(switch.isChecked()),
            lambda text: switch.setChecked(text == _written(True)),
            switch.clicked,
        )
    if get_origin(kind) is Literal:
        combo = compact_combo(_label_of(name), '')
        for choice in get_args(kind):
            combo.addItem(str(choice).replace('-', ' '), str(choice))
        return _Editor(
            combo,
            combo.currentData,
            lambda text: combo.setCurrentIndex(combo.findData(text)),
            combo.activated,
        )
    line = QLineEdit()
    line.setPlaceholderText(NOTHING)
    return _Editor(line, line.text, line.setText, line.editingFinished)


def _groups() -> dict[str, tuple[str, ...]]:
    """Every setting under its heading."""
    known = {name for names in GROUPS.values() for name in names}
    rest = tuple(
        name
        for name in TrainingConfig.model_fields
        if name not in known | OF_THE_PROJECT
    )
    return {**GROUPS, REST: rest} if rest else GROUPS


def _label_of(name: str) -> str:
    return name.replace('_', ' ').capitalize()


def _written(value: Any) -> str:
    """A setting as it stands in the form."""
    if value is None:
        return ''
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f'{value:.12g}'
    if isinstance(value, tuple):
        return ', '.join(_written(each) for each in value)
    return str(value)


def _told(error: ValidationError) -> str:
    """The first thing that is wrong, in words."""
    first = error.errors()[0]
    name = str(first['loc'][0]) if first['loc'] else 'The settings'
    rule = first['msg'].removeprefix('Value error, ').partition(', ')[0]
    rule = rule.removeprefix('Input should be ')
    stated = _written(first['input']).strip()
    return f'{_label_of(name)}: "{stated}" does not fit, it must be {rule}.'
