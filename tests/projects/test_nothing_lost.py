"""Kills, full disks and damaged files: every label is there afterwards."""

import errno
import multiprocessing
import os
import random
import time
from pathlib import Path

import pytest
from labelling import label_on, step, told

from napari_wsol.errors import DamagedFileError, WsolError
from napari_wsol.projects.project import Project
from napari_wsol.projects.store import restore
from napari_wsol.slides.geometry import Box

KILLS = 10


class Killed(BaseException):
    """Ends a call in its midst, as nothing in the program expects."""


class Disk:
    """Counts what is asked of the disk, and fails the n-th time.

    Nothing is synchronized: that is slow, and a killed process loses nothing
    by it.
    """

    def __init__(self, monkeypatch):
        self.left, self.error, self.lasting = None, None, False
        for owner, name in (
            (os, 'fsync'),
            (os, 'link'),
            (Path, 'replace'),
            (Path, 'open'),
            (Path, 'write_text'),
        ):
            monkeypatch.setattr(owner, name, self._guarded(owner, name))

    def fail(self, left, error, lasting=False):
        self.left, self.error, self.lasting = left, error, lasting

    def heal(self):
        self.left = None

    def _guarded(self, owner, name):
        real = getattr(owner, name)

        def guarded(*args, **kwargs):
            if self.left is not None:
                self.left -= 1
                if self.left == 0 or (self.left < 0 and self.lasting):
                    raise self.error
            return None if name == 'fsync' else real(*args, **kwargs)

        return guarded


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


def labelled(project, images):
    """A project that has seen a little of everything."""
    rng = random.Random(1)
    keys = project.add_images(images[:6])
    project.set_label(keys[:3], 'benign')
    project.set_label(keys[3:], 'malignant')
    for _ in range(10):
        step(project, images, rng)
    project.undo()
    return project


def abandoned(project):
    """Leave a project as a killed process does, but for its number."""
    (project.folder / 'project.lock').unlink()
    return project.folder


def neighbours(project):
    """What a project says, one step back, and one step forward."""
    found = [told(project)]
    if project.undo():
        found.append(told(project))
        project.redo()
    if project.redo():
        found.append(told(project))
        project.undo()
    return found


ACTIONS = {
    'label': lambda p, images: p.set_label(list(p.items)[:4], 'background'),
    'unlabel': lambda p, images: p.set_label(list(p.items)[:4], None),
    'field': lambda p, images: p.add_field(
        images[-1], Box(1, 1, 5, 5), 'background', mpp=1
    ),
    'remove': lambda p, images: p.remove(list(p.items)[:2]),
    'undo': lambda p, images: p.undo(),
    'redo': lambda p, images: p.redo(),
    'class': lambda p, images: p.rename_class('background', 'stroma'),
}


@pytest.mark.parametrize('action', ACTIONS)
def test_a_kill_in_the_midst_of_a_step_leaves_it_done_or_not(
    action, project, images, disk
):
    """Killed at each single moment at which it asks something of the disk."""
    labelled(project, images)
    for moment in range(1, 100):
        before = told(project)
        disk.fail(moment, Killed())
        try:
            ACTIONS[action](project, images)
        except Killed:
            disk.heal()
        else:
            disk.heal()
            break
        project = Project.open(abandoned(project))
        assert before in neighbours(project)
        assert project.remarks == ()
        while told(project) != before:
            project.undo() if action != 'undo' else project.redo()
    assert moment > 8
    project.close()


@pytest.mark.parametrize('lasting', [False, True], ids=['once', 'lasting'])
@pytest.mark.parametrize('action', ACTIONS)
def test_a_full_disk_leaves_a_step_undone(
    action, lasting, project, images, disk
):
    labelled(project, images)
    before, fault = told(project), OSError(errno.ENOSPC, 'no space', 'x')
    for moment in range(1, 100):
        disk.fail(moment, fault, lasting)
        try:
            ACTIONS[action](project, images)
        except WsolError as error:
            said = str(error)
        else:
            break
        finally:
            disk.heal()
        assert 'could not be saved' in said
        assert told(project) == before
        project = Project.open(abandoned(project))
        if told(project) != before:
            # Neither the step nor its taking back could be written.
            assert lasting
            assert before in neighbours(project)
            project.undo() if action != 'undo' else project.redo()
    assert moment > 4


@pytest.mark.skipif(
    'fork' not in multiprocessing.get_all_start_methods(),
    reason='needs processes that start at once',
)
def test_killed_while_labelling_every_label_is_there(
    project, images, tmp_path
):
    project.add_images(images)
    folder, rng = project.folder, random.Random()
    diary = tmp_path / 'diary'
    project.close()
    for number in range(KILLS):
        seed = rng.randrange(1000)
        process = multiprocessing.get_context('fork').Process(
            target=label_on, args=(folder, diary, seed)
        )
        diary.unlink(missing_ok=True)
        process.start()
        while not diary.exists() or not diary.read_bytes():
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.2))
        process.kill()
        process.join()
        last = diary.read_text('utf-8').rpartition('\n')[0].splitlines()[-1]
        with Project.open(folder) as again:
            assert last in neighbours(again), f'kill {number}, seed {seed}'
            assert again.remarks == ()


@pytest.mark.parametrize(
    'damage',
    [
        lambda data: data[: len(data) * 2 // 3],
        lambda data: data[:-12],
        lambda data: b'',
        lambda data: b'\0' * len(data),
        lambda data: data.replace(b',', b';'),
        lambda data: b'\xff\xfe' + data,
    ],
    ids=['torn', 'cut', 'empty', 'zeros', 'semicolons', 'no text'],
)
@pytest.mark.parametrize('name', ['labels.csv', 'images.csv', 'project.json'])
def test_a_damaged_file_is_named_and_its_copy_brings_all_back(
    name, damage, project, images
):
    labelled(project, images)
    project.set_label(list(project.items)[:2], None)
    before = told(project)
    project.close()
    path = project.folder / name
    path.write_bytes(damage(path.read_bytes()))
    if name == 'project.json' and b';' in path.read_bytes():
        path.write_text('{"name": ;}')
    broken = path.read_bytes()
    with pytest.raises(DamagedFileError, match=name) as caught:
        Project.open(project.folder)
    assert path.read_bytes() == broken
    assert caught.value.backup == path.with_name(f'{name}.bak')
    aside = restore(caught.value)
    assert aside.read_bytes() == broken
    with Project.open(project.folder) as again:
        assert told(again) == before


def test_a_missing_file_is_named(project, images):
    labelled(project, images)
    before = told(project)
    project.close()
    (project.folder / 'labels.csv').unlink()
    with pytest.raises(DamagedFileError, match='missing') as caught:
        Project.open(project.folder)
    assert restore(caught.value) is None
    with Project.open(project.folder) as again:
        assert told(again) == before


def test_a_damaged_history_costs_no_label(project, images):
    labelled(project, images)
    before = told(project)
    project.close()
    path = project.folder / 'history.jsonl'
    lines = path.read_text('utf-8').splitlines(keepends=True)
    lines[3] = lines[3][:20] + '\n'
    path.write_text(''.join(lines), 'utf-8')
    with Project.open(project.folder) as again:
        assert told(again) == before
        assert 'history.jsonl.damaged' in again.remarks[0]
        assert path.with_name('history.jsonl.damaged').exists()
        again.set_label(list(again.items)[:1], 'background')
        after = told(again)
    with Project.open(project.folder) as again:
        assert told(again) == after
        assert again.remarks == ()


def test_labels_that_vanished_are_missed(project, images):
    keys = project.add_images(images)
    project.set_label(keys, 'benign')
    project.close()
    path = project.folder / 'labels.csv'
    lines = path.read_text('utf-8').splitlines(keepends=True)
    path.write_text(''.join(lines[:-3]), 'utf-8')
    with Project.open(project.folder) as again:
        assert 'holds 9 labels; it held 12' in again.remarks[0]


def test_what_another_program_wrote_meanwhile_is_kept(project, images):
    keys = project.add_images(images)
    project.set_label(keys[:2], 'benign')
    path = project.folder / 'labels.csv'
    path.write_text('by hand', 'utf-8')
    project.set_label(keys[2:], 'malignant')
    assert path.with_name('labels.csv.edited').read_text() == 'by hand'
    project.close()
    with Project.open(project.folder) as again:
        assert len(again.labelled()) == len(keys)


def test_a_project_of_a_newer_version_is_left_alone(project):
    project.close()
    path = project.folder / 'project.json'
    text = path.read_text().replace(
        '"format_version": 1', '"format_version": 2'
    )
    path.write_text(text)
    with pytest.raises(WsolError, match='newer napari-wsol'):
        Project.open(project.folder)
    assert path.read_text() == text
    assert not (project.folder / 'project.lock').exists()
