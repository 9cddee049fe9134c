"""The tiles of a run computed and written, all of them or some."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from cachetools import LRUCache

from napari_wsol.inference.area import Area, contributors
from napari_wsol.inference.class_maps import FeatureCells, features_look
from napari_wsol.inference.compiling import PLAIN, compiled_looks
from napari_wsol.inference.forward import Forward
from napari_wsol.inference.grid import Grid, Tile
from napari_wsol.inference.job import Job, store_spec
from napari_wsol.inference.layout import StoreSpec
from napari_wsol.inference.memory import plan_batch, plan_readers
from napari_wsol.inference.pace import Pace
from napari_wsol.inference.settings import ChunkDone, Progress
from napari_wsol.inference.store import ResultStore
from napari_wsol.inference.streaming import stream
from napari_wsol.inference.view_first import TileQueue, View
from napari_wsol.inference.writing import Writer
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.slides.tissue import TissueMask, tissue_mask

_tissue: LRUCache[tuple[str, PixelSize | None], TissueMask] = LRUCache(4)

Told = Progress | ChunkDone


@dataclass(frozen=True)
class Extent:
    """What is to be computed.

    Parameters
    ----------
    area
        Where results are wanted.
    planned
        The tiles that hold some of it: all, or at least ``chunks`` and
        those around them.
    chunks
        Those of them that are still to be written.
    """

    area: Area
    planned: Sequence[Tile]
    chunks: Sequence[Tile]


def compute(
    job: Job,
    store: ResultStore,
    extent: Extent,
    *,
    cancelled: Callable[[], bool],
    threads: int | None,
    view: View | None = None,
    coarse: bool = True,
) -> Generator[Told, None, list[str]]:
    """Run the network over tiles and write their chunks into a store.

    Parameters
    ----------
    store
        Says the batch, and whether the network is compiled.
    coarse
        Whether to keep up the coarse levels.

    Yields
    ------
    Progress, ChunkDone
        As ``inference.predicting.predict``, which also says what it raises.

    Returns
    -------
    list
        What the user should know, in sentences.
    """
    grid, settings = job.grid, job.settings
    view, notes = view or View(), []
    area, planned, chunks = extent.area, extent.planned, extent.chunks
    forward = forward_of(job, store.batch)
    if chunks and store.compiled and settings.map == 'localizer':
        notes = yield from _compile(forward, grid, store)
    streamed = partial(
        stream,
        job.slide,
        grid,
        forward,
        cancelled=cancelled,
        readers=plan_readers(job.device, threads),
    )
    if settings.map != 'localizer' and chunks:
        cells = FeatureCells(job, area, planned)
        forward.look = features_look
        looked = TileQueue(grid, planned)
        yield from _with_progress(
            streamed(looked, cells.gather), grid, planned, 'First look'
        )
        forward.look = cells.look(settings.map, classify=settings.classify)
    tiles = contributors(grid, planned, chunks)
    queue = TileQueue(grid, tiles, view)
    writer = Writer(
        *(grid, area, store, job.threshold, planned, chunks, view),
        coarse=coarse,
    )
    yield from _with_progress(
        streamed(queue, writer.write, show=writer.show), grid, tiles
    )
    return notes


def wanted_area(job: Job) -> Area:
    """Where a job wants results; tissue is looked for where it says so."""
    if not job.settings.tissue_only:
        return job.boxes
    return Area(job.boxes.boxes, tissue_of(job))


def tissue_of(job: Job) -> TissueMask:
    """Where a job's slide holds tissue; looked for once for a few slides."""
    key = job.identity, job.pixel_size
    if key not in _tissue:
        _tissue[key] = tissue_mask(job.slide)
    return _tissue[key]


def new_store(job: Job, planned: Sequence[Tile]) -> StoreSpec:
    """The store with which a job begins, unless it began before."""
    return store_spec(job, planned_batch(job, len(planned)))


def planned_batch(job: Job, tiles: int) -> int:
    """Tiles per batch for so many of them."""
    shape = job.grid.input_shape
    return job.settings.batch or plan_batch(job.device, shape, tiles)


def forward_of(job: Job, batch: int) -> Forward:
    """The network of a job on its device."""
    return Forward(
        job.model,
        job.grid,
        device=job.device,
        precision=job.precision,
        classify=job.settings.classify,
        batch=batch,
    )


def run_over_nothing(forward: Forward, grid: Grid) -> None:
    """Run a network once over a blank tile: the first time takes longer."""
    blank = np.zeros((*grid.input_shape, 3), np.uint8)
    for answers in forward([Tile(0, 0)], [blank]):
        answers.arrays()


def megapixels(grid: Grid, tiles: Sequence[Tile]) -> float:
    """Working megapixels of some tiles."""
    return math.fsum(map(grid.megapixels, tiles))


@contextmanager
def computing_threads(count: int | None) -> Iterator[None]:
    """So many cores for torch; None leaves its own number."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _compile(
    forward: Forward, grid: Grid, store: ResultStore
) -> Generator[Progress, None, list[str]]:
    """Have the network compiled; notes where it cannot be.

    The run then goes on as it would without.
    """
    yield Progress(
        0, 0, 'MP', 0, math.inf, 'Compiling the network for this machine'
    )
    forward.looks = compiled_looks()
    try:
        run_over_nothing(forward, grid)
    except Exception as error:  # whatever the machine's compiler says
        forward.looks = PLAIN
        store.set_plain()
        reason = str(error).strip().splitlines()[:1]
        what = ': '.join([type(error).__name__, *reason])
        words = f'The network could not be compiled on this machine ({what})'
        return [f'{words}; it was run as it is.']
    return []


def _with_progress(
    steps: Iterator[tuple[Sequence[Tile], Sequence[ChunkDone]]],
    grid: Grid,
    tiles: Sequence[Tile],
    message: str = '',
) -> Generator[Told, None, None]:
    """The events of a stream, each step followed by how far it is."""
    pace, done = Pace(megapixels(grid, tiles), 'MP', message), 0.0
    for ran, events in steps:
        yield from events
        if not ran:
            continue
        done += megapixels(grid, ran)
        told = time.perf_counter()
        yield pace(done)
        pace.rested(time.perf_counter() - told)  # a pause, for the most part
