"""Reading, running and writing at the same time, with bounded queues."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from napari_wsol.errors import CancelledError
from napari_wsol.inference.forward import Answers, Forward
from napari_wsol.inference.grid import Grid, Tile
from napari_wsol.inference.reading import read_tile
from napari_wsol.inference.settings import ChunkDone
from napari_wsol.inference.view_first import TileQueue
from napari_wsol.slides.slide import RGB, Slide

Write = Callable[[Sequence[Tile], Sequence[Answers], int], list[ChunkDone]]
Step = tuple[Sequence[Tile], Sequence[ChunkDone]]

MOST_READERS = 4
WRITES_AHEAD = 2
"""Batches that may wait to be written before the network waits for them; none
of what somebody looks at."""


def stream(
    slide: Slide,
    grid: Grid,
    forward: Forward,
    queue: TileQueue,
    write: Write,
    *,
    cancelled: Callable[[], bool],
    readers: int | None = None,
) -> Iterator[Step]:
    """Run tiles, the most wanted first; memory holds a few batches at a time.

    Threads read and resample ahead, the caller's thread runs the network,
    one thread writes. All have ended when this generator has.

    Parameters
    ----------
    queue
        Empty when the generator has ended by itself. What was read ahead of
        tiles that are no longer among the next ones is dropped.
    write
        Called in the writing thread with the tiles of a batch, their answers
        and the batch size; gives the chunks that can be shown.
    readers
        Reading threads, at most ``MOST_READERS``; None takes the cores.

    Yields
    ------
    tiles, events
        The tiles just run, and the chunks written since the last step.

    Raises
    ------
    CancelledError
        Where ``cancelled`` says so before a batch.
    """
    count = min(MOST_READERS, readers or os.cpu_count() or 1)
    reading = ThreadPoolExecutor(count, 'wsol-read')
    writing = ThreadPoolExecutor(1, 'wsol-write')
    reads: dict[Tile, Future[RGB]] = {}
    writes: deque[Future[list[ChunkDone]]] = deque()

    def read_ahead() -> None:
        wanted = queue.first(2 * forward.batch + count)
        for tile in reads.keys() - set(wanted):
            reads.pop(tile).cancel()
        for tile in wanted:
            if tile not in reads:
                reads[tile] = reading.submit(read_tile, slide, grid, tile)

    def written(most: int) -> Iterator[ChunkDone]:
        while writes and (len(writes) > most or writes[0].done()):
            yield from writes.popleft().result()

    try:
        while len(queue):
            if cancelled():
                raise CancelledError('Stopped. What is done so far is kept.')
            read_ahead()
            batch = queue.take(forward.batch)
            pixels = [reads.pop(tile).result() for tile in batch]
            read_ahead()
            answers = forward(batch, pixels)
            writes.append(writing.submit(write, batch, answers, forward.batch))
            ahead = 0 if queue.is_seen(batch) else WRITES_AHEAD
            yield batch, list(written(ahead))
        yield (), list(written(0))
    finally:
        reading.shutdown(wait=True, cancel_futures=True)
        writing.shutdown(wait=True)
