"""A slide on a worker of Dask.

This runs on the worker's machine; what it gives back travels to the client.
"""

from __future__ import annotations

import pickle
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace

from dask.system import CPU_COUNT
from distributed import Event, Lock, Worker, get_worker

from napari_wsol import __version__
from napari_wsol.cohorts.slide_work import failed, run_slide
from napari_wsol.cohorts.summary import TABLE
from napari_wsol.cohorts.task import SlideReport, SlideRow, SlideTask
from napari_wsol.errors import CancelledError, WsolError
from napari_wsol.inference.settings import Progress

TELL_SECONDS = 0.5
"""Between two reports of progress, and two questions whether to stop."""

BEGUN = Progress(0.0, 0.0, 'MP', 0.0, float('inf'))

_one_at_a_time = threading.Lock()
"""Slides share the computing threads of their process."""


def work(task: SlideTask, topic: str, *, shared: bool) -> SlideReport:
    """Run a slide, as ``slide_work.run_slide``.

    Parameters
    ----------
    topic
        Under which progress is told; also names the event that stops it.
    shared
        Whether others may run the same slide on this scheduler: an earlier
        call that was stopped, or is still at work. They are waited for.
    """
    worker = get_worker()
    name = name_of(worker)
    try:
        require_alike(task, name)
    except WsolError as error:
        return replace(failed(task, error), worker=name)
    with ExitStack() as held:
        held.enter_context(_one_at_a_time)
        if shared:
            place = task.folder / task.name
            held.enter_context(Lock(f'napari-wsol {place}'))
        report = _run(task, worker, topic)
    return replace(portable(report), worker=name)


def _run(task: SlideTask, worker: Worker, topic: str) -> SlideReport:
    if task.threads is None:
        task = replace(task, threads=CPU_COUNT)
    told = float('-inf')

    def tell(progress: Progress) -> None:
        worker.log_event(
            topic,
            {
                'name': task.name,
                'on': name_of(worker),  # "worker" is its address
                'progress': asdict(progress),
                'begins': progress is BEGUN,
            },
        )

    tell(BEGUN)
    steps = run_slide(task, cancelled=_now_and_then(Event(topic).is_set))
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            report: SlideReport = end.value
            return report
        except CancelledError:  # an error would have Dask try again
            return SlideReport(SlideRow(task.name, task.image.name))
        if time.monotonic() - told > TELL_SECONDS:
            tell(progress)
            told = time.monotonic()


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
