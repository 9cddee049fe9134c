"""A tiny project through the real engines: trained, killed, asked."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np
import pytest
from PIL import Image

from napari_wsol.engine.crew import EngineCrew
from napari_wsol.engine.messages import (
    EpochFigures,
    Failed,
    Judged,
    JudgeRequest,
    Preview,
    PreviewDone,
    Suggested,
    SuggestRequest,
    Trained,
    TrainRequest,
)
from napari_wsol.projects.project import Project
from napari_wsol.projects.runs import new_run, unfinished_runs

TINY = {
    'method': 'cam',
    'encoder': 'test_efficientnet',
    'weights': 'random',
    'crop': 64,
    'margin': 0,
    'batch': 2,
    'epochs': 3,
    'mpp': 1.0,
    'device': 'cpu',
    'precision': 'float32',
    'threads': 1,
}


@pytest.fixture(scope='module')
def crew(tmp_path_factory):
    crew = EngineCrew(log_folder=tmp_path_factory.mktemp('logs'))
    yield crew
    crew.close()


@pytest.fixture
def project(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / 'images'
    folder.mkdir()
    with Project.create(
        tmp_path / 'project', classes=['dark', 'light'], field_side_um=32
    ) as project:
        for number in range(6):
            label = ('dark', 'light')[number % 2]
            pixels = rng.integers(80, 120, (64, 64, 3), np.uint8)
            pixels += np.uint8(60 * (number % 2))
            path = folder / f'p{number}.png'
            Image.fromarray(pixels).save(path)
            project.set_label(project.add_images([path], mpp=1.0), label)
        yield project


def request_of(crew, project, run, **changes):
    return TrainRequest(
        crew.next_job(),
        str(project.folder),
        run,
        'quick',
        tuple(TINY.items()),
        **changes,
    )


def end_of(engine, request):
    *_, end = (event for event in engine.events(request) if event)
    return end


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == 'win32', reason='POSIX signals')
def test_a_training_outlives_its_engine(crew, project, tmp_path):
    run = new_run(project, 'quick')
    image = str(next(iter(project.items.values())).image)
    preview = Preview(image, 1.0, (0.0, 0.0, 64.0, 64.0))
    seen = []
    for event in crew.events(request_of(crew, project, run, preview=preview)):
        seen.append(event)
        if isinstance(event, EpochFigures):
            os.kill(crew.trainer.pid, signal.SIGKILL)
            break
    assert [path.name for path in unfinished_runs(project)] == [run]
    events = [
        event
        for event in crew.events(
            request_of(crew, project, run, preview=preview, resume=True)
        )
        if event
    ]
    epochs = [e.epoch for e in events if isinstance(e, EpochFigures)]
    assert epochs[-1] == 3
    assert epochs == [2, 3] or epochs == [1, 2, 3]
    assert any(isinstance(event, PreviewDone) for event in events)
    assert isinstance(events[-1], Trained), events[-1]
    assert events[-1].run == run
    assert events[-1].comparison.new.n_items >= 2

    model = str(project.folder / 'runs' / run / 'model')
    folder, keys = str(project.folder), tuple(project.items)
    engine = crew.trainer  # it is warm, and does what the other one does
    judged = end_of(
        engine, JudgeRequest(crew.next_job(), folder, model, (*keys, 'i99'))
    )
    assert isinstance(judged, Judged)
    assert tuple(each.key for each in judged.judgements) == keys
    new = tmp_path / 'new.png'
    Image.fromarray(np.full((64, 96, 3), 130, np.uint8)).save(new)
    suggested = end_of(
        engine,
        SuggestRequest(crew.next_job(), folder, model, ((str(new), 1.0),), 2),
    )
    assert isinstance(suggested, Suggested)
    assert len(suggested.suggestions) == 2
    assert suggested.suggestions[0].image == str(new)


def test_what_cannot_be_learned_is_said_with_what_to_do(crew, project):
    project.set_label(tuple(project.items), 'dark')
    end = end_of(crew, request_of(crew, project, '0001-quick'))
    assert isinstance(end, Failed)
    assert 'All labels say "dark"' in end.message
    assert 'Label some of another class' in end.message
    assert end.details == ''
    assert unfinished_runs(project) == ()
