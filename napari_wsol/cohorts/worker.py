"""A slide, or a part of it, on a worker of Dask.

This runs on the worker's machine; what it gives back travels to the client.
"""

from __future__ import annotations

import pickle
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, replace

from dask.system import CPU_COUNT
from distributed import Event, Lock, Worker, get_worker

from napari_wsol import __version__
from napari_wsol.cohorts.course import Part, Shares, Stage
from napari_wsol.cohorts.results import Results
from napari_wsol.cohorts.slide_blocks import run_slide_block, share_slide
from napari_wsol.cohorts.slide_work import failed, run_slide
from napari_wsol.cohorts.summary import TABLE
from napari_wsol.cohorts.task import SlideReport, SlideRow, SlideTask
from napari_wsol.errors import CancelledError, WsolError
from napari_wsol.inference.grid import Block
from napari_wsol.inference.settings import Progress
from napari_wsol.inference.store import shared_blocks

TELL_SECONDS = 0.5
"""Between two reports of progress, and two questions whether to stop."""

BEGUN = Progress(0.0, 0.0, 'MP', 0.0, float('inf'))

_one_at_a_time = threading.Lock()
"""Parts of slides share the computing threads of their process."""


def work(
    task: SlideTask, part: Part, topic: str, *, shared: bool
) -> SlideReport | Shares | None:
    """Do a part of what is to be done with a slide.

    Parameters
    ----------
    topic
        Under which progress is told; also names the event that stops all
        slides and, with ``stop_of``, the one that stops this.
    shared
        Whether others may run the same slide on this scheduler: an earlier
        call that was stopped, or is still at work. They are waited for.

    Returns
    -------
    SlideReport, Shares, None
        How the slide ended; or, where it goes on, its blocks if it was to be
        shared out, and nothing if this was one of them.
    """
    worker = get_worker()
    done: SlideReport | Shares | None
    try:
        require_alike(task, name_of(worker))
    except WsolError as error:
        done = failed(task, error)
    else:
        with _one_at_a_time, _alone(task, part) if shared else nullcontext():
            done = _ended(task, part, worker, topic)
    if isinstance(done, SlideReport):
        return replace(portable(done), worker=name_of(worker))
    return done


def stop_of(topic: str, name: str) -> str:
    """The event that stops a slide."""
    return f'{topic} {name}'


def _ended(
    task: SlideTask, part: Part, worker: Worker, topic: str
) -> SlideReport | Shares | None:
    """What came of a part; no errors, after which Dask would try again."""
    try:
        return _do(task, part, worker, topic)
    except CancelledError:
        return SlideReport(SlideRow(task.name, task.image.name))
    except Exception as error:  # the other slides shall go on
        return failed(task, error)


def _do(
    task: SlideTask, part: Part, worker: Worker, topic: str
) -> SlideReport | Shares | None:
    if task.threads is None:
        task = replace(task, threads=CPU_COUNT)
    told, key = float('-inf'), str(worker.get_current_task())

    def tell(progress: Progress) -> None:
        worker.log_event(
            topic,
            {
                'key': key,
                'on': name_of(worker),  # "worker" is its address
                'progress': asdict(progress),
                'begins': progress is BEGUN,
            },
        )

    tell(BEGUN)
    if part is Stage.SHARE_OUT:
        return share_slide(task)
    stops = [Event(topic), Event(stop_of(topic, task.name))]
    cancelled = _now_and_then(lambda: any(stop.is_set() for stop in stops))
    steps: Generator[Progress, None, SlideReport | None]
    if isinstance(part, Block):
        steps = run_slide_block(task, part, cancelled)
    else:
        steps = run_slide(task, cancelled)
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            report: SlideReport | None = end.value
            return report
        if time.monotonic() - told > TELL_SECONDS:
            tell(progress)
            told = time.monotonic()


@contextmanager
def _alone(task: SlideTask, part: Part) -> Iterator[None]:
    """Wait for whoever else writes what a part of a slide writes.

    Blocks wait for the same block, anything else for all of the slide. Who
    works on a block waits for nobody, so that each wait has an end.
    """
    place = f'napari-wsol {task.folder / task.name}'
    with ExitStack() as held:
        if isinstance(part, Block):
            blocks: tuple[Block, ...] = (part,)
        else:
            held.enter_context(Lock(place))
            blocks = shared_blocks(Results(task.folder, task.name).store)
        for block in blocks:
            held.enter_context(Lock(f'{place} {block.row},{block.col}'))
        yield


def name_of(worker: Worker) -> str:
    """What the user calls a worker."""
    return str(worker.name).removeprefix('tcp://').removeprefix('tls://')


def require_alike(task: SlideTask, worker: str) -> None:
    """See that a worker has the same files and program as who asked.

    Raises
    ------
    WsolError
        Where it has not.
    """
    if task.version != __version__:
        raise WsolError(
            f'The worker {worker} has napari-wsol {__version__}, this is '
            f'{task.version}. Install the same version on all machines.'
        )
    for place in (task.image, task.folder / TABLE):
        if not place.exists():
            raise WsolError(
                f'The worker {worker} does not see "{place}". Images and '
                'results must lie on a file system that all machines have '
                'under the same path.'
            )


def portable(report: SlideReport) -> SlideReport:
    """A report whose error can travel, with its traceback as a note."""
    error = report.error
    if error is None:
        return report
    trace = ''.join(traceback.format_exception(error))
    try:
        error = pickle.loads(pickle.dumps(error))
        assert isinstance(error, Exception)
    except Exception:  # whatever a library puts into its errors
        error = RuntimeError(f'{type(error).__name__}: {error}')
    error.add_note(trace)
    return replace(report, error=error)


def _now_and_then(ask: Callable[[], bool]) -> Callable[[], bool]:
    """A question to the scheduler that is not asked before every batch."""
    asked = time.monotonic()

    def answer() -> bool:
        nonlocal asked
        if time.monotonic() - asked < TELL_SECONDS:
            return False
        asked = time.monotonic()
        return ask()

    return answer
