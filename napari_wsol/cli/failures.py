"""What an error means to the person at the terminal, and to a script."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from napari_wsol.cli.console import complain
from napari_wsol.errors import BadInputError, WsolError

FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130

UsageError = typer.BadParameter.__base__

_LOG = logging.getLogger(__name__)


@contextmanager
def technical_details(shown: bool) -> Iterator[None]:
    """Let ``report`` print tracebacks inside, where they are to be shown."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter('%(message)s'))
    if shown:
        _LOG.addHandler(handler)
    _LOG.setLevel(logging.DEBUG if shown else logging.NOTSET)
    try:
        yield
    finally:
        _LOG.removeHandler(handler)


def report(error: Exception, place: str = '', advice: str = '') -> int:
    """Say on one line of stderr what happened, and give the exit code.

    Parameters
    ----------
    error
        What happened.
    place
        The image it happened to, where there are several.
    advice
        What this command has to say besides.
    """
    _LOG.debug('Technical details:', exc_info=error)
    message, code = _words(error)
    words = f'{message} {advice}'.rstrip()
    complain(f'{place}: {words}' if place else words)
    return code


def _words(error: Exception) -> tuple[str, int]:
    """The message, and the exit code."""
    if UsageError is not None and isinstance(error, UsageError):
        message = error.format_message()  # type: ignore[attr-defined]
        return f'{message} (--help shows how)', BAD_INPUT
    if isinstance(error, BadInputError):
        return str(error), BAD_INPUT
    if isinstance(error, WsolError):
        return str(error), FAILED
    if isinstance(error, OSError):
        where = f' ("{error.filename}")' if error.filename else ''
        if error.errno == errno.ENOSPC:
            return f'The disk is full{where}: make room, run again.', FAILED
        return f'{error.strerror or error}{where}.', FAILED
    what = f'{type(error).__name__}: {" ".join(str(error).split())}'
    return (
        f'Something unexpected happened ({what}). Run the command again with '
        '--debug and report what it prints.'
    ), FAILED
