"""What the program says: results to stdout, the rest to stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_ERRORS = Console(stderr=True, highlight=False)


class Bar(Protocol):
    """A progress bar that is told how far things are."""

    def __call__(self, done: float, total: float, words: str) -> None:
        """Show ``done`` of ``total``, and what is being done."""


def complain(message: str) -> None:
    """A line on stderr about what went wrong; more where faults are listed."""
    _ERRORS.print(message, style='red', markup=False, soft_wrap=True)


def remark(message: str) -> None:
    """One line on stderr about how things go."""
    _ERRORS.print(message, markup=False, soft_wrap=True)


@contextmanager
def progress_bar(title: str) -> Iterator[Bar]:
    """A bar on stderr while something runs; nothing where that is a file."""
    with Progress(
        TextColumn('{task.description}', markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn('{task.fields[words]}', markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        console=_ERRORS,
        transient=True,
        disable=not _ERRORS.is_terminal,
    ) as progress:
        task = progress.add_task(title, total=None, words='')

        def show(done: float, total: float, words: str) -> None:
            progress.update(task, completed=done, total=total, words=words)

        yield show
