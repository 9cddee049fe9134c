"""A run over one image shared out between several processes.

One process calls ``share_out``; any number of them then run the blocks that
it names, in any order; at last an ordinary run (``inference.predicting``)
finds the store shared out, does what is still open, and finishes it. The
store is, bit for bit, that of an ordinary run alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from contextlib import closing

from napari_wsol.errors import CancelledError
from napari_wsol.inference.area import plan
from napari_wsol.inference.computing import (
    Extent,
    compute,
    computing_threads,
    megapixels,
    new_store,
    wanted_area,
)
from napari_wsol.inference.grid import Block, Tile
from napari_wsol.inference.job import Job
from napari_wsol.inference.pace import Pace
from napari_wsol.inference.pyramid import Pyramid
from napari_wsol.inference.settings import Progress
from napari_wsol.inference.store import ResultStore, join_store, open_store
from napari_wsol.inference.target import writing_to


def share_out(job: Job, *, threads: int | None = None) -> dict[Block, float]:
    """Make or take up the store of a job, for several processes to write.

    No other process may be at work on it.

    Parameters
    ----------
    threads
        Cores that each of them computes with; None means torch's own number.

    Returns
    -------
    dict
        Blocks in which something is open -> its working megapixels. Empty
        where there is nothing to be shared: all lies in one block, or each
        part of the maps depends on all others (``settings.map``).

    Raises
    ------
    BadInputError, WsolError
        As ``inference.store.open_store``.
    """
    if job.settings.map != 'localizer':
        return {}
    with computing_threads(threads):
        planned = plan(job.grid, wanted_area(job))
        store = open_store(job.target, new_store(job, planned))
    chunks: dict[Block, list[Tile]] = defaultdict(list)
    for chunk in sorted(set(planned) - store.done()):
        chunks[store.block_of(chunk)].append(chunk)
    if not store.shared:
        if len(chunks) < 2:
            return {}
        store.share()
    return {
        block: megapixels(job.grid, open_) for block, open_ in chunks.items()
    }


def run_block(
    job: Job,
    block: Block,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    threads: int | None = None,
) -> Generator[Progress, None, None]:
    """Compute what is open in a block, and write all but coarse levels.

    The tiles around it are computed, too, as the block's borders need them.
    Nothing is done where the store is no longer shared out.

    Raises
    ------
    WsolError
        As ``inference.predicting.predict``.
    """
    grid = job.grid
    with computing_threads(threads):
        store = join_store(job.target, job.fingerprint, block)
        if store is None:
            return
        inside = set(grid.tiles_of(block))
        around = {near for tile in inside for near in grid.neighbours(tile)}
        area = wanted_area(job)
        planned = plan(grid, area, sorted(around))
        chunks = sorted(inside.intersection(planned) - store.done())
        if not chunks:
            return
        extent = Extent(area, planned, chunks)
        steps = compute(
            *(job, store, extent),
            cancelled=cancelled,
            threads=threads,
            coarse=False,
        )
        with closing(steps):
            for event in steps:
                if isinstance(event, Progress):
                    yield event


def take_back(
    store: ResultStore, planned: Sequence[Tile], cancelled: Callable[[], bool]
) -> Generator[Progress, None, None]:
    """Have a store for oneself again, with the coarse levels of what is done.

    No other process may be at work on it.

    Raises
    ------
    CancelledError
        Where ``cancelled`` said so; the store is then still shared out.
    WsolError
        Where it cannot be written.
    """
    done = store.done()
    pace = Pace(len(done), 'chunks', 'Coarse levels')
    rebuilt = Pyramid(store.levels, planned).rebuild(done)
    for count in range(1, len(done) + 1):
        if cancelled():
            raise CancelledError('Stopped. What is done so far is kept.')
        with writing_to(store.target):
            next(rebuilt)
        yield pace(count)
    store.unshare()
