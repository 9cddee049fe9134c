"""Candidates are kept, discarded, gone back from; none is lost midway."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from napari_wsol.errors import BadInputError
from napari_wsol.models.folder import read_folder, write_folder
from napari_wsol.projects.lineage import (
    current_version,
    keep,
    plain_name,
    roll_back,
    tree,
    versions,
)
from napari_wsol.projects.project import Project
from napari_wsol.projects.runs import (
    candidates,
    discard,
    new_run,
    read_comparison,
    unfinished_runs,
)
from napari_wsol.projects.verdict import (
    Comparison,
    Figures,
    comparison_to_json,
)

COMPARISON = Comparison(
    None,
    Figures(10, 0.9, 0.2, 0.1, 0.9, f1_foreground=80.0),
    None,
    (('benign', 5), ('malignant', 5)),
)


@pytest.fixture
def train(project, images, card, weights):
    """Do what a training does to the disk."""
    project.set_label(project.add_images(images), 'benign')

    def trained(over=True):
        run = project.folder / 'runs' / new_run(project, 'quick')
        shutil.copy(project.folder / 'labels.csv', run)
        (run / 'config.json').write_text('{}')
        parent = project.parent and str(project.parent)
        (run / 'origin.json').write_text(json.dumps({'parent': parent}))
        if over:
            data = weights + b' ' * int(run.name[:4])
            header = int.from_bytes(weights[:8], 'little')
            data = (
                (header + int(run.name[:4])).to_bytes(8, 'little')
                + weights[8 : 8 + header]
                + b' ' * int(run.name[:4])
                + weights[8 + header :]
            )
            write_folder(run / 'model', card, data)
            (run / 'comparison.json').write_text(
                comparison_to_json(COMPARISON)
            )
        return run

    return trained


def test_a_run_is_unfinished_then_a_candidate_then_gone(project, train):
    cut, over = train(over=False), train()
    assert unfinished_runs(project) == (cut,)
    assert candidates(project) == (over,)
    assert read_comparison(over) == COMPARISON
    with pytest.raises(BadInputError, match='not over'):
        read_comparison(cut)
    discard(project, cut)
    discard(project, over)
    assert list((project.folder / 'runs').iterdir()) == []
    with pytest.raises(BadInputError, match='no training'):
        discard(project, project.folder)


def test_a_kept_model_is_used_and_knows_where_it_comes_from(project, train):
    first = keep(project, train(), 'Meine Drüsen', COMPARISON)
    assert first.path.name == '0001-Meine-Drusen'
    assert project.parent == first.path
    second = keep(project, train(), 'second', COMPARISON)
    assert second.parent_hash == first.hash != second.hash
    assert second.figures.f1_foreground == 80.0
    assert second.labels_used == sum(
        project.split_of(item) == 'train' for item in project.labelled()
    )
    assert read_folder(second.path).card.name == 'second'
    assert candidates(project) == ()
    with Project.open(project.folder, read_only=True) as again:
        assert versions(again) == (first, second)
        assert current_version(again) == second


def test_going_back_is_one_step_and_loses_nothing(project, train):
    first = keep(project, train(), 'first', COMPARISON)
    second = keep(project, train(), 'second', COMPARISON)
    roll_back(project, first)
    assert current_version(project) == first
    third = keep(project, train(), 'third', COMPARISON)
    (root,) = tree(versions(project))
    assert root.version == first
    assert [node.version for node in root.children] == [second, third]


def test_numbers_are_not_given_twice(project, train):
    version = keep(project, train(), 'first', COMPARISON)
    assert new_run(project, 'full') == f'{version.number + 1:04}-full'


@pytest.mark.parametrize('moment', ['rename', 'settings', 'rmtree'])
def test_a_kill_while_keeping_keeps_the_run_or_the_version(
    moment, project, train, monkeypatch
):
    class Killed(BaseException):
        pass

    def killed(*args, **kwargs):
        raise Killed

    run = train()
    owner, name = {
        'rename': (Path, 'rename'),
        'settings': (Project, 'change_settings'),
        'rmtree': (shutil, 'rmtree'),
    }[moment]
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, killed)
        with pytest.raises(Killed):
            keep(project, run, 'mine', COMPARISON)
    if moment == 'settings':
        assert project.settings.current_version is None
    if candidates(project):
        keep(project, run, 'mine', COMPARISON)
    (version,) = versions(project)
    assert candidates(project) == ()
    assert version.name == 'mine'


def test_damaged_weights_are_not_kept(project, train):
    run = train()
    weights = run / 'model' / 'model.safetensors'
    weights.write_bytes(weights.read_bytes()[:-1] + b'x')
    with pytest.raises(BadInputError, match='changed or damaged'):
        keep(project, run, 'mine', COMPARISON)
    assert versions(project) == ()
    assert candidates(project) == (run,)


def test_a_moved_project_finds_its_models(project, train, tmp_path):
    keep(project, train(), 'first', COMPARISON)
    project.close()
    moved = tmp_path / 'moved'
    project.folder.rename(moved)
    with Project.open(moved) as again:
        assert again.parent == moved / 'models' / '0001-first'
        assert current_version(again).name == 'first'


@pytest.mark.parametrize(
    ('name', 'plain'),
    [
        ('Drüsen, Stufe 2', 'Drusen-Stufe-2'),
        ('../../etc', 'etc'),
        ('腺', 'model'),
    ],
)
def test_a_name_is_made_fit_for_a_folder(name, plain):
    assert plain_name(name) == plain


def test_versions_with_the_same_weights_have_their_places(project, train):
    """Where nothing was learned, a version weighs what its parent does."""
    first = keep(project, train(), 'first', COMPARISON)
    same = replace(first, number=2, parent_hash=first.hash)
    last = replace(first, number=3, hash='other', parent_hash=first.hash)
    (root,) = tree((last, same, first))
    assert root.version == first
    (child,) = root.children
    assert child.version == same
    assert [node.version for node in child.children] == [last]
