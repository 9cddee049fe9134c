"""A model over an image of any size: the room's public entry."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from napari_wsol.errors import BadInputError
from napari_wsol.inference.area import Area, contributors, plan
from napari_wsol.inference.devices import resolve_device, resolve_precision
from napari_wsol.inference.fingerprint import fingerprint, image_identity
from napari_wsol.inference.forward import Forward
from napari_wsol.inference.grid import (
    CORE_MULTIPLE,
    Grid,
    Tile,
    make_grid,
)
from napari_wsol.inference.memory import plan_batch
from napari_wsol.inference.settings import (
    ChunkDone,
    Prediction,
    PredictionSettings,
    Progress,
)
from napari_wsol.inference.store import (
    ResultStore,
    StoreSpec,
    Target,
    describe,
    open_store,
)
from napari_wsol.inference.streaming import stream
from napari_wsol.inference.summary import image_answer
from napari_wsol.inference.writing import Writer
from napari_wsol.models.loading import LoadedModel
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.pixel_size import (
    TOLERATED_MISMATCH,
    PixelSize,
    require_pixel_size,
)
from napari_wsol.slides.slide import Slide
from napari_wsol.slides.tissue import tissue_mask

Events = Generator[Progress | ChunkDone, None, Prediction]
Order = Callable[[Sequence[Tile]], Iterable[Tile]]

SMALLEST_TILE = 256
"""Working pixels; smaller ones would be mostly halo."""

_FORMAT = 1
"""Part of every fingerprint; raised when the same input gives other maps."""


@dataclass(frozen=True)
class _Job:
    """A run with every choice made."""

    slide: Slide
    model: LoadedModel
    target: Target
    settings: PredictionSettings
    pixel_size: PixelSize | None
    threshold: float
    device: torch.device
    precision: torch.dtype
    identity: str
    grid: Grid
    boxes: Area


def predict(
    slide: Slide,
    model: LoadedModel,
    store: Target,
    settings: PredictionSettings | None = None,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    threads: int | None = None,
    fingerprint_of_image: str | None = None,
    order: Order = iter,
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
    order
        Gives the tiles in the order in which to run them. The maps do not
        depend on it.

    Yields
    ------
    Progress, ChunkDone
        A chunk may be told twice: as a preview (without class maps), and
        once its neighbours are blended in.

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
    job = _job(
        slide,
        model,
        store,
        settings or PredictionSettings(),
        fingerprint_of_image,
    )
    return _run(job, cancelled, threads, order)


def _job(
    slide: Slide,
    model: LoadedModel,
    target: Target,
    settings: PredictionSettings,
    identity: str | None,
) -> _Job:
    card, network = model.card, model.network
    pixel_size = slide.pixel_size
    step = (1.0, 1.0)
    if card.mpp is not None:
        pixel_size = require_pixel_size(pixel_size, slide.name)
        step = card.mpp / pixel_size.y, card.mpp / pixel_size.x
    elif pixel_size is not None and not pixel_size.is_plausible:
        pixel_size = None
    asked = settings.boxes or (slide.box,)
    boxes = tuple(filter(None, (box.intersection(slide.box) for box in asked)))
    if not boxes:
        raise BadInputError(
            f'The selected areas lie outside the image "{slide.name}".'
        )
    device = resolve_device(settings.device)
    threshold = settings.threshold
    return _Job(
        slide=slide,
        model=model,
        target=target,
        settings=settings,
        pixel_size=pixel_size,
        threshold=card.threshold if threshold is None else threshold,
        device=device,
        precision=resolve_precision(settings.precision, device),
        identity=identity or image_identity(slide),
        grid=make_grid(
            slide.shape,
            step,
            tile=settings.tile or _tile(card.tile, boxes, step),
            halo=card.halo,
            stride=network.stride,
            class_stride=network.class_stride,
        ),
        boxes=Area(boxes),
    )


def _tile(
    largest: int, boxes: tuple[Box, ...], step: tuple[float, float]
) -> int:
    """Side of a tile in working pixels: small areas do not pay for more."""
    side = max(max(b.height / step[0], b.width / step[1]) for b in boxes)
    whole = math.ceil(side / CORE_MULTIPLE) * CORE_MULTIPLE
    return min(largest, max(SMALLEST_TILE, whole))


def _run(
    job: _Job,
    cancelled: Callable[[], bool],
    threads: int | None,
    order: Order,
) -> Events:
    started = time.perf_counter()
    grid, settings = job.grid, job.settings
    area = job.boxes
    if settings.tissue_only:
        area = Area(area.boxes, tissue_mask(job.slide))
    planned = plan(grid, area)
    with _computing_threads(threads):
        forward = Forward(
            job.model,
            grid,
            device=job.device,
            precision=job.precision,
            classify=settings.classify,
            batch=settings.batch
            or plan_batch(job.device, grid.input_shape, len(planned)),
        )
        store = open_store(job.target, _spec(job, forward))
        first_batch = forward.batch = store.batch
        chunks = sorted(set(planned) - store.done())
        resumed = len(chunks) < len(planned)
        tiles = contributors(grid, planned, chunks)
        writer = Writer(grid, area, store, job.threshold, planned, chunks)
        yield from _with_progress(
            stream(
                job.slide,
                grid,
                forward,
                order(tiles),
                writer.write,
                cancelled=cancelled,
                readers=threads,
            ),
            grid,
            tiles,
        )
    store.finish()
    return _prediction(
        job,
        area,
        store,
        planned,
        seconds=time.perf_counter() - started,
        notes=tuple(_notes(job, planned, resumed, first_batch, forward.batch)),
    )


def _spec(job: _Job, forward: Forward) -> StoreSpec:
    card, size = job.model.card, job.pixel_size
    labels = card.roi_classes
    if forward.channels - 1 != len(labels):
        labels = ('region of interest',)
    return StoreSpec(
        grid=job.grid,
        classes=len(card.classes) if job.settings.classify else 0,
        labels=labels,
        pixel_size=None if size is None else (size.y, size.x),
        fingerprint=fingerprint(
            {
                'format': _FORMAT,
                'image': job.identity,
                'model': job.model.sha256,
                'grid': job.grid,
                'boxes': job.boxes.boxes,
                'tissue_only': job.settings.tissue_only,
                'classify': job.settings.classify,
                'threshold': job.threshold,
                'device': job.device.type,
                'precision': job.precision,
                'pixel_size': None if size is None else (size.y, size.x),
            }
        ),
        batch=forward.batch,
    )


def _with_progress(
    steps: Iterator[tuple[Sequence[Tile], Sequence[ChunkDone]]],
    grid: Grid,
    tiles: Sequence[Tile],
) -> Generator[Progress | ChunkDone, None, None]:
    """The events of a stream, each step followed by how far it is."""
    total = sum(map(grid.megapixels, tiles))
    done, started = 0.0, time.perf_counter()
    for ran, events in steps:
        yield from events
        if not ran:
            continue
        done += sum(map(grid.megapixels, ran))
        rate = done / max(time.perf_counter() - started, 1e-9)
        yield Progress(done, total, 'MP', rate, (total - done) / rate)


@contextmanager
def _computing_threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _notes(
    job: _Job,
    planned: Sequence[Tile],
    resumed: bool,
    first_batch: int,
    last_batch: int,
) -> Iterator[str]:
    card, size = job.model.card, job.pixel_size
    if not planned:
        yield (
            'No tissue was found in the area, so nothing was computed. '
            'Switch "tissue only" off to run the model on all of it.'
        )
    if (
        card.mpp is not None
        and size is not None
        and size.mpp > card.mpp * (1 + TOLERATED_MISMATCH)
    ):
        yield (
            f'The image ({size.mpp:.3g} µm/px) is coarser than what the model '
            f'was trained at ({card.mpp:.3g} µm/px); details that the model '
            'looks for may be missing.'
        )
    if resumed:
        yield 'Part of the result was taken from an earlier run.'
    if last_batch < first_batch:
        yield (
            f'Memory was short: {last_batch} instead of {first_batch} tiles '
            'were run at a time.'
        )


def _prediction(
    job: _Job,
    area: Area,
    store: ResultStore,
    planned: Sequence[Tile],
    *,
    seconds: float,
    notes: tuple[str, ...],
) -> Prediction:
    grid, size, card = job.grid, job.pixel_size, job.model.card
    scores = store.scores()
    answer = None
    if scores is not None:
        answer = image_answer(scores, job.model, grid, area)
    wanted, foreground = store.wanted_pixels, store.foreground_pixels
    step_y, step_x = grid.map_step
    square_mm = None
    if size is not None:
        square_mm = foreground * step_y * size.y * step_x * size.x / 1e6
    entropies = (None, None, None) if answer is None else answer.entropies
    return Prediction(
        image=job.slide.name,
        store=describe(job.target),
        model=card.name,
        model_hash=job.model.sha256,
        classes=card.classes,
        roi_classes=card.roi_classes,
        class_probabilities=None if answer is None else answer.probabilities,
        entropy_image=entropies[0],
        entropy_foreground=entropies[1],
        entropy_background=entropies[2],
        foreground_fraction=foreground / wanted if wanted else 0.0,
        foreground_mm2=square_mm,
        tissue_fraction=_tissue_fraction(area, grid),
        threshold=job.threshold,
        mpp=None if size is None else size.mpp,
        mpp_source='' if size is None else size.source,
        model_mpp=card.mpp,
        step_y=step_y,
        step_x=step_x,
        origin_y=0.0,
        origin_x=0.0,
        device=job.device.type,
        precision=str(job.precision).removeprefix('torch.'),
        seconds=seconds,
        megapixels=math.fsum(map(grid.megapixels, planned)),
        notes=notes,
        background_probabilities=None if answer is None else answer.background,
    )


def _tissue_fraction(area: Area, grid: Grid) -> float | None:
    """Share of tissue among the asked cells, None where not looked for."""
    if area.tissue is None:
        return None
    lattice = (0, 0), grid.cell_step, grid.cells_shape
    asked = area.asked(*lattice).sum()
    return float(area.wanted(*lattice).sum() / asked) if asked else None
