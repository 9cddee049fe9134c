"""Reading, running and writing at the same time, with bounded queues."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from napari_wsol.errors import CancelledError
from napari_wsol.inference.forward import Answers, Forward, Glanced
from napari_wsol.inference.grid import Grid, Tile
from napari_wsol.inference.memory import plan_ahead
from napari_wsol.inference.reading import read_tile
from napari_wsol.inference.settings import ChunkDone
from napari_wsol.inference.view_first import TileQueue
from napari_wsol.slides.slide import RGB, Slide

Write = Callable[[Sequence[Tile], Sequence[Answers], int], list[ChunkDone]]
Show = Callable[[Sequence[Tile], Answers], list[ChunkDone]]
Step = tuple[Sequence[Tile], Sequence[ChunkDone]]

WRITES_AHEAD = 2
"""Batches that may wait to be written before the network waits for them; none
of what somebody looks at."""

MOST_GLANCED = 16
"""Batches in view that may wait for their second look."""


def stream(
    slide: Slide,
    grid: Grid,
    forward: Forward,
    queue: TileQueue,
    write: Write,
    *,
    show: Show | None = None,
    cancelled: Callable[[], bool],
    readers: int,
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
    show
        Called in the writing thread with tiles that somebody looks at and
        what a first look says of them; all of those in view get their first
        look before any gets its second. None takes both looks at once.
    readers
        Reading threads.

    Yields
    ------
    tiles, events
        The tiles just run, and the chunks written since the last step.

    Raises
    ------
    CancelledError
        Where ``cancelled`` says so before a batch.
    """
    reading = ThreadPoolExecutor(readers, 'wsol-read')
    writing = ThreadPoolExecutor(1, 'wsol-write')
    reads: dict[Tile, Future[RGB]] = {}
    glanced: deque[Glanced] = deque()
    writes: deque[Future[list[ChunkDone]]] = deque()

    def read_ahead() -> list[Tile]:
        wanted = queue.first(
            plan_ahead(grid.input_shape, forward.batch, readers)
        )
        for tile in reads.keys() - set(wanted):
            reads.pop(tile).cancel()
        for tile in wanted:
            if tile not in reads:
                reads[tile] = reading.submit(read_tile, slide, grid, tile)
        return wanted[: forward.batch]

    def written(most: int) -> Iterator[ChunkDone]:
        while writes and (len(writes) > most or writes[0].done()):
            yield from writes.popleft().result()

    def glance_at_next() -> None:
        tiles = queue.take(forward.batch)
        pixels = [reads.pop(tile).result() for tile in tiles]
        read_ahead()
        glanced.extend(forward.glance(tiles, pixels))

    try:
        while len(queue) or glanced:
            if cancelled():
                raise CancelledError('Stopped. What is done so far is kept.')
            next_ones = read_ahead()
            in_view = len(glanced) < MOST_GLANCED and queue.is_seen(next_ones)
            if show is not None and in_view:
                before = len(glanced)
                glance_at_next()
                for each in islice(glanced, before, None):
                    writes.append(
                        writing.submit(show, each.tiles, each.answers)
                    )
                yield (), list(written(0))
                continue
            if not glanced:
                glance_at_next()
            one = glanced.popleft()
            answers = forward.complete(one)
            writes.append(
                writing.submit(write, one.tiles, answers, forward.batch)
            )
            ahead = 0 if queue.is_seen(one.tiles) else WRITES_AHEAD
            yield one.tiles, list(written(ahead))
        yield (), list(written(0))
    finally:
        reading.shutdown(wait=True, cancel_futures=True)
        writing.shutdown(wait=True)
