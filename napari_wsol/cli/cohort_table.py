"""How a cohort goes on: a table on the terminal, a line per slide else."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table

from napari_wsol.cohorts.task import Event, SlideReport, Told
from napari_wsol.inference.settings import Progress

ENDED_SHOWN = 5
ROWS_KEPT_FREE = 8
"""Lines of the terminal that the table leaves to other words."""


@dataclass
class _Slide:
    words: str = 'waiting'
    worker: str = ''
    progress: Progress | None = None


@dataclass
class CohortTable:
    """What runs, and the last slides that ended; any number may wait."""

    names: Sequence[str]
    console: Console
    _slides: dict[str, _Slide] = field(default_factory=dict)
    _ended: int = 0

    def show(self, event: Event) -> None:
        """Take in what happened."""
        match event:
            case Told(name, worker, progress):
                self._slides.pop(name, None)
                words = progress.message or 'running'
                self._slides[name] = _Slide(words, worker, progress)
            case SlideReport(row, worker, skipped):
                before = self._slides.pop(row.name, _Slide())
                words = 'done before' if skipped else row.state
                self._slides[row.name] = _Slide(words, worker or before.worker)
                self._ended += 1
                self._forget()

    def __rich__(self) -> Table:
        """The table as it is now."""
        waiting = len(self.names) - len(self._running) - self._ended
        table = Table(
            caption=f'{self._ended} of {len(self.names)} slides have ended, '
            f'{waiting} wait',
            caption_justify='left',
        )
        for title in ('slide', 'state'):
            table.add_column(title, overflow='ellipsis', no_wrap=True)
        for title in ('done', 'rate', 'left'):
            table.add_column(title, justify='right', no_wrap=True)
        table.add_column('worker', overflow='ellipsis', no_wrap=True)
        room = max(1, self.console.height - ROWS_KEPT_FREE)
        for name, slide in list(self._slides.items())[-room:]:
            table.add_row(name, slide.words, *_pace(slide), slide.worker)
        return table

    @property
    def _running(self) -> list[str]:
        return [name for name, each in self._slides.items() if each.progress]

    def _forget(self) -> None:
        """Leave out slides that ended long ago."""
        ended = [
            name for name, each in self._slides.items() if not each.progress
        ]
        for name in ended[:-ENDED_SHOWN]:
            del self._slides[name]


@contextmanager
def cohort_table(names: Sequence[str]) -> Iterator[CohortTable]:
    """A table on stderr while slides run; nothing where that is a file."""
    console = Console(stderr=True, highlight=False)
    table = CohortTable(names, console)
    if not console.is_terminal:
        yield table
        return
    with Live(
        get_renderable=table.__rich__,
        console=console,
        transient=True,
        refresh_per_second=4,
        redirect_stdout=sys.stdout.isatty(),
    ):
        yield table


def _pace(slide: _Slide) -> tuple[str, str, str]:
    """Done, rate and time left in words."""
    progress = slide.progress
    if progress is None or not progress.total:
        return '', '', ''
    seconds = min(progress.seconds_left, 99 * 3600)
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return (
        f'{progress.done:.1f} / {progress.total:.1f} {progress.unit}',
        f'{progress.rate:.1f} {progress.unit}/s',
        f'{hours}:{minute:02}:{second:02}',
    )
