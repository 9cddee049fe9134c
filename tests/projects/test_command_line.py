"""``napari-wsol train PROJECT``."""

import numpy as np
import pytest
from PIL import Image

from napari_wsol.cli import main
from napari_wsol.models.folder import read_folder
from napari_wsol.projects.lineage import current_version
from napari_wsol.projects.project import Project
from napari_wsol.projects.runs import (
    candidates,
    read_comparison,
    unfinished_runs,
)

TINY = (
    'encoder=test_efficientnet',
    'weights=random',
    'crop=64',
    'margin=0',
    'student_margin=0',
    'batch=2',
    'channels=8',
    'epochs=1',
    'student_epochs=1',
    'student_stride=8',
    'precision=float32',
    'cached_versions=1',
)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """Keep lines whole and uncoloured."""
    monkeypatch.setenv('COLUMNS', '200')
    monkeypatch.delenv('FORCE_COLOR', raising=False)


@pytest.fixture
def striped(tmp_path):
    """A project of stripes and dots that can be told apart."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(8):
        pixels = rng.integers(190, 230, (64, 64, 3), np.uint8)
        pixels[8:56:4, 8 : 56 : 1 if number % 2 else 4] = (120, 40, 120)
        paths.append(tmp_path / 'images' / f'p{number}.png')
        paths[-1].parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(paths[-1])
    with Project.create(
        tmp_path / 'Über Streifen', classes=('dots', 'stripes')
    ) as project:
        keys = project.add_images(paths, mpp=1.0)
        project.set_label(keys[::2], 'dots')
        project.set_label(keys[1::2], 'stripes')
    return project.folder


def train(folder, *words):
    settings = [word for each in TINY for word in ('--set', each)]
    return main(['train', str(folder), '--device', 'cpu', *settings, *words])


@pytest.mark.slow
def test_a_project_is_trained_and_its_model_kept(striped, capsys):
    assert train(striped, '--keep', 'Streifen') == 0
    said = capsys.readouterr()
    assert 'held-out items right' in said.out
    with Project.open(striped) as project:
        if 'is kept in' in said.out:
            version = current_version(project)
            assert version.name == 'Streifen'
            assert version.labels_used == 6
            assert read_folder(project.parent).card.classes == (
                'dots',
                'stripes',
            )
            assert candidates(project) == ()
        else:
            (run,) = candidates(project)
            assert read_comparison(run).new.n_items == 2


def test_what_stands_in_the_way_is_said_and_leaves_no_trace(striped, capsys):
    with Project.open(striped) as project:
        project.set_label(list(project.items), 'dots')
    assert main(['train', str(striped)]) == 2
    assert 'All labels say "dots"' in capsys.readouterr().err
    assert main(['train', str(striped), '--resume']) == 2
    assert 'cut short' in capsys.readouterr().err
    assert not (striped / 'runs').exists()


def test_a_training_that_cannot_start_leaves_no_run(striped, capsys):
    assert train(striped, '--set', 'encoder=no_such_net') != 0
    assert list((striped / 'runs').iterdir()) == []
    with Project.open(striped) as project:
        assert unfinished_runs(project) == ()


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['--output', 'x'], '--output does not fit'),
        (['--negative-class', 'dots'], 'change it in the viewer'),
        (['--set', 'crop=33'], 'crop'),
        (['--speed', 'slow'], 'quick'),
    ],
)
def test_what_the_project_states_is_not_stated_again(
    striped, words, said, capsys
):
    assert main(['train', str(striped), *words]) == 2
    assert said in capsys.readouterr().err


def test_a_table_is_no_project(tmp_path, capsys):
    table = tmp_path / 'labels.csv'
    table.write_text('image,label\n')
    assert main(['train', str(table), '--speed', 'full']) == 2
    assert 'Only a project' in capsys.readouterr().err
    assert main(['train', str(table)]) == 2
    assert '--output' in capsys.readouterr().err
