"""How a job is paused, finished early or cancelled while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

from napari_wsol.errors import CancelledError

POLL_SECONDS = 0.05

Wish = Literal['pause', 'go on', 'finish']


def _say_nothing(paused: bool) -> None:
    pass


class Steering:
    """What a job is to do; one thread steers, another works.

    Parameters
    ----------
    cancelled
        Whether it shall stop; asked by ``hold``.
    announce
        Called with whether the job rests, by the thread that works.
    """

    def __init__(
        self,
        cancelled: Callable[[], bool] = lambda: False,
        announce: Callable[[bool], object] = _say_nothing,
    ) -> None:
        self.finishing = False
        self.seconds_paused = 0.0
        self.cancelled, self._announce = cancelled, announce
        self._going = threading.Event()
        self._going.set()

    def follow(self, wish: Wish) -> None:
        """Take a wish; to finish means to go on till then."""
        if wish == 'pause':
            if not self.finishing:
                self._going.clear()
            return
        self.finishing |= wish == 'finish'
        self._going.set()

    def hold(self) -> None:
        """Rest as long as the job is paused.

        Raises
        ------
        CancelledError
            Where the job was cancelled, also while it rests.
        """
        self._stop_if_cancelled()
        if self._going.is_set():
            return
        self._announce(True)
        began = time.perf_counter()
        try:
            while not self._going.wait(POLL_SECONDS):
                self._stop_if_cancelled()
        finally:
            self.seconds_paused += time.perf_counter() - began
        self._announce(False)

    def _stop_if_cancelled(self) -> None:
        if self.cancelled():
            raise CancelledError('It was cancelled.')
