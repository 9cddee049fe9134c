"""Training in a project: told, paused, finished, killed, gone on with."""

import errno
import json
import shutil
import threading
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_project import config, make_project

from napari_wsol.errors import (
    BadInputError,
    CancelledError,
    OutOfMemoryError,
    WsolError,
)
from napari_wsol.inference.settings import Progress
from napari_wsol.models.loading import load_model
from napari_wsol.training import loop
from napari_wsol.training.reports import (
    EpochFigures,
    Preview,
    PreviewDone,
    TrainingProgress,
    TrainingRemark,
)
from napari_wsol.training.steering import Steering
from napari_wsol.training.teaching import has_begun, run_folder, teach


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    with make_project(tmp_path_factory.mktemp('whole')) as project:
        yield project


def told(events):
    """All events, and what the generator gave back."""
    found = []
    while True:
        try:
            found.append(next(events))
        except StopIteration as end:
            return found, end.value


def kinds(events, kind):
    return [event for event in events if isinstance(event, kind)]


def weights(project, run):
    return load_file(run_folder(project, run) / 'model' / 'model.safetensors')


def same(one, other):
    return all(torch.equal(value, other[key]) for key, value in one.items())


@pytest.fixture(scope='module')
def whole(project):
    """A run to its end, without a preview."""
    return told(teach(project, 'whole', config()))


def test_a_run_tells_how_it_goes_and_ends_in_a_comparison(whole):
    events, taught = whole
    last = kinds(events, TrainingProgress)[-1]
    assert (last.stage, last.stage_number, last.stages) == (
        'classifier',
        1,
        1,
    )
    assert (last.epoch, last.epochs, last.step) == (2, 2, last.steps)
    epochs = kinds(events, EpochFigures)
    assert [each.epoch for each in epochs] == [1, 2]
    assert {'classifier', 'validation_error'} <= dict(epochs[0].figures).keys()
    assert 'validation images' in kinds(events, TrainingRemark)[0].text
    assert kinds(events, Progress)[-1].message == 'Comparing'
    assert taught.comparison.old is None
    assert taught.comparison.new.n_items == sum(
        count for _, count in taught.comparison.held_out
    )
    assert taught.comparison.training is not None
    assert taught.seconds > 0


def test_the_preview_shows_every_epoch_and_changes_nothing(project, whole):
    image = next(iter(project.items.values())).image
    preview = Preview(str(image), 1.0, (8.0, 16.0, 64.0, 96.0))
    found = []
    for event in teach(project, 'seen', config(), preview=preview):
        if isinstance(event, PreviewDone):
            found.append((event, np.load(event.path)))
    assert [event.epoch for event, _ in found][-1] == 2
    done, shown = found[-1]
    assert shown.dtype == np.float16
    assert shown.ndim == 2
    assert 0 <= shown.min() <= shown.max() <= 1
    assert (done.box.y, done.box.x) == (8, 16)
    assert (done.box.bottom, done.box.right) == (72, 96)
    assert same(weights(project, 'whole'), weights(project, 'seen'))


def test_a_preview_that_cannot_be_made_is_said_once(project):
    preview = Preview('nothing.png', None, (0.0, 0.0, 8.0, 8.0))
    events, _ = told(teach(project, 'blind', config(), preview=preview))
    words = [r.text for r in kinds(events, TrainingRemark)]
    assert sum('no preview' in text for text in words) == 1


@pytest.mark.parametrize('steps', [1, 3])
def test_closed_and_gone_on_with_ends_the_same(project, whole, steps):
    run = f'closed-{steps}'
    events = teach(project, run, config())
    for _ in range(steps):
        next(e for e in events if isinstance(e, TrainingProgress))
    events.close()
    assert has_begun(project, run)
    _, taught = told(teach(project, run, None))
    assert same(weights(project, 'whole'), weights(project, run))
    assert taught.comparison == whole[1].comparison


def test_labels_given_meanwhile_do_not_keep_a_run_from_going_on(tmp_path):
    with make_project(tmp_path) as project:
        events = teach(project, 'run', config())
        next(e for e in events if isinstance(e, EpochFigures))
        events.close()
        project.set_label([next(iter(project.items))], 'dots')
        told(teach(project, 'run', None))
        assert (run_folder(project, 'run') / 'model').is_dir()


def test_a_run_killed_while_it_compared_compares_only(project, whole):
    source = run_folder(project, 'whole')
    copy = shutil.copytree(source, run_folder(project, 'compared'))
    (copy / 'comparison.json').unlink()
    events, taught = told(teach(project, 'compared', None))
    assert not kinds(events, TrainingProgress)
    assert taught.comparison == whole[1].comparison


def test_a_run_killed_as_it_began_is_begun_anew(project):
    folder = run_folder(project, 'unborn')
    folder.mkdir()
    (folder / 'labels.csv').write_text('image,label\n')
    assert not has_begun(project, 'unborn')
    with pytest.raises(BadInputError, match='had not begun'):
        next(teach(project, 'unborn', None))
    next(teach(project, 'unborn', config()))
    assert has_begun(project, 'unborn')


def test_finishing_early_keeps_what_the_last_stage_learned(tmp_path):
    with make_project(tmp_path, fields=True) as project:
        steering = Steering()
        chain = config(
            'self-taught', negative_class='flat', epochs=3, rounds=1
        )
        events = []
        for event in teach(project, 'run', chain, steering=steering):
            events.append(event)
            if isinstance(event, TrainingProgress):
                steering.follow('finish')
        assert [e.epoch for e in kinds(events, EpochFigures)] == [1]
        assert any(
            'early' in remark.text for remark in kinds(events, TrainingRemark)
        )
        card = load_model(run_folder(project, 'run') / 'model').card
        assert 'localizer' in card.limits[-1]
        assert card.classes == ('flat', 'dots', 'stripes')
        assert card.metrics['validation labels']


def test_pausing_rests_within_a_step_and_changes_nothing(project, whole):
    rests = []
    steering = Steering(announce=rests.append)
    events = teach(project, 'rested', config(), steering=steering)
    next(e for e in events if isinstance(e, TrainingProgress))
    steering.follow('pause')
    threading.Timer(0.3, steering.follow, ['go on']).start()
    spent = time.process_time()
    found = next(events)
    assert isinstance(found, TrainingProgress)
    assert rests == [True, False]
    assert steering.seconds_paused > 0.2
    assert time.process_time() - spent < 5
    _, taught = told(events)
    assert taught.comparison == whole[1].comparison
    assert same(weights(project, 'whole'), weights(project, 'rested'))


def test_cancelling_stops_within_a_layer_and_leaves_no_hook(project):
    asked = threading.Event()
    steering = Steering(asked.is_set)
    events = teach(project, 'cancelled', config(), steering=steering)
    next(e for e in events if isinstance(e, TrainingProgress))
    asked.set()
    with pytest.raises(CancelledError):
        next(events)
    torch.nn.Identity()(torch.zeros(1))
    told(teach(project, 'cancelled', None))


def test_the_parent_is_what_the_candidate_is_compared_with(tmp_path):
    with make_project(tmp_path, fields=True) as project:
        told(teach(project, 'first', config(negative_class='flat')))
        parent = tmp_path / 'parent'
        shutil.copytree(run_folder(project, 'first') / 'model', parent)
        project.set_parent(parent)
        _, taught = told(
            teach(project, 'second', config(negative_class='flat'))
        )
        old, new = taught.comparison.old, taught.comparison.new
        assert old is not None
        assert old.n_items == new.n_items
        assert old.foreground_on_negatives is not None
        origin = run_folder(project, 'second') / 'origin.json'
        assert json.loads(origin.read_text())['parent'] == str(parent)


@pytest.mark.parametrize(
    ('error', 'expected', 'words'),
    [
        (
            OSError(errno.ENOSPC, 'No space left on device'),
            WsolError,
            'disk is full',
        ),
        (
            RuntimeError('CUDA out of memory. Tried to allocate'),
            OutOfMemoryError,
            'smaller batch',
        ),
    ],
)
def test_what_ran_out_is_said(project, monkeypatch, error, expected, words):
    def fail(*_):
        raise error

    monkeypatch.setattr(loop, 'save_progress', fail)
    run = f'out-{expected.__name__}'
    with pytest.raises(expected, match=words):
        told(teach(project, run, config()))


def test_a_loss_that_is_no_number_is_said(project):
    wild = config(learning_rate_heads=1e30, learning_rate_encoder=1e30)
    with pytest.raises(WsolError, match='Lower the learning rates'):
        told(teach(project, 'wild', wild))


def test_one_class_is_refused_before_anything_is_written(tmp_path):
    with make_project(tmp_path) as project:
        project.set_label(tuple(project.items), 'dots')
        with pytest.raises(BadInputError, match='Two classes are needed'):
            next(teach(project, 'run', config()))
        assert not run_folder(project, 'run').exists()
