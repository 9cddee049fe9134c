"""The runs of a project: started, cut short, or done and waiting."""

from __future__ import annotations

import contextlib
import re
import shutil
import uuid
from pathlib import Path

from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.models.folder import CARD
from napari_wsol.projects.files import KeptFile
from napari_wsol.projects.project import Project
from napari_wsol.projects.store import RUNS
from napari_wsol.projects.verdict import Comparison, comparison_from_json
from napari_wsol.training.recipes import Speed

__all__ = [
    'COMPARISON',
    'MODEL',
    'MODELS',
    'ORIGIN',
    'RUNS',
    'STATED',
    'candidates',
    'discard',
    'new_run',
    'number_of',
    'read_comparison',
    'unfinished_runs',
]

MODELS = 'models'

STATED = 'config.json'
"""In a run that has begun: its settings."""

ORIGIN = 'origin.json'
"""In a run: the model that it started from."""

COMPARISON = 'comparison.json'
"""In a run that is over: old model against new."""

MODEL = 'model'
"""In a run that is over: the candidate."""

_NUMBER = re.compile(r'(\d{4,})-')


def new_run(project: Project, speed: Speed) -> str:
    """Make an empty run folder; give its name, as in ``0003-quick``.

    From now on, groups stay on their side of the split.

    Raises
    ------
    WsolError
        Where it cannot be made.
    """
    runs = project.folder / RUNS
    try:
        runs.mkdir(exist_ok=True)
        while True:
            run = runs / f'{_next_number(project):04}-{speed}'
            with contextlib.suppress(FileExistsError):
                run.mkdir()
                return run.name
    except OSError as error:
        raise WsolError(
            f'No training can be started in "{runs}": '
            f'{error.strerror or error}.'
        ) from error


def number_of(folder: Path) -> int | None:
    """The number at the beginning of a run's or version's name."""
    found = _NUMBER.match(folder.name)
    return int(found[1]) if found else None


def unfinished_runs(project: Project) -> tuple[Path, ...]:
    """Runs that were cut short: to be gone on with, or discarded."""
    return tuple(
        run
        for run in _runs(project)
        if (run / STATED).is_file() and not _is_over(run)
    )


def candidates(project: Project) -> tuple[Path, ...]:
    """Runs whose model waits to be kept or discarded."""
    return tuple(run for run in _runs(project) if _is_over(run))


def read_comparison(run: Path) -> Comparison:
    """How the model of a run does.

    Raises
    ------
    BadInputError
        Where the run is not over, or the file is damaged.
    """
    file = KeptFile(run / COMPARISON)
    if not file.path.is_file():
        raise BadInputError(
            f'The training "{run.name}" is not over: go on with it first.'
        )
    try:
        return comparison_from_json(file.read())
    except ValueError as error:
        raise file.damaged('it holds no comparison') from error


def discard(project: Project, run: Path) -> None:
    """Throw a run away, its model with it; nothing of it stays.

    Raises
    ------
    BadInputError
        Where it is no run of the project.
    WsolError
        Where it cannot be removed.
    """
    if run.parent != project.folder / RUNS or number_of(run) is None:
        raise BadInputError(f'"{run}" is no training of this project.')
    try:
        if run.exists():
            # Gone in one move, whatever happens while files are removed.
            run.rename(run.with_name(f'.{run.name}.{uuid.uuid4().hex}'))
        for path in (project.folder / RUNS).glob('.*'):
            shutil.rmtree(path, ignore_errors=True)
    except OSError as error:
        raise WsolError(
            f'The training "{run.name}" cannot be removed: '
            f'{error.strerror or error}.'
        ) from error


def _runs(project: Project) -> list[Path]:
    folder = project.folder / RUNS
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_dir() and number_of(path) is not None
    )


def _is_over(run: Path) -> bool:
    return (run / COMPARISON).is_file() and (run / MODEL / CARD).is_file()


def _next_number(project: Project) -> int:
    """One more than any run or version has had."""
    taken = [
        number
        for name in (RUNS, MODELS)
        if (folder := project.folder / name).is_dir()
        for path in folder.iterdir()
        if (number := number_of(path)) is not None
    ]
    return max(taken, default=0) + 1
