"""A run from table to model, killed and resumed, on a tiny network."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.models.loading import load_model, save_model
from napari_wsol.models.localizer import Localizer
from napari_wsol.training.calibration import share_threshold
from napari_wsol.training.config import TrainingConfig
from napari_wsol.training.loop import EpochDone, StepDone
from napari_wsol.training.recipes import configure, fine_tuning
from napari_wsol.training.runner import (
    StageDone,
    Training,
    train,
    with_guide,
    with_students,
    with_working_mpp,
)
from napari_wsol.training.scanning import Scanner
from napari_wsol.training.splitting import training_and_validation
from napari_wsol.training.table import read_table

TINY = {
    'encoder': 'test_efficientnet',
    'weights': 'random',
    'crop': 64,
    'margin': 32,
    'batch': 4,
    'channels': 8,
    'epochs': 2,
    'student_epochs': 1,
    'rounds': 1,
    'averaged_views': False,
    'stride': 8,
    'student_stride': 8,
    'device': 'cpu',
    'precision': 'float32',
    'learning_rate_encoder': 1e-3,
}


@pytest.fixture(scope='module')
def table(tmp_path_factory):
    """Striped and dotted squares on flat tissue, with fields."""
    folder = tmp_path_factory.mktemp('data')
    rng = np.random.default_rng(0)
    with (folder / 'labels.csv').open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['image', 'label', 'group', 'split', 'field', 'mpp'])
        for number in range(12):
            label = ('stripes', 'dots')[number % 2]
            pixels = np.full((96, 96, 3), 210, np.uint8)
            pixels += rng.integers(0, 20, pixels.shape, np.uint8)
            step = 1 if label == 'stripes' else 4
            pixels[16:64:4, 16:64:step] = (120, 40, 120)
            name = f'{number}.png'
            Image.fromarray(pixels).save(folder / name)
            split = 'val' if number >= 8 else 'train'
            about = [f'p{number}', split]
            writer.writerow([name, label, *about, '', 1.0])
            writer.writerow([name, label, *about, '16,16,32,32', 1.0])
            writer.writerow([name, 'flat', *about, '64,0,32,96', 1.0])
    return folder / 'labels.csv'


def config(**changes):
    return TrainingConfig(
        **{**TINY, 'negative_class': 'flat', 'mpp': 1.0, **changes}
    )


def weights(run):
    return load_file(run / 'model' / 'model.safetensors')


@pytest.fixture(scope='module')
def run(table, tmp_path_factory):
    output = tmp_path_factory.mktemp('run') / 'whole'
    return output, list(train(table, config(rounds=1), output))


def test_a_run_leaves_everything_behind(run):
    output, events = run
    assert (output / 'config.json').exists()
    for stage in ('localizer', 'student-1'):
        assert (output / stage / 'last.pt').exists()
        assert (output / stage / 'best.pt').exists()
    with (output / 'localizer' / 'metrics.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert [row['epoch'] for row in rows] == ['0', '1']
    assert {'classifier', 'pixels', 'validation_error'} <= set(rows[0])
    assert sum(isinstance(e, EpochDone) for e in events) == 3
    assert isinstance(events[-1], StageDone)


def test_the_model_states_how_it_was_made(run):
    card = load_model(run[0] / 'model').card
    assert card.classes == ('flat', 'dots', 'stripes')
    assert card.negative_class == 'flat'
    assert card.mpp == 1.0
    assert card.training.recipe['rounds'] == 1
    assert card.training.labels == '12 image labels, 24 field labels'
    assert 'validation_error' in card.metrics['validation labels']


@pytest.mark.parametrize('stop_after', [1, 3, 5])
def test_killed_and_resumed_ends_the_same(run, table, tmp_path, stop_after):
    """Stopped after some steps, as if the process had died there."""
    output = tmp_path / 'run'
    steps = 0
    for event in train(table, config(rounds=1), output):
        steps += isinstance(event, StepDone)
        if steps == stop_after:
            break
    list(train(table, config(rounds=1), output, resume=True))
    expected, found = weights(run[0]), weights(output)
    assert all(torch.equal(expected[key], found[key]) for key in expected)


def test_other_settings_do_not_resume(run, table):
    with pytest.raises(BadInputError, match='other settings'):
        train(table, config(rounds=1, seed=1), run[0], resume=True)


def test_a_used_folder_is_not_overwritten(run, table):
    with pytest.raises(BadInputError, match='not empty'):
        train(table, config(), run[0])


def test_nothing_to_resume_is_said(table, tmp_path):
    with pytest.raises(BadInputError, match='no run to resume'):
        train(table, config(), tmp_path / 'none', resume=True)


def test_an_unknown_negative_class_is_refused(table, tmp_path):
    with pytest.raises(BadInputError, match='fully negative'):
        train(table, config(negative_class='normal'), tmp_path / 'run')


def test_without_a_negative_class_both_regions_are_everywhere(table, tmp_path):
    run = config(negative_class=None, epochs=1, method='max-min-uncertainty')
    list(train(_images_only(table, tmp_path), run, tmp_path / 'run'))
    card = load_model(tmp_path / 'run' / 'model').card
    assert card.architecture.pixel_head == 'class-maps'


@pytest.mark.parametrize('stated', [{'roi_share': 0.25}, {'guided': False}])
def test_image_labels_alone_mark_the_stated_share(table, tmp_path, stated):
    """Of all held-out tissue together; without a guide, it is one half."""
    source = _images_only(table, tmp_path)
    run = config(negative_class=None, epochs=1, method='cam', **stated)
    list(train(source, run, tmp_path / 'run'))
    model = load_model(tmp_path / 'run' / 'model')
    training = Training.of(read_table(source), run)
    _, held_out = training_and_validation(training.table)
    scanner = Scanner(training.normalization, 1.0, margin=run.margin)
    scans = scanner.scan(model.network, training.views(held_out))
    foreground = np.concatenate([1 - scan.pixel[0].ravel() for scan in scans])
    expected = (
        share_threshold(foreground, stated['roi_share'])
        if 'roi_share' in stated
        else 0.5
    )
    assert model.card.threshold == pytest.approx(expected, abs=0.002)


SMALL = {
    'epochs': 1,
    'student_epochs': 1,
    'rounds': 1,
    'atrous_rates': (1, 2, 3),
}


@pytest.mark.parametrize(
    ('method', 'stage', 'term'),
    [
        ('cam', 'classifier', 'localizer'),
        ('min-max-entropy', 'localizer', 'background'),
        ('max-min-uncertainty', 'localizer', 'size'),
        ('negev', 'decoder', 'seeds'),
        ('pseudo-label', 'segmenter', 'pixels'),
        ('self-taught', 'student-1', 'pixels'),
    ],
)
@pytest.mark.parametrize('negative', [None, 'flat'])
def test_every_method_ends_in_a_model(
    table, tmp_path, method, stage, term, negative
):
    source = table if negative else _images_only(table, tmp_path)
    stated = {**TINY, **SMALL, 'mpp': 1.0, 'negative_class': negative}
    run = configure(method, **stated)
    list(train(source, run, tmp_path / 'run'))
    with (tmp_path / 'run' / stage / 'metrics.csv').open() as file:
        assert term in next(csv.reader(file))
    model = load_model(tmp_path / 'run' / 'model')
    assert model.card.method == method
    maps = model.network.maps(torch.zeros(1, 3, 64, 64), classify=True)
    assert maps.pixel.shape[1] == len(model.card.roi_classes) + 1 or (
        maps.pixel.shape[1] == 2
    )


def test_a_loss_that_is_no_number_is_named(table, tmp_path):
    wild = config(learning_rate_heads=1e30, learning_rate_encoder=1e30)
    with pytest.raises(WsolError, match='no longer a number'):
        list(train(table, wild, tmp_path / 'run'))


def test_start_from_a_model_of_another_encoder_is_refused(
    run, table, tmp_path
):
    other = config(encoder='test_resnet')
    with pytest.raises(BadInputError, match='choose the same'):
        list(train(table, other, tmp_path / 'run', init=run[0] / 'model'))


def _images_only(table, folder, *, but=False):
    """Or, with ``but``, the fields only."""
    with table.open() as file:
        rows = [
            row for row in csv.DictReader(file) if bool(row['field']) == but
        ]
    path = folder / 'part.csv'
    with path.open('w', newline='') as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for row in rows:
            writer.writerow({**row, 'image': table.parent / row['image']})
    return path


def test_a_known_pixel_size_sets_the_working_one(table):
    assert with_working_mpp(read_table(table), config(mpp=None)).mpp == 1.0


def test_an_unknown_pixel_size_is_not_guessed(table, tmp_path):
    path = _images_only(table, tmp_path)
    path.write_text(path.read_text().replace(',1.0', ','))
    assert with_working_mpp(read_table(path), config(mpp=None)).mpp is None


def test_the_configuration_is_written_resolved(run):
    told = json.loads((run[0] / 'config.json').read_text())
    assert told['training']['seed'] == 0
    assert told['classes'] == ['flat', 'dots', 'stripes']


def test_a_parent_teaches_and_is_gone_on_from(run, table, tmp_path):
    """Fine-tuned with a frozen encoder, it keeps the encoder of its parent."""
    parent = run[0] / 'model'
    stated = {**TINY, 'epochs': 1, 'cached_versions': 1}
    for name in ('encoder', 'channels', 'stride', 'student_stride', 'mpp'):
        stated.pop(name, None)
    quick = fine_tuning('quick', parent=True, **stated)
    output, features = tmp_path / 'quick', tmp_path / 'features'
    list(train(table, quick, output, init=parent, features=features))
    old, new = weights(run[0]), weights(output)
    assert old.keys() == new.keys()
    changed = {k for k in old if not torch.equal(old[k], new[k])}
    assert changed
    assert not any(key.startswith('encoder') for key in changed)
    assert any(features.iterdir())
    mine, theirs = (load_model(p).card for p in (output / 'model', parent))
    assert mine.classes == theirs.classes
    assert mine.finds == theirs.finds
    assert mine.parent == theirs.sha256


def test_a_parent_of_one_region_teaches_the_classes_that_it_finds(
    run, table, tmp_path
):
    """It says "stripes" of every image, of which only fields are labelled."""
    card = load_model(run[0] / 'model').card.model_copy(
        update={'classes': ('dots', 'stripes'), 'negative_class': None}
    )
    parent = Localizer(card.architecture, card.classes)
    with torch.no_grad():
        parent.classifier.to_modalities.bias += torch.tensor([0.0, 100.0])
    start = save_model(tmp_path / 'parent', card, parent).path
    stated = {**TINY, 'negative_class': 'flat', 'bands': 'rank'}
    quick = fine_tuning('quick', parent=True, **stated)
    fields = _images_only(table, tmp_path, but=True)
    list(train(fields, quick, tmp_path / 'run', init=start))
    written = [*(tmp_path / 'run').glob('student-1-pseudo-labels/*.png')]
    taught = {int(v) for p in written for v in np.unique(Image.open(p))}
    assert taught == {0, 1, 3}  # unknown, background, stripes


def test_a_parent_has_to_be_named(table, tmp_path):
    with pytest.raises(BadInputError, match='model to start from'):
        train(table, fine_tuning('full', parent=True), tmp_path / 'run')


@pytest.mark.parametrize(
    ('dropped', 'guided'),
    [('', True), ('image labels', False), ('fields', False)],
)
def test_what_guides_follows_from_the_labels(table, dropped, guided):
    """Two classes of images ask for it; negative images, or none, do not."""
    read = read_table(table)
    rows = [
        replace(row, field=None) if dropped == 'fields' else row
        for row in read.rows
        if dropped != 'image labels' or row.field is not None
    ]
    found = with_guide(replace(read, rows=tuple(rows)), config())
    assert found.guided is guided
    stated = with_guide(read, config(guided=False))
    assert stated.guided is False


def test_one_student_learns_longer_where_fields_teach(table, tmp_path):
    free = TrainingConfig()
    fields = with_students(read_table(table), free)
    assert (fields.rounds, fields.student_epochs) == (
        1,
        free.rounds * free.student_epochs,
    )
    images = read_table(_images_only(table, tmp_path))
    assert with_students(images, free) == free
    stated = TrainingConfig(rounds=2)
    assert with_students(read_table(table), stated) == stated


def test_where_fields_cover_the_images_pseudo_labels_count_less(table):
    labels, free = read_table(table), TrainingConfig()
    fields = tuple(row for row in labels.rows if row.field is not None)
    many = replace(labels, rows=labels.rows + 100 * len(labels.rows) * fields)
    config = with_students(many, free)
    assert (
        config.student_epochs == 2 * with_students(labels, free).student_epochs
    )
    assert config.pixel_weight < with_students(labels, free).pixel_weight
    stated = TrainingConfig(pixel_weight=0.7)
    assert with_students(many, stated).pixel_weight == 0.7


def test_students_start_anew_where_the_labels_name_what_the_parent_knows(
    run, table, tmp_path
):
    """That a parent knows the fully negative class is no reason not to."""
    parent = run[0] / 'model'
    full = fine_tuning('full', parent=True)
    images = read_table(_images_only(table, tmp_path))
    assert images.labels == ('dots', 'stripes')
    anew = Training.of(images, full, init=parent).config
    assert 'flat' in anew.classes
    assert anew.students_from == 'imagenet'
    rows = tuple(row for row in images.rows if row.label == 'dots')
    one = Training.of(replace(images, rows=rows), full, init=parent).config
    assert one.students_from == 'parent'


def test_a_parents_run_marks_no_more_than_even_odds(run, table, tmp_path):
    parent = run[0] / 'model'
    images = _images_only(table, tmp_path)
    stated = {
        **{k: TINY[k] for k in ('crop', 'margin', 'batch') if k in TINY},
        'epochs': 1,
        'student_epochs': 1,
        'cached_versions': 1,
    }
    quick = fine_tuning('quick', parent=True, **stated)
    list(train(images, quick, tmp_path / 'quick', init=parent))
    assert load_model(tmp_path / 'quick' / 'model').card.threshold >= 0.5
