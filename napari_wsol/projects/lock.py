"""One viewer at a time changes a project."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import platform
import time
from pathlib import Path

import psutil

from napari_wsol.errors import ProjectInUseError

LOCK = 'project.lock'

_WRITING_SECONDS = 10.0
_CLOCK_SECONDS = 5.0


class ProjectLock:
    """A file that names the process which may change the project.

    Raises
    ------
    ProjectInUseError
        Where another one holds it. The lock of a process that has ended on
        this computer counts for nothing.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        self._held = False
        if not self._taken():
            holder = _holder(self._path)
            if holder is not None:
                raise ProjectInUseError(
                    f'The project "{folder.name}" is open elsewhere '
                    f'({holder}). Close it there, or open it here only to '
                    'look at. If nobody has it open, delete the file '
                    f'"{self._path}".'
                )
            self._path.unlink(missing_ok=True)
            if not self._taken():
                raise ProjectInUseError(
                    f'The project "{folder.name}" was opened elsewhere at '
                    'the same moment. Close it there and try again.'
                )

    def release(self) -> None:
        """Let others change the project."""
        if self._held:
            self._held = False
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _taken(self) -> bool:
        try:
            handle = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return False
        me = psutil.Process()
        with os.fdopen(handle, 'w', encoding='utf-8') as stream:
            json.dump(
                {
                    'computer': platform.node(),
                    'user': getpass.getuser(),
                    'process': me.pid,
                    'started': me.create_time(),
                },
                stream,
            )
        self._held = True
        return True


def _holder(path: Path) -> str | None:
    """Who holds the lock in words; None where nobody does any more."""
    try:
        told = json.loads(path.read_text('utf-8'))
        process, started = int(told['process']), float(told['started'])
        computer, user = str(told['computer']), str(told['user'])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime < _WRITING_SECONDS:
                return 'it is just being opened'
        return None
    if computer == platform.node() and not _runs(process, started):
        return None
    return f'by {user} on {computer}, process {process}'


def _runs(process: int, started: float) -> bool:
    """Whether a process still runs, and is not a later one of its number."""
    try:
        found = float(psutil.Process(process).create_time())
    except psutil.Error:
        return False
    return abs(found - started) < _CLOCK_SECONDS
