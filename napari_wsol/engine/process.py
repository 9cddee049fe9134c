"""One engine process: started, watched, ended, its last words kept."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from napari_wsol.engine.door import Key
from napari_wsol.engine.log import EngineLog
from napari_wsol.inference.allocator import allocator_settings

KILL_SECONDS = 5.0

WAITING = {'OMP_WAIT_POLICY': 'PASSIVE'}
"""Threads of one operation sleep until the last of them is done. Those that
turn in a circle meanwhile keep a core from the one they wait for: on a busy
computer, where an engine has the lowest priority, that takes a hundred times
as long."""

_CRASHES = ('SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGILL', 'SIGFPE')
_WINDOWS_CRASH = 0xC0000000


class EngineProcess:
    """A child process that runs ``python -m napari_wsol.engine``.

    Parameters
    ----------
    key
        Of the door through which it shall come in; handed over through its
        standard input, where no other user can read it.
    token
        What it will name itself.
    jobs
        ``'module:NAME'`` of the ``JobRegistry`` it shall serve.
    log_folder
        Where what it prints is kept; made where missing.

    Raises
    ------
    OSError
        Where no process can be started or no log be written.
    """

    def __init__(
        self, key: Key, token: str, jobs: str, log_folder: Path
    ) -> None:
        self.token = token
        self.ended = threading.Event()
        self._log = EngineLog(log_folder)
        with self._log.stream as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, '-P', '-u', '-X', 'faulthandler'),
                    *('-m', 'napari_wsol.engine', '--jobs', jobs),
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=WAITING | os.environ | allocator_settings(),
                **_apart(),
            )
        assert self._process.stdin is not None
        with contextlib.suppress(OSError), self._process.stdin as stdin:
            stdin.write(
                json.dumps({'key': asdict(key), 'token': token}).encode()
            )
        threading.Thread(
            target=self._watch, name='napari-wsol engine watch', daemon=True
        ).start()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def end(self, patience: float) -> None:
        """Wait for it to end by itself, then kill it; it is gone on return.

        Parameters
        ----------
        patience
            Seconds to wait.
        """
        if not self.ended.wait(patience):
            self.kill()

    def kill(self) -> None:
        """End it and all that it started; given up after some seconds."""
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    child.kill()
        self._process.kill()
        self.ended.wait(KILL_SECONDS)

    def epitaph(self) -> str:
        """How it ended, in words for the user."""
        code = self._process.returncode
        name = _signal_name(-code) if code < 0 else ''
        if name == 'SIGKILL':
            how = (
                f'was ended by the system (signal {-code}), most likely '
                'because memory ran out'
            )
        elif name in _CRASHES or code >= _WINDOWS_CRASH:
            how = (
                f'crashed ({name or hex(code)}), most likely in a driver of '
                'the graphics card; if it happens again, choose the device '
                '"cpu"'
            )
        elif name:
            how = f'was ended from outside ({name})'
        else:
            how = f'ended unexpectedly (exit code {code})'
        return (
            f'The compute engine {how}. Finished parts are kept: start it '
            'again to go on where it stopped.'
        )

    def last_words(self) -> str:
        """The end of what it printed, for a bug report."""
        return self._log.last_words()

    def _watch(self) -> None:
        self._process.wait()
        self._log.tidy()
        self.ended.set()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f'signal {number}'


def _apart() -> dict[str, Any]:
    """Popen arguments that keep the viewer's Ctrl-C and console away."""
    if sys.platform == 'win32':
        return {
            'creationflags': subprocess.CREATE_NEW_PROCESS_GROUP
            | subprocess.CREATE_NO_WINDOW
        }
    return {'process_group': 0}
