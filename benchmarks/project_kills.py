"""Kill a project's work at random moments, and see whether anything is lost.

    python benchmarks/project_kills.py --output runs/kills [--set KEY=VALUE]

A process labels images and fields of a small project of painted tissue,
trains quickly (which fills the cache of features first), compares and keeps
the model. It writes down what was done when the call had returned. Once it
works in peace; then it is killed (SIGKILL) ten times, at random moments while
it labels, caches, trains and promotes in turn. The project is opened again:
every label that was written down has to be there, and the last finished
epoch. The process goes on, and must end with the weights of the undisturbed
one, as the only version.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from made_project import MPP, NEGATIVE, made_project

from napari_wsol.projects import lineage
from napari_wsol.projects.project import Project
from napari_wsol.projects.runs import (
    candidates,
    new_run,
    read_comparison,
    unfinished_runs,
)
from napari_wsol.slides.geometry import Box

PHASES = 'labelling', 'caching', 'training', 'promotion'
DONE = 'done'
FIELD_SIDE = 48


class Diary:
    """Lines of what was done, on the disk before anything else happens."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, line: str) -> None:
        """Add a line."""
        with self.path.open('ab', 0) as stream:
            stream.write(f'{time.time()} {line}\n'.encode())
            os.fsync(stream.fileno())

    def lines(self) -> list[tuple[float, str]]:
        """Whole lines so far: when, and what."""
        if not self.path.exists():
            return []
        *whole, _ = self.path.read_text().split('\n')
        parts = (line.split(' ', 1) for line in whole)
        return [(float(when), what) for when, what in parts]

    def said(self, word: str) -> list[str]:
        """What follows a word at the beginning of lines."""
        return [
            what.removeprefix(f'{word} ')
            for _, what in self.lines()
            if what.startswith(f'{word} ')
        ]


def fields_to_label(project: Project) -> Iterator[tuple[Path, Box, str]]:
    """What the annotator will do, always the same."""
    whole = [i for i in project.items.values() if i.field is None]
    for number, item in enumerate(whole):
        for corner in itertools.product((8, 152), repeat=2):
            label = NEGATIVE if number % 3 == 0 else str(item.label)
            yield item.image, Box(*corner, FIELD_SIDE, FIELD_SIDE), label


def told(image: Path, box: Box, label: str | None) -> str:
    """A labelled field in words."""
    return f'{image.name} at {box.y:g}, {box.x:g}: {label}'


def work(folder: Path, diary: Diary, stated: list[str]) -> None:
    """Label, train, keep; go on with whatever is there."""
    from taught import settings_of

    from napari_wsol.inference.settings import Progress
    from napari_wsol.projects.recipe import config_of
    from napari_wsol.training.reports import EpochFigures
    from napari_wsol.training.teaching import run_folder, teach

    with Project.open(folder) as project:
        if project.remarks:
            diary.write(f'remark {" ".join(project.remarks)}')
        diary.write('phase labelling')
        known = {item.place for item in project.labelled()}
        for image, box, label in list(fields_to_label(project)):
            if (image, box) not in known:
                project.add_field(image, box, label, mpp=MPP)
                diary.write(f'label {told(image, box, label)}')
        versions, waiting = lineage.versions(project), candidates(project)
        if not waiting and not versions:
            config = config_of(project, 'quick', settings_of(stated))
            begun = unfinished_runs(project)
            run = begun[0].name if begun else new_run(project, 'quick')
            phases = ['promotion', 'training', 'caching']
            diary.write(f'phase {phases.pop()}')
            for event in teach(project, run, None if begun else config):
                if isinstance(event, EpochFigures):
                    diary.write(f'epoch {run} {event.stage} {event.epoch}')
                    is_cached = event.epoch >= config.cached_versions
                    if is_cached and phases[-1] == 'training':
                        diary.write(f'phase {phases.pop()}')
                elif isinstance(event, Progress) and phases == ['promotion']:
                    diary.write(f'phase {phases.pop()}')
            waiting = (run_folder(project, run),)
        for run in waiting:
            lineage.keep(project, run, 'kept', read_comparison(run))
        diary.write(f'phase {DONE}')


@dataclass(frozen=True)
class End:
    """What is there at the end."""

    labels: int
    weights: tuple[str, ...]
    in_use: bool
    runs_left: int

    @classmethod
    def of(cls, folder: Path) -> End:
        """Read from the project."""
        with Project.open(folder, read_only=True) as project:
            versions = lineage.versions(project)
            return cls(
                len(project.labelled()),
                tuple(version.hash for version in versions),
                project.parent == versions[-1].path if versions else False,
                len(candidates(project)) + len(unfinished_runs(project)),
            )


def main() -> None:
    given = _arguments()
    if given.work is not None:
        work(given.work, Diary(given.diary), given.set)
        return
    shutil.rmtree(given.output, ignore_errors=True)
    made_project(given.output / 'made').close()
    whole = given.output / 'whole'
    finish(given, whole)
    expected = End.of(whole / 'project')
    spans = spans_of(Diary(whole / 'diary.txt'))
    print(f'undisturbed: {expected}')
    print({name: round(span, 2) for name, span in spans.items()})
    if unseen := [name for name in given.phases if name not in spans]:
        raise SystemExit(
            f'Too short to be seen: {", ".join(unseen)}. Give it more epochs.'
        )
    chance = random.Random(given.chance)
    bad = 0
    phases = itertools.islice(itertools.cycle(given.phases), given.kills)
    for number, phase in enumerate(phases, 1):
        folder = given.output / f'killed-{number}'
        after = chance.uniform(0, spans[phase])
        faults = kill_and_go_on(given, folder, phase, after, expected)
        bad += bool(faults)
        outcome = '; '.join(faults) or 'nothing lost, the same end'
        print(
            f'| {number} | {phase} | {after:.2f} s | {outcome} |', flush=True
        )
    print(f'{given.kills - bad} of {given.kills} lost nothing')
    sys.exit(bool(bad))


def kill_and_go_on(
    given: argparse.Namespace,
    folder: Path,
    phase: str,
    after: float,
    expected: End,
) -> list[str]:
    """What was lost by a kill some seconds into a phase, in words."""
    process, diary = start(given, folder)
    while process.poll() is None and phase not in diary.said('phase'):
        time.sleep(0.002)
    with suppress(subprocess.TimeoutExpired):
        process.wait(after)
    process.kill()
    process.wait()
    ended = DONE in diary.said('phase')
    labels, epochs = diary.said('label'), diary.said('epoch')
    faults = missing(folder / 'project', labels, epochs)
    if not ended:
        finish(given, folder)
    again = diary.said('epoch')[len(epochs) :]
    faults += [f'did {epoch} again' for epoch in {*epochs} & {*again}]
    faults += [f'said: {words}' for words in diary.said('remark')]
    end = End.of(folder / 'project')
    if end != expected:
        faults.append(f'ANOTHER END: {end}')
    return faults


def missing(folder: Path, labels: list[str], epochs: list[str]) -> list[str]:
    """What is not there of what the diary says, in words."""
    with Project.open(folder) as project:
        there = {
            told(item.image, item.field, item.label)
            for item in project.labelled()
            if item.field is not None
        }
        is_kept = bool(lineage.versions(project))
    faults = [f'LOST the label {label}' for label in {*labels} - there]
    if epochs and not is_kept:
        run, stage, epoch = epochs[-1].split()
        figures = folder / 'runs' / run / stage / 'metrics.csv'
        lines = figures.read_text().splitlines() if figures.exists() else ['']
        if len(lines) - 1 < int(epoch):
            faults.append(f'LOST epoch {epoch} of {stage}')
    return faults


def start(
    given: argparse.Namespace, folder: Path
) -> tuple[subprocess.Popen[bytes], Diary]:
    """A process that works in a folder, a copy of what was made."""
    if not folder.exists():
        shutil.copytree(given.output / 'made', folder)
    diary = Diary(folder / 'diary.txt')
    command = [sys.executable, __file__, '--output', str(given.output)]
    command += ['--work', str(folder / 'project')]
    command += ['--diary', str(diary.path), '--set', *given.set]
    log = (folder / 'log.txt').open('ab')
    with log:
        return subprocess.Popen(command, stdout=log, stderr=log), diary


def finish(given: argparse.Namespace, folder: Path) -> None:
    """Work in a folder to the end."""
    process, _ = start(given, folder)
    if process.wait():
        sys.exit((folder / 'log.txt').read_text())


def spans_of(diary: Diary) -> dict[str, float]:
    """How long each phase takes, in seconds."""
    marks = [
        (when, text.split()[1])
        for when, text in diary.lines()
        if text.startswith('phase')
    ]
    return {
        name: later - when
        for (when, name), (later, _) in itertools.pairwise(marks)
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--output', type=Path, required=True)
    parser.add_argument('--kills', type=int, default=10)
    parser.add_argument(
        '--phases', nargs='+', choices=PHASES, default=PHASES, help='in turn'
    )
    parser.add_argument('--chance', type=int, default=0, help='its seed')
    parser.add_argument(
        '--set', nargs='*', default=[], metavar='KEY=VALUE', help='settings'
    )
    parser.add_argument('--work', type=Path, help=argparse.SUPPRESS)
    parser.add_argument('--diary', type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == '__main__':
    main()
