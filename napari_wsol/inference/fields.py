"""The fields of a result: squares of a slide, and what was found in each.

Light enough for the viewer's process: what a model says of them is worked out
in ``inference.field_answers``.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from napari_wsol.errors import BadInputError
from napari_wsol.inference.grid import Grid
from napari_wsol.inference.target import (
    Target,
    describe,
    for_zarr,
    writing_to,
)
from napari_wsol.slides.geometry import Box

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FIELD_UM = 256.0
"""Side of a field in µm, to the nearest whole number of cells."""

FIELD_PIXELS = 512
"""Side in working pixels, where the pixel size is not known."""

TOP_SHARE = 0.1
"""Share of the fields that the answer of the top fields is the mean of."""

FORMAT = 1
"""Raised when the same result gives another table."""

_GROUP = 'fields'
_RECORD = 'napari_wsol'
_ARRAYS = ('row', 'col', 'wanted', 'marked', 'probabilities', 'entropies')


@dataclass(frozen=True)
class FieldLattice:
    """How a slide is cut into fields, from its top-left corner on.

    What is left at the lower and the right end is a field of its own from
    half a side on; less belongs to the field before it. A small image is one
    field.

    Parameters
    ----------
    height, width
        Of the slide in cells of the classifier, those whose centre is in it.
    side_y, side_x
        Of a field in cells.
    step_y, step_x
        Level-0 pixels per cell.
    end_y, end_x
        Height and width of the slide in level-0 pixels.
    """

    height: int
    width: int
    side_y: int
    side_x: int
    step_y: float
    step_x: float
    end_y: float
    end_x: float

    @property
    def rows(self) -> int:
        """Fields along y."""
        return _count(self.height, self.side_y)

    @property
    def cols(self) -> int:
        """Fields along x."""
        return _count(self.width, self.side_x)

    def cells(self, row: int, col: int) -> tuple[slice, slice]:
        """The cells of a field, along y and x."""
        return (
            _part(row, self.side_y, self.rows, self.height),
            _part(col, self.side_x, self.cols, self.width),
        )

    def row_of(self, cells: Integers) -> Integers:
        """The row of fields that rows of cells belong to."""
        return np.minimum(cells // self.side_y, self.rows - 1)

    def col_of(self, cells: Integers) -> Integers:
        """The column of fields that columns of cells belong to."""
        return np.minimum(cells // self.side_x, self.cols - 1)

    def box(self, row: int, col: int) -> Box:
        """A field in level-0 pixels; the last ones end with the slide."""
        y, x = row * self.side_y * self.step_y, col * self.side_x * self.step_x
        bottom, right = (
            y + self.side_y * self.step_y,
            x + self.side_x * self.step_x,
        )
        if row == self.rows - 1:
            bottom = self.end_y
        if col == self.cols - 1:
            right = self.end_x
        return Box(y, x, bottom - y, right - x)


def field_lattice(
    grid: Grid, shape: tuple[int, int], mpp: tuple[float, float] | None
) -> FieldLattice:
    """How a run's image is cut into fields.

    Parameters
    ----------
    shape
        ``(height, width)`` of level 0 in pixels.
    mpp
        µm per level-0 pixel along y and x, None where unknown.
    """
    if mpp is None:
        cell_y = cell_x = float(grid.class_stride)
        side = float(FIELD_PIXELS)
    else:
        cell_y, cell_x = (
            step * each for step, each in zip(grid.cell_step, mpp, strict=True)
        )
        side = FIELD_UM
    height, width = (
        max(1, math.floor(length / grid.class_stride + 0.5))
        for length in (grid.height, grid.width)
    )
    return FieldLattice(
        height,
        width,
        max(1, round(side / cell_y)),
        max(1, round(side / cell_x)),
        *grid.cell_step,
        *shape,
    )


@dataclass(frozen=True, eq=False)
class FieldTable:
    """N fields, row by row, and what was found in each.

    Parameters
    ----------
    row, col
        ``(N,)`` places in the lattice.
    wanted, marked
        ``(N,)`` map pixels that count, and those of them that the mask marks.
    probabilities
        ``(N, C)`` of each class.
    entropies
        ``(N, 3)`` of the field, of its foreground and of its background,
        divided by log(C).
    lattice
        Where the fields lie.
    classes, roi_classes
        Names; those of the latter have regions.
    pixel_um2
        Area of a map pixel; None where the pixel size is unknown.
    """

    row: Integers
    col: Integers
    wanted: Integers
    marked: Integers
    probabilities: Floats
    entropies: Floats
    lattice: FieldLattice
    classes: tuple[str, ...]
    roi_classes: tuple[str, ...]
    pixel_um2: float | None = None

    def __len__(self) -> int:
        return len(self.row)

    @property
    def likeliest(self) -> Integers:
        """``(N,)`` places in ``classes`` of each field's likeliest class."""
        return np.asarray(self.probabilities.argmax(1), np.int64)

    @property
    def marked_share(self) -> Floats:
        """``(N,)`` share of what counts that is marked."""
        return np.asarray(self.marked / np.maximum(self.wanted, 1), np.float64)

    @property
    def marked_mm2(self) -> Floats:
        """``(N,)`` marked area, NaN where the pixel size is unknown."""
        if self.pixel_um2 is None:
            return np.full(len(self), np.nan)
        return np.asarray(self.marked * self.pixel_um2 / 1e6, np.float64)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The fields in level-0 pixels."""
        places = zip(self.row.tolist(), self.col.tolist(), strict=True)
        return tuple(self.lattice.box(*place) for place in places)


def top_count(fields: int) -> int:
    """How many of so many fields are the top ones: a tenth, at least one."""
    return max(1, round(TOP_SHARE * fields)) if fields else 0


def top_probabilities(table: FieldTable) -> tuple[float, ...] | None:
    """Of each class, its mean over the top fields; None without fields.

    The top fields of a class are the tenth, at least one, where it is most
    probable; those of the fully negative class are the tenth where it is
    least probable, since a slide is negative only if all of it is. Several
    classes may have regions on one slide, so that these means need not add up
    to 1; those of one such class and a negative one do.
    """
    if not len(table):
        return None
    count = top_count(len(table))
    ordered = np.sort(table.probabilities, axis=0)
    return tuple(
        float(
            (
                column[-count:]
                if name in table.roi_classes
                else column[:count]
            ).mean()
        )
        for name, column in zip(table.classes, ordered.T, strict=True)
    )


def write_fields(target: Target, table: FieldTable) -> None:
    """Write a table into the store of its run, see ``inference.layout``.

    It counts as written once its attributes are there.

    Raises
    ------
    WsolError
        Where it cannot be written.
    """
    with writing_to(target):
        store = zarr.open_group(for_zarr(target), mode='r+', zarr_format=3)
        group = store.create_group(_GROUP, overwrite=True)
        for name in _ARRAYS if len(table) else ():
            values = getattr(table, name)
            array = group.create_array(
                name,
                shape=values.shape,
                chunks=values.shape,
                dtype=values.dtype,
            )
            array[...] = values
        group.update_attributes(
            {
                _RECORD: {
                    'format': FORMAT,
                    'lattice': asdict(table.lattice),
                    'classes': list(table.classes),
                    'roi_classes': list(table.roi_classes),
                    'pixel_um2': table.pixel_um2,
                    'fields': len(table),
                }
            }
        )


def read_fields(target: Target) -> FieldTable:
    """The table of a run's store.

    Raises
    ------
    BadInputError
        Where there is none, or it is not whole.
    """
    try:
        group: Any = zarr.open_group(
            for_zarr(target), mode='r', path=_GROUP, zarr_format=3
        )
        record = group.attrs[_RECORD]
        if record['format'] != FORMAT:
            raise ValueError(f'version {record["format"]}')
        classes = tuple(record['classes'])
        arrays = (
            {name: np.asarray(group[name][...]) for name in _ARRAYS}
            if record['fields']
            else _nothing(len(classes))
        )
        return FieldTable(
            **arrays,
            lattice=FieldLattice(**record['lattice']),
            classes=classes,
            roi_classes=tuple(record['roi_classes']),
            pixel_um2=record['pixel_um2'],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            f'"{describe(target)}" holds no table of fields ({error}). Run '
            'the prediction again.'
        ) from error


def _nothing(classes: int) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a table without fields."""
    empty = dict.fromkeys(_ARRAYS[:4], np.zeros(0, np.int64))
    return {
        **empty,
        'probabilities': np.zeros((0, classes)),
        'entropies': np.zeros((0, 3)),
    }


def _count(length: int, side: int) -> int:
    return max(1, (2 * length + side) // (2 * side))


def _part(index: int, side: int, count: int, length: int) -> slice:
    end = length if index == count - 1 else (index + 1) * side
    return slice(index * side, end)
