"""The engine process: ``python -m napari_wsol.engine``, started by a viewer.

Where to go and what to say there comes through standard input.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import sys
from pathlib import Path

import psutil

from napari_wsol import __version__
from napari_wsol.engine.blocks import BlockReader
from napari_wsol.engine.door import Hello, Key, enter
from napari_wsol.engine.server import EngineServer, JobRegistry

NICENESS = 10


def main() -> None:
    """Serve the viewer whose key comes through standard input."""
    parser = argparse.ArgumentParser(prog='python -m napari_wsol.engine')
    parser.add_argument('--jobs', required=True, metavar='MODULE:NAME')
    arguments = parser.parse_args()
    orders = json.loads(sys.stdin.read())
    key, token = Key(**orders['key']), orders['token']
    with enter(key, Hello('jobs', token, __version__)) as link:
        blocks = BlockReader(
            lambda: enter(key, Hello('blocks', token, __version__))
        )
        module, name = arguments.jobs.split(':')
        registry: JobRegistry = getattr(importlib.import_module(module), name)
        EngineServer(link, registry, blocks, free_cores()).serve(step_back)
    os._exit(0)  # taking the libraries down would take another second


def step_back() -> None:
    """Lower this process's priority, so that the viewer goes first.

    Done only when the libraries are loaded: that takes one core, someone
    waits for it, and on a busy machine it would take three times as long.
    """
    with contextlib.suppress(OSError, psutil.Error):
        if sys.platform == 'win32':
            psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        else:
            os.nice(NICENESS)
        if sys.platform == 'linux':
            # Niceness is each thread's own there, and still takes turns; the
            # idle class makes way at once, in every thread there is.
            idle = os.sched_param(0)
            for thread in Path('/proc/self/task').iterdir():
                os.sched_setscheduler(int(thread.name), os.SCHED_IDLE, idle)


def free_cores() -> int:
    """The cores that this process may use, one of them left to the viewer.

    On Linux it may use all: in the idle class it gives up each as soon as
    the viewer wants it, so that keeping one free would only cost speed.
    """
    if sys.platform == 'linux':
        return len(os.sched_getaffinity(0))
    return max(1, (os.cpu_count() or 1) - 1)


if __name__ == '__main__':
    main()
