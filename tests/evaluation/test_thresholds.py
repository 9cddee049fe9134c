import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_wsol.errors import BadInputError
from napari_wsol.evaluation.cohort import Cohort, Observation
from napari_wsol.evaluation.pixels import ScoreHistogram, confusion
from napari_wsol.evaluation.thresholds import check_choice, keep_threshold
from napari_wsol.models.folder import read_folder, verify_folder
from napari_wsol.models.library import DEFAULT_MODEL, find_model
from napari_wsol.training.table import Row

ROWS = (Row(Path('a.png'), 'benign', Path('a_mask.png')),)


@pytest.fixture
def cohort():
    """One image that only thresholds in (0.1, 0.35] tell apart."""
    truth = np.arange(1000) < 300
    score = np.where(truth, 0.35, 0.1)
    histogram = ScoreHistogram()
    histogram.add(score, truth)
    cohort = Cohort(())
    cohort.add(
        Observation('a', confusion=confusion(score >= 0.5, truth)), histogram
    )
    return cohort


@pytest.mark.parametrize(
    ('split', 'said'),
    [
        ('test', 'not chosen on the split "test"'),
        ('train', 'not chosen on the split "train"'),
        (None, 'not chosen on all rows'),
    ],
)
def test_only_a_validation_split_chooses(split, said, model):
    with pytest.raises(BadInputError, match=said):
        check_choice(model, ROWS, split)


def test_a_threshold_is_not_chosen_without_masks(model):
    rows = (replace(ROWS[0], mask=None),)
    with pytest.raises(BadInputError, match='has a mask'):
        check_choice(model, rows, 'val')


def test_a_bundled_model_is_not_changed():
    with pytest.raises(BadInputError, match='models export'):
        check_choice(find_model(DEFAULT_MODEL), ROWS, 'val')


def test_the_card_keeps_the_threshold_and_how_it_was_chosen(model, cohort):
    check_choice(model, ROWS, 'val')
    weights = model.weights.read_bytes()
    threshold = keep_threshold(model, cohort, 'data.csv', 'val')
    assert 0.1 < threshold <= 0.35
    kept = read_folder(model.path)
    verify_folder(kept)
    assert kept.card.threshold == threshold
    assert kept.weights.read_bytes() == weights
    chosen = kept.card.training.recipe['threshold_choice']
    assert chosen['split'] == 'val'
    assert chosen['instead_of'] == model.card.threshold
    assert kept.card.training.recipe['epochs'] == 1
    (name,) = kept.card.metrics.keys() - model.card.metrics.keys()
    assert 'data.csv' in name
    assert kept.card.metrics[name]['f1_foreground'] == 100
    readme = (model.path / 'README.md').read_text()
    assert f'{threshold:g}' in readme


def test_a_readme_written_by_hand_stays(model, cohort):
    (model.path / 'README.md').write_text('Ask Ada before use.')
    keep_threshold(model, cohort, 'data.csv', 'val')
    assert (model.path / 'README.md').read_text() == 'Ask Ada before use.'


def test_a_card_that_cannot_be_written_stays_whole(model, cohort, monkeypatch):
    def full(*_):
        raise OSError(28, 'No space left on device')

    before = (model.path / 'config.json').read_text()
    monkeypatch.setattr(Path, 'replace', full)
    with pytest.raises(Exception, match='nothing there was changed'):
        keep_threshold(model, cohort, 'data.csv', 'val')
    assert json.loads((model.path / 'config.json').read_text()) == json.loads(
        before
    )
    assert not list(model.path.glob('*.partial'))
