"""A model over an image of any size: the room's public entry."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

from cachetools import LRUCache

from napari_wsol.inference.area import plan
from napari_wsol.inference.computing import (
    Extent,
    compute,
    computing_threads,
    forward_of,
    new_store,
    planned_batch,
    run_over_nothing,
    tissue_of,
    wanted_area,
)
from napari_wsol.inference.job import Job, make_job, prospect
from napari_wsol.inference.outcome import notes_on, outcome
from napari_wsol.inference.settings import (
    Begun,
    ChunkDone,
    Prediction,
    PredictionSettings,
    Progress,
)
from napari_wsol.inference.sharing import take_back
from napari_wsol.inference.store import open_store
from napari_wsol.inference.target import Target
from napari_wsol.inference.view_first import View
from napari_wsol.models.loading import LoadedModel
from napari_wsol.slides.slide import Slide

_prepared: LRUCache[tuple[object, ...], bool] = LRUCache(16)

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
    area = wanted_area(job)
    planned = plan(job.grid, area)
    with computing_threads(threads):
        store = open_store(job.target, new_store(job, planned))
        yield Begun(prospect(job))
        was_shared, first_batch = store.shared, store.batch
        if was_shared:
            yield from take_back(store, planned, cancelled)
        chunks = sorted(set(planned) - store.done())
        notes = yield from compute(
            *(job, store, Extent(area, planned, chunks)),
            cancelled=cancelled,
            threads=threads,
            view=view,
        )
    store.finish()
    # Others' share in a run is no earlier run.
    computed = planned if was_shared else chunks
    notes += notes_on(job, planned, computed, first_batch, store.batch)
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
        run_over_nothing(forward_of(job, planned_batch(job, 1)), job.grid)
