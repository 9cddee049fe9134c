"""The parts of a slide that several processes share.

What is left to be done then, ``slide_work.run_slide`` does.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from napari_wsol.cohorts.results import Results
from napari_wsol.cohorts.slide_work import are_finished, model_of
from napari_wsol.cohorts.task import SlideTask
from napari_wsol.inference.grid import Block
from napari_wsol.inference.settings import Progress

if TYPE_CHECKING:
    from napari_wsol.inference.job import Job


def share_slide(task: SlideTask) -> dict[Block, float]:
    """Make a slide ready to be shared, as ``inference.sharing.share_out``.

    No other process may be at work on it.

    Returns
    -------
    dict
        Blocks -> their megapixels; empty where one process is to do all that
        is missing.
    """
    from napari_wsol.inference.sharing import share_out

    results = Results(task.folder, task.name)
    with _job(task) as job:
        if are_finished(job.slide, job.model, results, task.settings):
            return {}
        results.clear()
        return share_out(job, threads=task.threads)


def run_slide_block(
    task: SlideTask,
    block: Block,
    cancelled: Callable[[], bool] = lambda: False,
) -> Generator[Progress, None, None]:
    """Compute a block, as ``inference.sharing.run_block``."""
    from napari_wsol.inference.sharing import run_block

    with (
        _job(task) as job,
        closing(
            run_block(job, block, cancelled=cancelled, threads=task.threads)
        ) as steps,
    ):
        yield from steps


@contextmanager
def _job(task: SlideTask) -> Iterator[Job]:
    from napari_wsol.inference.job import make_job
    from napari_wsol.slides.opening import open_slide

    store = Results(task.folder, task.name).store
    with closing(open_slide(task.image, task.pixel_size)) as slide:
        yield make_job(slide, model_of(task), store, task.settings, None)
