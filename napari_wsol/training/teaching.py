"""Teaching a model in a project: train, preview, compare.

The viewer's engine and the command line go through ``teach`` alike.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import shutil
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from torch.nn.modules.module import register_module_forward_pre_hook

from napari_wsol.errors import BadInputError, OutOfMemoryError, WsolError
from napari_wsol.inference.memory import is_out_of_memory
from napari_wsol.inference.settings import Progress
from napari_wsol.models.loading import load_model
from napari_wsol.projects.files import KeptFile
from napari_wsol.projects.project import Project
from napari_wsol.projects.runs import (
    COMPARISON,
    MODEL,
    ORIGIN,
    RUNS,
    STATED,
    read_comparison,
)
from napari_wsol.projects.verdict import Comparison, comparison_to_json
from napari_wsol.training.checking import check_run
from napari_wsol.training.config import TrainingConfig
from napari_wsol.training.finishing import conclude
from napari_wsol.training.loop import EpochDone, Remark, StepDone
from napari_wsol.training.previewing import Previews
from napari_wsol.training.promotion import compare
from napari_wsol.training.recipes import Stage, stages_of
from napari_wsol.training.reports import (
    EpochFigures,
    Preview,
    TrainingProgress,
    TrainingRemark,
    TrainingStep,
)
from napari_wsol.training.runner import StageDone, Training, TrainingEvent
from napari_wsol.training.splitting import training_and_validation
from napari_wsol.training.steering import Steering
from napari_wsol.training.table import PROJECT_LABELS, read_table

FEATURES = 'features'
"""In a project: of frozen encoders, for all its runs."""

FIRST_GUESS_SECONDS = 1.0
"""Of training, before which nobody can tell how long it will take."""

Telling = Generator[TrainingStep | Progress, None, None]


@dataclass(frozen=True)
class Taught:
    """How a training ended; its model lies in the run's ``model``.

    ``seconds`` leaves pauses out.
    """

    comparison: Comparison
    seconds: float


def run_folder(project: Project, run: str) -> Path:
    """Where a run lies."""
    return project.folder / RUNS / run


def has_begun(project: Project, run: str) -> bool:
    """Whether there is a run to go on with."""
    return (run_folder(project, run) / STATED).exists()


def teach(
    project: Project,
    run: str,
    config: TrainingConfig | None,
    *,
    steering: Steering | None = None,
    preview: Preview | None = None,
) -> Generator[TrainingStep | Progress, None, Taught]:
    """Train from a project's parent, and compare the two.

    Closing the generator leaves a run that can be gone on with; killing the
    process loses at most the running epoch. A run keeps a copy of the labels
    that it was started with, so that labelling may go on meanwhile.

    Parameters
    ----------
    run
        Name of its folder in ``runs``.
    config
        Of a new run; None goes on with the one that is there.
    steering
        Pauses the training within a step, finishes it after an epoch, or
        cancels it.
    preview
        Where to look after each epoch; the model does not depend on it.

    Raises
    ------
    BadInputError
        Where labels, settings or images cannot be used; before anything
        runs, as far as it can be known.
    CancelledError
        Where the steering said so.
    WsolError
        Where it cannot go on: out of memory, disk full, a loss that is no
        number.
    """
    steering = steering or Steering()
    folder = run_folder(project, run)
    began = time.perf_counter()
    with attended(steering), _in_words():
        resumes = config is None
        training = (
            _prepared(project, folder, config)
            if config is not None
            else _found_again(project, folder)
        )
        if not (resumes and (folder / MODEL).exists()):
            yield from _trained(training, folder, resumes, steering, preview)
        comparison = yield from _compared(project, training, folder)
    spent = time.perf_counter() - began - steering.seconds_paused
    return Taught(comparison, spent)


@contextmanager
def attended(steering: Steering) -> Iterator[None]:
    """Have every layer of every network wait for its turn.

    So a training rests or stops within a moment whatever it does: learning,
    validating, drawing pseudo-labels, calibrating.
    """
    hook = register_module_forward_pre_hook(lambda *_: steering.hold())
    try:
        yield
    finally:
        hook.remove()


def _prepared(
    project: Project, folder: Path, config: TrainingConfig
) -> Training:
    """A new run, its labels and its parent written down."""
    table = read_table(project.folder)
    training = Training.of(
        table, config, project.parent, project.folder / FEATURES
    )
    if folder.exists() and not (folder / STATED).exists():
        shutil.rmtree(folder)  # killed before it began
    check_run(training, folder, resume=False)
    folder.mkdir(parents=True)
    shutil.copyfile(project.folder / PROJECT_LABELS, folder / PROJECT_LABELS)
    parent = None if project.parent is None else str(project.parent)
    (folder / ORIGIN).write_text(json.dumps({'parent': parent}))
    return training


def _found_again(project: Project, folder: Path) -> Training:
    """The run that is there, as it was started."""
    try:
        stated = json.loads((folder / STATED).read_text())
        parent = json.loads((folder / ORIGIN).read_text())['parent']
        config = TrainingConfig(**stated['training'])
    except (OSError, ValueError, KeyError) as error:
        raise BadInputError(
            f'The training "{folder.name}" cannot be gone on with: it had '
            'not begun, or its files are damaged. Discard it and train again.'
        ) from error
    table = read_table(folder / PROJECT_LABELS, project.folder)
    training = Training(
        replace(table, source=project.folder),
        config,
        None if parent is None else Path(parent),
        project.folder / FEATURES,
    )
    check_run(training, folder, resume=True)
    return training


def _trained(
    training: Training,
    folder: Path,
    resumes: bool,
    steering: Steering,
    preview: Preview | None,
) -> Telling:
    """Train to the end, or to the end of the epoch in which to finish."""
    stages = [s for s in stages_of(training.config) if s.epochs]
    clock = _Clock(stages, steering)
    previews = preview and Previews(training, folder, preview)
    events = training.run(folder, resume=resumes)
    for event in events:
        steering.hold()
        if isinstance(event, StepDone):
            yield clock.progress(event)
            continue
        yield from _told(event)
        if not isinstance(event, EpochDone):
            continue
        if previews and (done := previews.after(event)):
            yield done
        if steering.finishing:
            _close(events)
            yield TrainingRemark(
                'Finished early: the best of what it has learned so far '
                'becomes the model.'
            )
            conclude(training, folder)
            return


def _close(events: Iterator[TrainingEvent]) -> None:
    if isinstance(events, Generator):
        events.close()


def _told(event: TrainingEvent) -> Iterator[TrainingStep]:
    match event:
        case EpochDone():
            figures = tuple(event.figures.items())
            yield EpochFigures(
                event.stage, event.epoch + 1, event.epochs, figures
            )
        case StageDone(stage='model'):
            return
        case StageDone() | Remark():
            text = event.message
            yield TrainingRemark(f'{text[:1].upper()}{text[1:]}.')


class _Clock:
    """Tells how far a training is, and how long it will still take."""

    def __init__(self, stages: Sequence[Stage], steering: Steering) -> None:
        self._stages, self._steering = stages, steering
        self._before = [
            sum(stage.epochs for stage in stages[:number])
            for number in range(len(stages) + 1)
        ]
        self._first: tuple[float, float] | None = None

    def progress(self, event: StepDone) -> TrainingProgress:
        """Where it is after a step."""
        names = [stage.name for stage in self._stages]
        number = names.index(event.stage)
        epochs = event.epoch + event.step / event.steps
        return TrainingProgress(
            event.stage,
            number + 1,
            len(names),
            event.epoch + 1,
            event.epochs,
            event.step,
            event.steps,
            event.images_per_second,
            self._seconds_left(self._before[number] + epochs),
        )

    def _seconds_left(self, epochs: float) -> float:
        """From the pace since the first step, pauses left out."""
        now = time.perf_counter() - self._steering.seconds_paused
        if self._first is None:
            self._first = now, epochs
        began, first = self._first
        if now - began < FIRST_GUESS_SECONDS or epochs <= first:
            return math.nan
        return (self._before[-1] - epochs) * (now - began) / (epochs - first)


def _compared(
    project: Project, training: Training, folder: Path
) -> Generator[Progress, None, Comparison]:
    """The parent against the new model, once and for all."""
    with contextlib.suppress(BadInputError):
        return read_comparison(folder)
    config = training.config
    learned, held_out = training_and_validation(
        training.table, share=config.validation_share, seed=config.seed
    )
    comparison = yield from compare(
        None if training.init is None else load_model(training.init),
        load_model(folder / MODEL),
        held_out,
        learned,
        negative_class=project.settings.negative_class,
        device=config.device,
    )
    KeptFile(folder / COMPARISON).write(comparison_to_json(comparison))
    return comparison


@contextmanager
def _in_words() -> Iterator[None]:
    """Say of memory and disk what to do about them."""
    try:
        yield
    except WsolError:
        raise
    except OSError as error:
        why = 'the disk is full' if error.errno == errno.ENOSPC else error
        raise WsolError(
            f'The training stopped: {why}. Make room or see to the disk, and '
            'go on with it; finished epochs are kept.'
        ) from error
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            'The training stopped: there is not enough memory. Close other '
            'programs and go on with it, or train again with a smaller batch '
            'or crop.'
        ) from error
