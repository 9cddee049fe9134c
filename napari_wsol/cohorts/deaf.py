"""Loaded by local workers: Ctrl-C is meant for who started them."""

from __future__ import annotations

import signal
from typing import Any


def dask_setup(worker: Any) -> None:
    """Ignore Ctrl-C, which a terminal sends to all of its processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
