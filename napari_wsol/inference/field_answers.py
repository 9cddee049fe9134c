"""What a model says of each field, from what lies in a run's store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wsol.errors import BadInputError
from napari_wsol.inference.area import Area
from napari_wsol.inference.fields import (
    FieldLattice,
    FieldTable,
    field_lattice,
    read_fields,
    write_fields,
)
from napari_wsol.inference.grid import Grid, Tile
from napari_wsol.inference.job import Job
from napari_wsol.inference.summary import (
    Cells,
    class_probabilities,
    entropy,
)
from napari_wsol.models.loading import LoadedModel

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LEAST_SHARE = 0.5
"""Of a field's cells that must be tissue and asked for, lest it is left out;
where the whole image is one field, a single one is enough."""


def kept_fields(
    job: Job, area: Area, planned: Sequence[Tile], cells: Cells, mask: Cells
) -> FieldTable:
    """The fields of a finished run: those in its store, or now written there.

    Parameters
    ----------
    cells, mask
        As ``field_table``.

    Raises
    ------
    WsolError
        Where they cannot be written.
    """
    try:
        return read_fields(job.target)
    except BadInputError:
        table = field_table(job, area, planned, cells, mask)
        write_fields(job.target, table)
        return table


def field_table(
    job: Job,
    area: Area,
    planned: Sequence[Tile],
    cells: Cells,
    mask: Cells,
    *,
    at_once: int | None = None,
) -> FieldTable:
    """Pool the wanted cells of each field; a few rows are in memory at once.

    Parameters
    ----------
    planned
        Every tile of the run.
    cells
        ``(3, C, hc, wc)`` of the whole image, its foreground, its background;
        NaN where not computed.
    mask
        ``(h, w)``, 0 where nothing is marked.
    at_once
        Rows of fields to read together; None takes as many as a row of
        chunks holds. The table does not depend on it.
    """
    grid, size = job.grid, job.pixel_size
    mpp = None if size is None else (size.y, size.x)
    lattice = field_lattice(grid, job.slide.shape, mpp)
    if at_once is None:
        at_once = max(1, grid.cells_chunk[0] // lattice.side_y)
    places, probabilities, entropies = [], [], []
    for row, band in _bands(cells, lattice, at_once):
        for col, seen in _answers(row, band, job.model, grid, area, lattice):
            places.append((row, col))
            probabilities.append(seen[0])
            entropies.append([entropy(each) for each in seen])
    rows, cols = np.array(places, np.int64).reshape(-1, 2).T.copy()
    wanted, marked = _pixels(mask, grid, area, planned, lattice)
    card, (step_y, step_x) = job.model.card, grid.map_step
    return FieldTable(
        rows,
        cols,
        wanted[rows, cols],
        marked[rows, cols],
        np.array(probabilities).reshape(-1, len(card.classes)),
        np.array(entropies).reshape(-1, 3),
        lattice,
        card.classes,
        card.roi_classes,
        None if mpp is None else step_y * mpp[0] * step_x * mpp[1],
    )


def _bands(
    cells: Cells, lattice: FieldLattice, at_once: int
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Each row of fields with its cells ``(3, C, h, wc)``."""
    for first in range(0, lattice.rows, at_once):
        parts = [
            lattice.cells(row, 0)[0]
            for row in range(first, min(first + at_once, lattice.rows))
        ]
        start = parts[0].start
        block = np.asarray(cells[:, :, start : parts[-1].stop])
        for row, part in enumerate(parts, first):
            yield row, block[:, :, part.start - start : part.stop - start]


def _answers(
    row: int,
    band: npt.NDArray[np.float32],
    model: LoadedModel,
    grid: Grid,
    area: Area,
    lattice: FieldLattice,
) -> Iterator[tuple[int, list[Floats]]]:
    """Column and class probabilities (whole, foreground, background)."""
    start = lattice.cells(row, 0)[0].start
    # One row of fields at a time, so that rounding is the same however many
    # were read.
    _, height, width = band.shape[1:]
    wanted = area.wanted((start, 0), grid.cell_step, (height, width))
    wanted &= ~np.isnan(band[0, 0])
    is_one = lattice.rows == lattice.cols == 1
    for col in range(lattice.cols):
        columns = lattice.cells(row, col)[1]
        chosen = wanted[:, columns]
        least = 1 if is_one else LEAST_SHARE * chosen.size
        if chosen.sum() >= least:
            field = band[..., columns][..., chosen]
            yield col, [class_probabilities(each, model) for each in field]


def _pixels(
    mask: Cells,
    grid: Grid,
    area: Area,
    planned: Sequence[Tile],
    lattice: FieldLattice,
) -> tuple[Integers, Integers]:
    """Map pixels wanted and marked in each field ``(rows, cols)``."""
    wanted, marked = np.zeros((2, lattice.rows, lattice.cols), np.int64)
    per_cell = grid.class_stride // grid.stride
    height, width = grid.chunk
    for row, tiles in groupby(sorted(planned), lambda tile: tile.row):
        top = row * height
        band = np.asarray(mask[top : top + height]) > 0
        rows = lattice.row_of((top + np.arange(len(band))) // per_cell)
        for tile in tiles:
            asked = area.wanted_map(grid, tile)
            left = tile.col * width
            columns = np.arange(left, left + asked.shape[1])
            fields = rows, lattice.col_of(columns // per_cell)
            _add(wanted, fields, asked)
            _add(marked, fields, band[:, columns])
    return wanted, marked


def _add(
    counts: Integers,
    fields: tuple[Integers, Integers],
    pixels: npt.NDArray[np.bool_],
) -> None:
    """Count pixels ``(h, w)`` by the field of their row and column."""
    starts = [np.flatnonzero(np.diff(each, prepend=-1)) for each in fields]
    sums: Any = pixels.astype(np.int64)
    for axis, start in enumerate(starts):
        sums = np.add.reduceat(sums, start, axis)
    rows, cols = (
        each[start] for each, start in zip(fields, starts, strict=True)
    )
    counts[np.ix_(rows, cols)] += sums
