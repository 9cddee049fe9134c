"""A report of labels, and of masks where there are some."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from napari_wsol.errors import BadInputError
from napari_wsol.evaluation.cases import Gallery
from napari_wsol.evaluation.report import write_report
from napari_wsol.evaluation.run import (
    Evaluation,
    choose_rows,
    evaluate_model,
)
from napari_wsol.evaluation.truth import read_mask, sample_map
from napari_wsol.inference.settings import PredictionSettings
from napari_wsol.models.card import (
    Architecture,
    ModelCard,
    Normalization,
    TrainingRecord,
)
from napari_wsol.models.loading import load_model, save_model
from napari_wsol.models.localizer import Localizer
from napari_wsol.training.table import read_table

CARD = ModelCard(
    name='tiny',
    title='Tiny',
    finds='dark things',
    tissue='none',
    method='max-min-uncertainty',
    architecture=Architecture(
        encoder='test_efficientnet', channels=8, pixel_head='softmax'
    ),
    classes=('background', 'benign', 'malignant'),
    negative_class='background',
    mpp=1.0,
    tile=128,
    halo=32,
    normalization=Normalization(mean=(0.5,) * 3, std=(0.5,) * 3),
    training=TrainingRecord(data='none'),
)


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    torch.manual_seed(0)
    network = Localizer(CARD.architecture, CARD.classes, 'background')
    path = tmp_path_factory.mktemp('model') / 'tiny'
    return load_model(save_model(path, CARD, network))


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    mask = np.zeros((64, 80), np.uint8)
    mask[16:48, 16:48] = 255
    lines = ['image,label,mask,split,mpp']
    for name, label in (('a', 'benign'), ('b', 'malignant'), ('c', 'odd')):
        pixels = rng.integers(0, 255, (64, 80, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f'{name}.png')
        Image.fromarray(mask).save(tmp_path / f'{name}_mask.png')
        stated = '' if name == 'b' else f'{name}_mask.png'
        lines.append(f'{name}.png,{label},{stated},test,1.0')
    (tmp_path / 'data.csv').write_text('\n'.join(lines))
    return tmp_path / 'data.csv'


def test_a_report_has_what_the_design_fixes(model, data, tmp_path):
    table = read_table(data)
    evaluation = Evaluation(model, choose_rows(table, 'test'))
    results = list(evaluation.run())
    report = evaluation.report('data.csv', 'test')
    path = tmp_path / 'out' / 'report.json'
    write_report(report, results, path)
    told = json.loads(path.read_text())
    assert told['n_images'] == 3
    assert told['n_masks'] == 2
    for name in ('classification_error', 'f1_foreground', 'f1_background'):
        assert 0 <= told[name] <= 100
    assert told['tp'] + told['fn'] == pytest.approx(100)
    assert told['fp'] + told['tn'] == pytest.approx(100)
    with path.with_suffix('.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert [row['image'] for row in rows] == ['a.png', 'b.png', 'c.png']
    assert rows[1]['f1_foreground'] == ''


def test_a_label_the_model_does_not_know_is_not_judged(model, data):
    evaluation = Evaluation(model, choose_rows(read_table(data), None))
    results = list(evaluation.run())
    assert [r.correct is None for r in results] == [False, False, True]


def test_images_are_told_apart_among_the_labels_of_the_set(model, data):
    evaluation = Evaluation(model, choose_rows(read_table(data), None))
    assert {r.predicted for r in evaluation.run()} <= {'benign', 'malignant'}


def test_labels_can_be_renamed(model, data):
    evaluation = Evaluation(
        model, choose_rows(read_table(data), None), rename={'odd': 'benign'}
    )
    assert all(r.correct is not None for r in evaluation.run())


def relabelled(rows, label):
    return [replace(row, label=label) for row in rows]


def test_no_label_reaches_the_model(model, data):
    rows = choose_rows(read_table(data), None)
    told = [
        [(r.foreground_percent, r.f1_foreground) for r in evaluation.run()]
        for evaluation in (
            Evaluation(model, relabelled(rows, 'benign')),
            Evaluation(model, relabelled(rows, 'malignant')),
        )
    ]
    assert told[0] == told[1]


def test_images_of_one_class_are_not_trivially_right(model, data):
    rows = choose_rows(read_table(data), None)
    errors = [
        evaluate_model(
            model, relabelled(rows[:1], name), resamples=0
        ).classification_error
        for name in CARD.classes
    ]
    assert sorted(errors) == [0, 100, 100]


def test_a_negative_image_without_a_mask_counts_as_an_empty_one(model, data):
    rows = choose_rows(read_table(data), None)
    negative = replace(rows[1], label='background')
    report = evaluate_model(model, [rows[0], negative], resamples=10)
    assert (report.n_masks, report.n_negative) == (2, 1)
    assert 0 <= report.negative_foreground <= 100
    alone = evaluate_model(model, [negative], resamples=10)
    assert alone.n_masks == 0
    assert alone.pxap is None


def test_a_negative_label_that_no_image_has_is_named(model, data):
    rows = choose_rows(read_table(data), None)
    with pytest.raises(BadInputError, match='"normal"'):
        Evaluation(model, rows, negative_label='normal')
    evaluation = Evaluation(model, rows, negative_label='odd')
    assert sum(1 for _ in evaluation.run()) == 3
    assert evaluation.report('', '', resamples=0).n_negative == 1


def test_glass_is_not_marked_unless_asked_for(model, data):
    """Half of one image is glass; such a threshold marks all else."""
    path = data.parent / 'a.png'
    pixels = np.asarray(Image.open(path)).copy()
    pixels[:, :40] = 245
    Image.fromarray(pixels).save(path)
    rows = [row for row in read_table(data).rows if row.image.name == 'a.png']

    def falsely_marked(**settings):
        chosen = PredictionSettings(threshold=1e-3, **settings)
        return evaluate_model(model, rows, chosen, resamples=0).fp

    assert falsely_marked(tissue_only=False) == 100
    assert falsely_marked() == pytest.approx(50, abs=15)


def test_an_image_of_glass_alone_is_judged_as_well(model, data):
    path = data.parent / 'a.png'
    Image.fromarray(np.full((64, 80, 3), 245, np.uint8)).save(path)
    first = next(Evaluation(model, read_table(data).rows).run())
    assert first.predicted in CARD.classes


def test_pictures_of_cases_are_drawn(model, data):
    gallery = Gallery()
    rows = choose_rows(read_table(data), None)
    for _ in Evaluation(model, rows, gallery=gallery).run():
        pass
    (worst,) = gallery.worst_cases()
    names = ('image', 'truth', 'probability', 'mask', 'entropy')
    assert {picture.shape for picture in worst.panels.values()} == {
        (64, 80, 3)
    }
    assert set(worst.panels) <= set(names)


def test_an_unknown_split_is_named(data):
    with pytest.raises(BadInputError, match='no split "val"'):
        choose_rows(read_table(data), 'val')


def test_a_mask_of_another_size_is_refused(data):
    with pytest.raises(BadInputError, match='must be the same'):
        read_mask(data.parent / 'a_mask.png', (10, 10))


def test_a_map_is_sampled_between_its_cells():
    values = np.array([[0.0, 1.0], [2.0, 3.0]])
    places = np.array([-1.0, 0.5, 5.0])
    sampled = sample_map(values, places, places)
    assert sampled.tolist() == [[0, 0.5, 1], [1, 1.5, 2], [2, 2.5, 3]]
