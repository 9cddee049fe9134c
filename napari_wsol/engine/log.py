"""What engines print, kept for bug reports."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

LOG_BYTES = 1_000_000
"""From this size on, a log is put aside when an engine starts."""

LOGS_KEPT = 10
LAST_WORDS_BYTES = 8_000


class EngineLog:
    """The log that one engine process of this viewer writes to.

    All engines of a viewer append to one file; the newest ``LOGS_KEPT`` files
    of all viewers are kept.

    Parameters
    ----------
    folder
        Made where missing; where it cannot be written to, the log goes to
        the folder for temporary files.

    Raises
    ------
    OSError
        Where that cannot be written to either.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._file, self.stream = _open(folder)
        except OSError:
            self._file, self.stream = _open(Path(tempfile.gettempdir()))
        self._start = self.stream.tell()

    stream: BinaryIO
    """For the process to write to; closed by who started it."""

    def last_words(self) -> str:
        """The end of what this process printed."""
        try:
            with self._file.open('rb') as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(self._start, size - LAST_WORDS_BYTES))
                return log.read().decode(errors='replace').strip()
        except OSError as error:
            return f'(its log cannot be read: {error})'

    def tidy(self) -> None:
        """Remove the log if nothing was printed."""
        with contextlib.suppress(OSError):
            if self._file.stat().st_size == 0:
                self._file.unlink()


def _open(folder: Path) -> tuple[Path, BinaryIO]:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f'engine-{os.getpid()}.log'
    with contextlib.suppress(OSError):
        if file.stat().st_size > LOG_BYTES:
            file.replace(file.with_suffix('.old.log'))
    for old in sorted(folder.glob('engine-*.log'), key=_age)[LOGS_KEPT:]:
        with contextlib.suppress(OSError):
            old.unlink()
    return file, file.open('ab')


def _age(file: Path) -> float:
    try:
        return -file.stat().st_mtime
    except OSError:
        return 0.0
