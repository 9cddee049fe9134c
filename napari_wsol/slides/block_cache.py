"""Recently decoded blocks of an image, within a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from napari_wsol.slides.colour import RGB

CACHE_BYTES = 64 * 2**20


class BlockCache:
    """Keeps the blocks used last; safe from several threads.

    Two threads that miss the same block both make it: cheaper than waiting
    for one another.
    """

    def __init__(self, capacity: int = CACHE_BYTES) -> None:
        self._capacity = capacity
        self._blocks: OrderedDict[Hashable, RGB] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], RGB]) -> RGB:
        """The block of that key, made where it is not kept.

        The block is shared: it must not be written to.
        """
        with self._lock:
            if key in self._blocks:
                self._blocks.move_to_end(key)
                return self._blocks[key]
        block = make()
        with self._lock:
            if key not in self._blocks:
                self._blocks[key] = block
                self._bytes += block.nbytes
            while self._bytes > self._capacity:
                self._bytes -= self._blocks.popitem(last=False)[1].nbytes
        return block
