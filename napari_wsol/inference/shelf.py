"""Results that are kept for the next time, named by what made them."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from napari_wsol.inference.results import write_card
from napari_wsol.inference.settings import Prediction

MOST_BYTES = 20 * 2**30
"""Room for results; beyond it those used longest ago go."""

SAFE_SECONDS = 24 * 3600.0
"""Results used within this time stay: someone may be looking at them."""

_NAME = 24


class Shelf:
    """A folder of stores, one for each fingerprint of a run.

    A store is written by one process at a time: who finds it in use gets a
    place of its own, which is not kept.

    Parameters
    ----------
    folder
        Made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def place(self, fingerprint: str) -> Iterator[Path]:
        """The store of a run, for as long as it is written."""
        store = self._store(fingerprint)
        lock = FileLock(store.with_suffix('.lock'), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            yield store.with_name(f'{store.stem}-{os.getpid()}.zarr')
            return
        try:
            yield store
        finally:
            lock.release()

    def keep(self, prediction: Prediction) -> None:
        """Note that a result is complete, and that it was used now."""
        card = Path(prediction.store).with_suffix('.json')
        write_card(card, prediction)

    def kept(self, fingerprint: str) -> tuple[bool, float | None]:
        """Whether a result is complete, and when it was used last.

        The latter is None where there is nothing of it.
        """
        store = self._store(fingerprint)
        card = store.with_suffix('.json')
        for path, finished in ((card, True), (store, False)):
            if store.exists() and path.exists():
                return finished, path.stat().st_mtime
        return False, None

    def tidy(self, most: int = MOST_BYTES) -> None:
        """Remove results used longest ago until the others fit."""
        stores = sorted(self._folder.glob('*.zarr'), key=_used, reverse=True)
        size = 0
        for store in stores:
            size += _bytes(store)
            if size > most and time.time() - _used(store) > SAFE_SECONDS:
                _remove(store)

    def _store(self, fingerprint: str) -> Path:
        return self._folder / f'{fingerprint[:_NAME]}.zarr'


def _used(store: Path) -> float:
    """When a result was written or asked for last."""
    card = store.with_suffix('.json')
    with contextlib.suppress(OSError):
        return (card if card.exists() else store).stat().st_mtime
    return 0.0


def _bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob('*'):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def _remove(store: Path) -> None:
    """The card first: without it the rest counts as unfinished."""
    with contextlib.suppress(OSError):
        store.with_suffix('.json').unlink(missing_ok=True)
        store.with_suffix('.lock').unlink(missing_ok=True)
    shutil.rmtree(store, ignore_errors=True)
