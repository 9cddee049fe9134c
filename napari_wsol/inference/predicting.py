"""A model over an image of any size: the room's public entry."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from cachetools import LRUCache

from napari_wsol.inference.area import Area, contributors, plan
from napari_wsol.inference.class_maps import FeatureCells, features_look
from napari_wsol.inference.compiling import PLAIN, compiled_looks, pays_off
from napari_wsol.inference.forward import Forward, localizer_look
from napari_wsol.inference.grid import Grid, Tile
from napari_wsol.inference.job import Job, make_job, prospect, store_spec
from napari_wsol.inference.memory import plan_batch, plan_readers
from napari_wsol.inference.outcome import notes_on, outcome
from napari_wsol.inference.pace import Pace
from napari_wsol.inference.settings import (
    Begun,
    ChunkDone,
    Prediction,
    PredictionSettings,
    Progress,
)
from napari_wsol.inference.store import ResultStore, open_store
from napari_wsol.inference.streaming import stream
from napari_wsol.inference.target import Target
from napari_wsol.inference.view_first import TileQueue, View
from napari_wsol.inference.writing import Writer
from napari_wsol.models.loading import LoadedModel
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.slides.slide import Slide
from napari_wsol.slides.tissue import TissueMask, tissue_mask

_prepared: LRUCache[tuple[object, ...], bool] = LRUCache(16)
_tissue: LRUCache[tuple[str, PixelSize | None], TissueMask] = LRUCache(4)

Event = Begun | Progress | ChunkDone
Events = Generator[Event, None, Prediction]


def predict(
    slide: Slide,
    model: LoadedModel,
    store: Target,
    settings: PredictionSettings | None = None,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    threads: int | None = None,
    fingerprint_of_image: str | None = None,
    view: View | None = None,
) -> Events:
    """Run a model over an image, tile by tile, into an OME-Zarr store.

    Closing the generator stops it within one batch, as ``cancelled`` does;
    what is done stays in the store, and the same call goes on from there.

    Parameters
    ----------
    store
        Folder of the OME-Zarr group, or a Zarr store object.
    cancelled
        Asked before each batch.
    threads
        Cores for the computation; None leaves torch's own number.
    fingerprint_of_image
        Names the image's content where its file does not (an image in
        memory); without one such a run cannot be resumed.
    view
        What someone looks at meanwhile: computed first, and shown before its
        neighbours are. The maps do not depend on it.

    Yields
    ------
    Begun, Progress, ChunkDone
        ``Begun`` once, as soon as there is a store to look into. A chunk
        that is looked at may be told twice: as a preview, and once its
        neighbours are blended in.

    Returns
    -------
    Prediction
        As the generator's return value.

    Raises
    ------
    PixelSizeError
        Where the model needs a pixel size and the image has none; at once.
    BadInputError
        Where device, precision, areas or the place of the store cannot be
        used.
    CancelledError
        Where ``cancelled`` said so.
    OutOfMemoryError
        Where not even one tile at a time fits.
    WsolError
        Where the store cannot be written.
    """
    job = make_job(
        slide,
        model,
        store,
        settings or PredictionSettings(),
        fingerprint_of_image,
    )
    return run(job, cancelled=cancelled, threads=threads, view=view)


def run(
    job: Job,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    threads: int | None = None,
    view: View | None = None,
) -> Events:
    """Do a job; as ``predict``, which makes and does it."""
    started = time.perf_counter()
    view = view or View()
    grid, settings = job.grid, job.settings
    area = job.boxes
    if settings.tissue_only:
        area = Area(area.boxes, tissue_of(job))
    planned = plan(grid, area)
    with _computing_threads(threads):
        forward = _forward(job, len(planned))
        compiled = settings.compiled
        if compiled is None:
            compiled = pays_off(job.device, _megapixels(grid, planned))
        spec = store_spec(job, forward.batch, compiled=compiled)
        store = open_store(job.target, spec)
        yield Begun(prospect(job))
        first_batch = forward.batch = store.batch
        chunks = sorted(set(planned) - store.done())
        notes = []
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
            grid, area, store, job.threshold, planned, chunks, view
        )
        yield from _with_progress(
            streamed(queue, writer.write, show=writer.show), grid, tiles
        )
    store.finish()
    notes += notes_on(job, planned, chunks, first_batch, forward.batch)
    return outcome(
        job,
        area,
        store,
        planned,
        seconds=time.perf_counter() - started,
        notes=tuple(notes),
    )


def prepare(job: Job) -> None:
    """Do beforehand what a run would do first: it then answers sooner.

    Looks for tissue, and runs the network once over nothing: a shape that it
    sees for the first time takes it longer.
    """
    if job.settings.tissue_only:
        tissue_of(job)
    key = job.model.sha256, job.device, job.precision, job.grid.input_shape
    if key not in _prepared:
        _prepared[key] = True
        _run_over_nothing(_forward(job, 1), job.grid)


def _forward(job: Job, tiles: int) -> Forward:
    settings = job.settings
    return Forward(
        job.model,
        job.grid,
        device=job.device,
        precision=job.precision,
        look=localizer_look(classify=settings.classify),
        batch=settings.batch
        or plan_batch(job.device, job.grid.input_shape, tiles),
    )


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
        _run_over_nothing(forward, grid)
    except Exception as error:  # whatever the machine's compiler says
        forward.looks = PLAIN
        store.set_plain()
        reason = str(error).strip().splitlines()[:1]
        what = ': '.join([type(error).__name__, *reason])
        words = f'The network could not be compiled on this machine ({what})'
        return [f'{words}; it was run as it is.']
    return []


def _run_over_nothing(forward: Forward, grid: Grid) -> None:
    blank = np.zeros((*grid.input_shape, 3), np.uint8)
    for answers in forward([Tile(0, 0)], [blank]):
        answers.arrays()


def tissue_of(job: Job) -> TissueMask:
    """Where a job's slide holds tissue; looked for once for a few slides."""
    key = job.identity, job.pixel_size
    if key not in _tissue:
        _tissue[key] = tissue_mask(job.slide)
    return _tissue[key]


def _with_progress(
    steps: Iterator[tuple[Sequence[Tile], Sequence[ChunkDone]]],
    grid: Grid,
    tiles: Sequence[Tile],
    message: str = '',
) -> Generator[Progress | ChunkDone, None, None]:
    """The events of a stream, each step followed by how far it is."""
    pace, done = Pace(_megapixels(grid, tiles), 'MP', message), 0.0
    for ran, events in steps:
        yield from events
        if not ran:
            continue
        done += _megapixels(grid, ran)
        told = time.perf_counter()
        yield pace(done)
        pace.rested(time.perf_counter() - told)  # a pause, for the most part


def _megapixels(grid: Grid, tiles: Sequence[Tile]) -> float:
    return math.fsum(map(grid.megapixels, tiles))


@contextmanager
def _computing_threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
