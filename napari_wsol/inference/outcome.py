"""What a finished run tells: its figures, and what to know about them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import zarr

from napari_wsol.inference.area import Area
from napari_wsol.inference.field_answers import kept_fields
from napari_wsol.inference.fields import top_count, top_probabilities
from napari_wsol.inference.grid import Grid, Tile
from napari_wsol.inference.job import Job, prospect
from napari_wsol.inference.maps import MASK
from napari_wsol.inference.settings import Prediction
from napari_wsol.inference.store import ResultStore
from napari_wsol.inference.summary import cell_bands, image_answer
from napari_wsol.inference.target import for_zarr
from napari_wsol.slides.pixel_size import TOLERATED_MISMATCH


def outcome(
    job: Job,
    area: Area,
    store: ResultStore,
    planned: Sequence[Tile],
    *,
    seconds: float,
    notes: tuple[str, ...],
) -> Prediction:
    """The result of a finished run, from what lies in its store.

    The table of its fields is written there, unless it is there already.

    Parameters
    ----------
    area
        Where results were wanted.
    planned
        Every tile of the run.
    """
    grid, size = job.grid, job.pixel_size
    cells, answer, fields = _cells(job), None, None
    if cells is not None:
        answer = image_answer(cells, job.model, grid, area)
        fields = kept_fields(job, area, planned, cells, store.levels[0][MASK])
    count = 0 if fields is None else len(fields)
    top = None if fields is None else top_probabilities(fields)
    wanted, foreground = store.wanted_pixels, store.foreground_pixels
    step_y, step_x = grid.map_step
    square_mm = None
    if size is not None:
        square_mm = foreground * step_y * size.y * step_x * size.x / 1e6
    entropies = (None, None, None) if answer is None else answer.entropies
    return replace(
        prospect(job),
        class_probabilities=None if answer is None else answer.probabilities,
        entropy_image=entropies[0],
        entropy_foreground=entropies[1],
        entropy_background=entropies[2],
        foreground_fraction=foreground / wanted if wanted else 0.0,
        foreground_mm2=square_mm,
        tissue_fraction=_tissue_fraction(area, grid),
        seconds=seconds,
        megapixels=math.fsum(map(grid.megapixels, planned)),
        notes=notes,
        background_probabilities=None if answer is None else answer.background,
        n_fields=count,
        n_top_fields=top_count(count),
        top_probabilities=top,
    )


def notes_on(
    job: Job,
    planned: Sequence[Tile],
    chunks: Sequence[Tile],
    first_batch: int,
    last_batch: int,
) -> Iterator[str]:
    """What the user should know, in sentences.

    Parameters
    ----------
    planned, chunks
        What the result consists of, and what of it was missing.
    first_batch, last_batch
        Tiles per batch when the run began and when it ended.
    """
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
    if planned and not chunks:
        yield 'Nothing was computed: the result was kept from an earlier run.'
    elif len(chunks) < len(planned):
        yield 'Part of the result was taken from an earlier run.'
    if last_batch < first_batch:
        yield (
            f'Memory was short: {last_batch} instead of {first_batch} tiles '
            'were run at a time.'
        )


def _cells(job: Job) -> zarr.Array[Any] | None:
    """The classifier's cells ``(3, C, hc, wc)``, None where it did not run."""
    group = zarr.open_group(for_zarr(job.target), mode='r', zarr_format=3)
    if 'classifier' not in group:
        return None
    found = group['classifier/scores']
    assert isinstance(found, zarr.Array)
    return found


def _tissue_fraction(area: Area, grid: Grid) -> float | None:
    """Share of tissue among the asked cells, None where not looked for."""
    if area.tissue is None:
        return None
    asked = wanted = 0
    for start, shape in cell_bands(grid):
        band = (start, 0), grid.cell_step, shape
        asked += int(area.asked(*band).sum())
        wanted += int(area.wanted(*band).sum())
    return wanted / asked if asked else None
