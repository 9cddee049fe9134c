"""Trainings that are killed, and trainings by several processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from napari_wsol.errors import BadInputError
from napari_wsol.training.config import TrainingConfig
from napari_wsol.training.processes import make_fabric


@pytest.fixture(scope='module')
def rehearsed(tmp_path_factory):
    """What became of the trainings of ``rehearsal.py``."""
    if not hasattr(os, 'fork'):
        pytest.skip('no fork on this system')
    done = subprocess.run(
        [
            sys.executable,
            Path(__file__).with_name('rehearsal.py'),
            tmp_path_factory.mktemp('rehearsal'),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_killed_at_any_moment_a_training_ends_the_same(rehearsed):
    """Between any two of its files, and at random."""
    signals = rehearsed['killed']['signals']
    assert signals[:6] == [-9] * 6
    assert rehearsed['killed']['same'] == [True] * 8


def test_two_processes_learn_what_one_does(rehearsed):
    two = rehearsed['together']
    assert two['between'] == 0
    assert two['to_one'] < 1e-4
    assert two['losses'] == pytest.approx(two['alone'], abs=1e-4)
    assert two['losses'][-1] < two['losses'][0]


def test_only_the_first_process_writes(rehearsed):
    assert rehearsed['together']['files'] == [
        'best.pt',
        'last.pt',
        'metrics.csv',
        'metrics.svg',
    ]


def test_processes_that_were_not_started_are_missed():
    with pytest.raises(BadInputError, match='torchrun --nproc-per-node 4'):
        make_fabric(TrainingConfig(devices=4, device='cpu'))
