"""The expert settings as a form."""

from __future__ import annotations

import pytest

from napari_wsol.training.config import TrainingConfig
from napari_wsol.widgets.settings_form import (
    GROUPS,
    OF_THE_PROJECT,
    SettingsForm,
)

pytestmark = pytest.mark.viewer


@pytest.fixture
def form(qtbot):
    form = SettingsForm()
    qtbot.addWidget(form)
    return form


def test_every_setting_is_in_one_group_or_the_project_s(form):
    grouped = [name for names in GROUPS.values() for name in names]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) <= set(TrainingConfig.model_fields)
    shown = set(form._editors)
    assert shown | OF_THE_PROJECT == set(TrainingConfig.model_fields)
    assert not shown & OF_THE_PROJECT


def test_what_is_not_touched_is_no_override(form):
    assert form.overrides == {}
    form.set_defaults(TrainingConfig(epochs=3, teacher='contrast'))
    assert form.overrides == {}


def test_changes_are_read_as_the_settings_mean_them(form, qtbot):
    with qtbot.waitSignal(form.changed):
        form.enter('epochs', '7')
    form.enter('learning_rate_heads', '2e-3')
    form.enter('area_target', '0.1, 0.8')
    form.enter('method', 'negev')
    form.enter('detach_background', 'true')
    form.enter('atrous_rates', '1, 2, 3')
    form.enter('freeze_encoder', '4')
    assert form.problem == ''
    assert form.overrides == {
        'method': 'negev',
        'epochs': 7,
        'learning_rate_heads': 2e-3,
        'area_target': (0.1, 0.8),
        'detach_background': True,
        'atrous_rates': (1, 2, 3),
        'freeze_encoder': 4,
    }


def test_changes_hold_when_the_usual_settings_change(form):
    form.enter('epochs', '7')
    form.set_defaults(TrainingConfig(epochs=5, batch=4))
    assert form.overrides == {'epochs': 7}
    form.set_defaults(TrainingConfig(epochs=7))
    assert form.overrides == {}


def test_a_bad_entry_is_told_in_words(form):
    form.enter('epochs', 'many')
    assert form.problem == (
        'Epochs: "many" does not fit, it must be a valid integer.'
    )
    assert form.overrides == {}
    form.reset()
    assert form.problem == ''


def test_an_empty_field_means_by_itself(form):
    form.set_defaults(TrainingConfig(mpp=0.5))
    form.enter('mpp', '')
    assert form.overrides == {'mpp': None}
