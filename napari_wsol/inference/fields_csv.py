"""What was found in each field by name and unit, and as a CSV."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_wsol.inference.fields import FieldTable
from napari_wsol.regions.whole_file import whole_file

Floats = npt.NDArray[np.float64]


def class_names(table: FieldTable) -> list[str]:
    """The likeliest class of each field."""
    return [table.classes[index] for index in table.likeliest.tolist()]


def figures(table: FieldTable) -> dict[str, Floats]:
    """Each figure of the fields by its name, ``(N,)``, NaN: unknown.

    What has no unit lies between 0 and 1: the probability of each class, the
    entropy of the field and of its foreground and its background alone, and
    the share of its tissue that is marked.
    """
    whole, foreground, background = table.entropies.T
    return {
        **{
            f'Probability {name}': column
            for name, column in zip(
                table.classes, table.probabilities.T, strict=True
            )
        },
        'Entropy': whole,
        'Entropy foreground': foreground,
        'Entropy background': background,
        'Marked share': table.marked_share,
        'Marked mm^2': table.marked_mm2,
    }


def write_fields_csv(path: Path, table: FieldTable) -> None:
    """Write a row per field; empty where the area is not known.

    The columns are ``Field`` (from 1 on), ``Class`` (the likeliest), ``Left
    px``, ``Top px``, ``Width px`` and ``Height px`` in level-0 pixels, and
    those of ``figures``. The file names no image. It begins with a byte order
    mark, by which spreadsheets know that it is UTF-8.

    Raises
    ------
    BadInputError
        Where it cannot be written.
    """
    columns = figures(table)
    values = np.stack(list(columns.values()), -1)
    with whole_file(path, 'utf-8-sig') as stream:
        writer = csv.writer(stream)
        writer.writerow(
            [
                'Field',
                'Class',
                'Left px',
                'Top px',
                'Width px',
                'Height px',
                *columns,
            ]
        )
        for number, (name, box, row) in enumerate(
            zip(class_names(table), table.boxes, values, strict=True), 1
        ):
            place = (box.x, box.y, box.width, box.height)
            cells = (
                '' if np.isnan(value) else f'{value:.9g}' for value in row
            )
            writer.writerow(
                [number, name, *(f'{side:.9g}' for side in place), *cells]
            )
