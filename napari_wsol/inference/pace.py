"""How far a piece of work is, and how long it will take."""

from __future__ import annotations

import time

from napari_wsol.inference.settings import Progress


class Pace:
    """Tells the progress of work that begins when this is made.

    Parameters
    ----------
    total
        How many of ``unit`` there are.
    """

    def __init__(self, total: float, unit: str, message: str = '') -> None:
        self._total = total
        self._unit = unit
        self._message = message
        self._began = time.perf_counter()

    def rested(self, seconds: float) -> None:
        """Leave out a time in which nothing was done."""
        self._began += seconds

    def __call__(self, done: float) -> Progress:
        """After so many of them."""
        rate = done / max(time.perf_counter() - self._began, 1e-9)
        left = (self._total - done) / rate if rate else float('inf')
        return Progress(
            done, self._total, self._unit, rate, left, self._message
        )
