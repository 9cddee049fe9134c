"""Choosing a model and reading its card."""

from __future__ import annotations

import pytest

from napari_wsol.models.folder import write_folder
from napari_wsol.settings import models_folder
from napari_wsol.widgets import choose_model
from napari_wsol.widgets.choose_model import ModelChooser


@pytest.fixture
def chooser(qtbot, own_model):
    chooser = ModelChooser(models_folder())
    qtbot.addWidget(chooser)
    chooser.use('tiny')
    return chooser


def test_the_card_is_told(chooser, own_model):
    assert chooser.model.path == own_model
    assert 'Glands of any kind' in chooser._summary.text()
    assert 'lymph nodes' in chooser._details_text.text()
    assert chooser._details_text.isHidden()
    chooser._details._button.click()
    assert not chooser._details_text.isHidden()


def test_a_folder_elsewhere_can_be_used(chooser, card, weights, tmp_path):
    other = card.model_copy(update={'name': 'other', 'title': 'Other'})
    path = write_folder(tmp_path / 'other', other, weights).path
    assert chooser.use(path)
    assert chooser.card.title == 'Other'
    count = chooser._combo.count()
    assert chooser.use(path)
    assert chooser._combo.count() == count


def test_a_folder_without_a_model_is_explained(chooser, tmp_path):
    assert not chooser.use(tmp_path)
    assert 'lacks the file' in chooser._message.text()
    assert chooser.card.name == 'tiny'


def test_models_that_cannot_be_used_are_told(qtbot, own_model):
    (own_model / 'config.json').write_text('{')
    chooser = ModelChooser(models_folder())
    qtbot.addWidget(chooser)
    assert 'not valid JSON' in chooser._message.text()


def test_a_hub_model_is_fetched_in_the_background(
    chooser, card, weights, tmp_path, qtbot, monkeypatch
):
    other = card.model_copy(update={'name': 'other', 'title': 'Other'})
    folder = write_folder(tmp_path / 'other', other, weights)
    asked = []

    def find(name, models_dir, *, allow_download=False):
        asked.append((name, allow_download))
        return folder

    monkeypatch.setattr(choose_model, 'find_model', find)
    chooser._show_hub()
    chooser._hub.entry.setText('lab/other@v1')
    chooser._hub.entry.returnPressed.emit()
    qtbot.waitUntil(lambda: chooser.card.title == 'Other')
    assert asked == [('lab/other@v1', True)]
    assert chooser._hub.isHidden()


def test_a_hub_model_without_a_revision_is_refused(chooser, qtbot):
    chooser._fetch('lab/model')
    qtbot.waitUntil(lambda: 'revision' in chooser._message.text())
    assert chooser._hub.isEnabled()
