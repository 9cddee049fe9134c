"""``napari-wsol train PROJECT``: the training that the viewer does, too."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from napari_wsol.cli.console import progress_bar, remark
from napari_wsol.errors import BadInputError, ProjectInUseError
from napari_wsol.inference.settings import Progress
from napari_wsol.projects.checks import obstacles
from napari_wsol.projects.lineage import keep
from napari_wsol.projects.project import Project
from napari_wsol.projects.recipe import config_of
from napari_wsol.projects.runs import (
    RUNS,
    discard,
    new_run,
    unfinished_runs,
)
from napari_wsol.projects.verdict import Comparison, verdict
from napari_wsol.training.recipes import Speed
from napari_wsol.training.reports import (
    EpochFigures,
    TrainingProgress,
    TrainingRemark,
)


def train_project(
    folder: Path,
    speed: Speed,
    stated: Mapping[str, Any],
    *,
    resume: bool = False,
    name: str | None = None,
) -> None:
    """Train in a project, compare, and keep the model where it is asked for.

    Parameters
    ----------
    stated
        Settings of the training that the user gave.
    resume
        Go on with the last run that was cut short, as it was started.
    name
        Keep the model under this name, unless it is worse than the one
        before.

    Raises
    ------
    BadInputError
        Where something stands in the way of a training.
    """
    # Whatever a kill left half done is carried out by whoever may write.
    with contextlib.suppress(ProjectInUseError):
        Project.open(folder).close()
    project = Project.open(folder, read_only=True)
    for words in project.remarks:
        remark(words)
    if resume:
        run, settings = _last_unfinished(project), None
    else:
        _require_no_obstacles(project, speed)
        settings = config_of(project, speed, stated)
        run = new_run(project, speed)
    path = project.folder / RUNS / run
    try:
        comparison = _teach(project, run, settings)
    except KeyboardInterrupt:
        remark(
            'Finished epochs are kept: run the command with --resume to go '
            'on, or discard the training in the viewer.'
        )
        raise
    except Exception:
        if not any(path.glob('*/last.pt')):  # nothing to go on with
            discard(project, path)
        raise
    judged = verdict(comparison)
    typer.echo(judged.text)
    if name is None:
        typer.echo(
            f'The model is in {path / "model"}; keep or discard it in the '
            'viewer, or train with --keep NAME.'
        )
    elif judged.kind == 'worse':
        typer.echo(
            f'It was not kept: look at it in the viewer. It is in '
            f'{path / "model"}.'
        )
    else:
        with Project.open(folder) as writable:
            version = keep(writable, path, name, comparison)
        typer.echo(f'The model is kept in {version.path}')


def _last_unfinished(project: Project) -> str:
    runs = unfinished_runs(project)
    if not runs:
        raise BadInputError(
            f'No training of the project "{project.settings.name}" was cut '
            'short. Leave out --resume to start one.'
        )
    return runs[-1].name


def _require_no_obstacles(project: Project, speed: Speed) -> None:
    found = obstacles(project, speed)
    stops = [f'{o.text} {o.fix}' for o in found if o.kind == 'stop']
    if stops:
        raise BadInputError(' '.join(stops))
    for obstacle in found:
        remark(f'{obstacle.text} {obstacle.fix}')


def _teach(project: Project, run: str, settings: Any) -> Comparison:
    """Train and say how it goes, an epoch a line."""
    from napari_wsol.training.teaching import teach

    events = teach(project, run, settings)
    with progress_bar('training') as show:
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                comparison: Comparison = end.value.comparison
                return comparison
            match event:
                case TrainingProgress():
                    show(
                        event.epoch - 1 + event.step / event.steps,
                        event.epochs,
                        f'{event.images_per_second:.1f} images/s',
                    )
                case Progress():
                    show(event.done, event.total, event.message)
                case EpochFigures():
                    figures = ', '.join(
                        f'{key} {value:.4g}' for key, value in event.figures
                    )
                    remark(
                        f'{event.stage}, epoch {event.epoch} of '
                        f'{event.epochs}: {figures}'
                    )
                case TrainingRemark():
                    remark(event.text)
