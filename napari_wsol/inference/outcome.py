"""What a finished run tells: its figures, and what to know about them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from napari_wsol.inference.area import Area
from napari_wsol.inference.grid import Grid, Tile
from napari_wsol.inference.job import Job
from napari_wsol.inference.settings import Prediction
from napari_wsol.inference.store import ResultStore
from napari_wsol.inference.summary import image_answer
from napari_wsol.inference.target import describe
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
    """The result of a run, from what lies in its store.

    Parameters
    ----------
    area
        Where results were wanted.
    planned
        Every tile of the run.
    """
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
        map=job.settings.map,
    )


def notes_on(
    job: Job,
    planned: Sequence[Tile],
    resumed: bool,
    first_batch: int,
    last_batch: int,
) -> Iterator[str]:
    """What the user should know, in sentences.

    Parameters
    ----------
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
    if resumed:
        yield 'Part of the result was taken from an earlier run.'
    if last_batch < first_batch:
        yield (
            f'Memory was short: {last_batch} instead of {first_batch} tiles '
            'were run at a time.'
        )


def _tissue_fraction(area: Area, grid: Grid) -> float | None:
    """Share of tissue among the asked cells, None where not looked for."""
    if area.tissue is None:
        return None
    lattice = (0, 0), grid.cell_step, grid.cells_shape
    asked = area.asked(*lattice).sum()
    return float(area.wanted(*lattice).sum() / asked) if asked else None
