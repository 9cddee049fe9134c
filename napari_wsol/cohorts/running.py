"""A cohort in this process, one slide after the other."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing

from napari_wsol.cohorts.slide_work import run_slide
from napari_wsol.cohorts.task import Event, SlideTask, Told

Events = Generator[Event, None, None]


def run_here(tasks: Iterable[SlideTask]) -> Events:
    """Run slides; closing the generator stops within one batch.

    Yields
    ------
    Event
        How far the slide in hand is; a report when it ends, however.
    """
    for task in tasks:
        with closing(run_slide(task)) as steps:
            while True:
                try:
                    progress = next(steps)
                except StopIteration as end:
                    yield end.value
                    break
                yield Told(task.name, '', progress)
