"""A training beside other jobs, and steered while it runs."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest
from fake_jobs import Fake
from watching import is_gone

from napari_wsol.engine.crew import EngineCrew
from napari_wsol.engine.messages import (
    Cancelled,
    Finished,
    Paused,
    TrainingProgress,
    TrainRequest,
)


@pytest.fixture(scope='module')
def crew(tmp_path_factory):
    """Its processes are started once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('PYTHONPATH', str(Path(__file__).parent))
        crew = EngineCrew(
            jobs='fake_jobs:JOBS', log_folder=tmp_path_factory.mktemp('logs')
        )
        crew.start()
        crew.trainer.start()
    yield crew
    crew.close(patience=0.5)


@pytest.fixture
def training(crew):
    """A training that runs, as job number and what it tells."""
    job = crew.next_job()
    events = crew.events(TrainRequest(job, 'project', '0001-quick', 'quick'))
    next_of(events, TrainingProgress)
    yield job, events
    events.close()


def next_of(events, kind):
    return next(event for event in events if isinstance(event, kind))


def test_other_jobs_are_done_while_one_trains(crew, training):
    _, events = training
    count = Fake(crew.next_job(), 'facts')
    (*_, facts) = crew.events(count)
    assert facts.result['pid'] == crew.pid != crew.trainer.pid
    assert next_of(events, TrainingProgress)


def test_a_paused_training_says_so_and_uses_no_processor(crew, training):
    job, events = training
    assert crew.steer(job, 'pause')
    assert next_of(events, Paused) == Paused(True)
    process = psutil.Process(crew.trainer.pid)
    before = sum(process.cpu_times()[:2])
    time.sleep(0.5)
    assert sum(process.cpu_times()[:2]) - before < 0.1
    assert [event for event in (next(events), next(events)) if event] == []
    crew.steer(job, 'go on')
    assert next_of(events, Paused) == Paused(False)
    assert next_of(events, TrainingProgress)


@pytest.mark.parametrize('paused', [False, True])
def test_finishing_ends_with_a_result(crew, training, paused):
    job, events = training
    if paused:
        crew.steer(job, 'pause')
        next_of(events, Paused)
    crew.steer(job, 'finish')
    assert next_of(events, Finished).result['epochs'] >= 1


@pytest.mark.parametrize('paused', [False, True])
def test_cancelling_ends_at_once_and_keeps_the_process(crew, training, paused):
    job, events = training
    pid = crew.trainer.pid
    if paused:
        crew.steer(job, 'pause')
        next_of(events, Paused)
    crew.cancel(job)
    assert next_of(events, Cancelled) == Cancelled(job)
    assert crew.trainer.pid == pid


def test_a_training_that_does_not_run_is_not_steered(crew, training):
    job, events = training
    assert not crew.steer(job + 1, 'pause')
    crew.cancel(job)
    next_of(events, Cancelled)
    assert not crew.steer(job, 'pause')


def test_the_trainer_is_started_by_a_training_and_closed_with_the_rest(
    tmp_path,
):
    crew = EngineCrew(jobs='fake_jobs:JOBS', log_folder=tmp_path)
    crew.start()
    assert not crew.trainer.is_alive
    request = TrainRequest(crew.next_job(), 'project', 'run', 'quick')
    next_of(crew.events(request), TrainingProgress)
    pid = crew.trainer.pid
    crew.close(patience=0.5)
    assert is_gone(pid)
    assert not crew.is_alive
