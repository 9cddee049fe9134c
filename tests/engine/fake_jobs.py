"""Small jobs that an engine under test can do."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from napari_wsol.engine.messages import (
    ChunkDone,
    Finished,
    Progress,
    TrainingProgress,
    TrainRequest,
)
from napari_wsol.engine.server import JobContext, JobEvents, JobRegistry
from napari_wsol.errors import BadInputError
from napari_wsol.slides.geometry import Box


@dataclass(frozen=True)
class Fake:
    """Do what is called ``kind``."""

    job: int
    kind: str
    argument: str = ''


def count(request: Fake, context: JobContext) -> JobEvents:
    """As many steps as the argument says, 20 ms each."""
    steps = int(request.argument)
    for step in range(1, steps + 1):
        time.sleep(0.02)
        yield Progress(step, steps, 'steps', 50.0, (steps - step) / 50)
        yield ChunkDone(Box(step, 0, 1, 1))
    return Finished(request.job, request.argument)


def wait(request: Fake, context: JobContext) -> JobEvents:
    """Until cancelled."""
    while True:
        time.sleep(0.02)
        yield Progress(0, 1, 'waits', 0.0, 1.0)


def hang(request: Fake, context: JobContext) -> JobEvents:
    """Whatever one says, with the argument's file made first."""
    yield Progress(0, 1, 'hangs', 0.0, 1.0)
    child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=-1)
    Path(request.argument).write_text(str(child.pid))
    while True:
        time.sleep(1)


def crash(request: Fake, context: JobContext) -> JobEvents:
    """With the signal named by the argument, in the middle of the job."""
    yield ChunkDone(Box(0, 0, 1, 1))
    print('about to crash', file=sys.stderr)
    if request.argument == 'segfault':
        ctypes.string_at(0)
    os.kill(os.getpid(), int(request.argument))


def refuse(request: Fake, context: JobContext) -> JobEvents:
    """Because of the user's input."""
    yield Progress(0, 1, 'tries', 0.0, 1.0)
    raise BadInputError('The image "a.png" is empty. Choose another one.')


def bug(request: Fake, context: JobContext) -> JobEvents:
    """Something nobody thought of."""
    yield Progress(0, 1, 'tries', 0.0, 1.0)
    raise ZeroDivisionError('a bug')


def lacks(request: Fake, context: JobContext) -> JobEvents:
    """A library."""
    yield from ()
    import no_such_library

    return Finished(request.job, no_such_library)


def unreadable(request: Fake, context: JobContext) -> JobEvents:
    """A result that cannot travel."""
    yield Progress(0, 1, 'tries', 0.0, 1.0)
    return Finished(request.job, lambda: None)


def facts(request: Fake, context: JobContext) -> JobEvents:
    """About the process: niceness, threads, process number, torch or not."""
    yield from ()
    priority = os.nice(0) if hasattr(os, 'nice') else None
    return Finished(
        request.job,
        {
            'niceness': priority,
            'threads': context.threads,
            'pid': os.getpid(),
            'torch': 'torch' in sys.modules,
            'trim': os.environ.get('MALLOC_TRIM_THRESHOLD_'),
            'waiting': os.environ.get('OMP_WAIT_POLICY'),
        },
    )


def blocks(request: Fake, context: JobContext) -> JobEvents:
    """Read a rectangle ``key;level;y;x;height;width`` of a viewer image."""
    yield from ()
    key, *numbers = request.argument.split(';')
    pixels = context.blocks.read(key, *map(int, numbers))
    return Finished(request.job, (pixels.shape, pixels.tobytes()))


def train(request: TrainRequest, context: JobContext) -> JobEvents:
    """An epoch of ten steps a second, until told to finish."""
    steering, epoch = context.steering, 0
    while not steering.finishing:
        epoch += 1
        for step in range(1, 11):
            time.sleep(0.01)
            steering.hold()
            yield TrainingProgress(
                'fake', 1, 1, epoch, 99, step, 10, 100.0, 9.0
            )
    return Finished(request.job, {'epochs': epoch, 'pid': os.getpid()})


def do(request: Fake, context: JobContext) -> JobEvents:
    """Find the job of a request by its name."""
    job: Callable[[Fake, JobContext], JobEvents] = globals()[request.kind]
    return (yield from job(request, context))


def warm_up(threads: int) -> None:
    """Nothing to do."""


def break_down(threads: int) -> None:
    """Like an engine that cannot start."""
    print('cannot start', file=sys.stderr)
    sys.exit(3)


JOBS = JobRegistry({Fake: do, TrainRequest: train}, warm_up)
BROKEN = JobRegistry({Fake: do}, break_down)
