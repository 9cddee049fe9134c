"""The measurements of regions by name and unit, and as a CSV."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_wsol.regions.region import RegionTable
from napari_wsol.regions.verdicts import Verdicts
from napari_wsol.regions.whole_file import whole_file

Floats = npt.NDArray[np.float64]

ROI_NAME = 'Region of interest'
"""What a region is called where the model knows no classes of regions."""


def class_names(table: RegionTable) -> list[str]:
    """The name of each region's class."""
    names = table.roi_classes or (ROI_NAME,)
    return [names[index] for index in table.roi_class]


def measurements(table: RegionTable) -> dict[str, Floats]:
    """Each measurement by its name with the unit, ``(N,)``, NaN: unknown.

    What has no unit lies between 0 and 1, or is an optical density (OD).
    """
    unit = table.unit
    return {
        f'Area {unit}^2': table.area,
        f'Perimeter {unit}': table.perimeter,
        f'Major axis {unit}': table.major_axis,
        f'Minor axis {unit}': table.minor_axis,
        'Circularity': table.circularity,
        'Mean probability': table.mean_probability,
        'Max probability': table.max_probability,
        'Mean pixel entropy': table.mean_entropy,
        'Haematoxylin OD': table.haematoxylin,
        'Eosin OD': table.eosin,
        'Class probability of the region alone': table.class_alone,
        'Entropy change without the region': table.entropy_without,
    }


def write_measurements(
    path: Path, table: RegionTable, verdicts: Verdicts | None = None
) -> None:
    """Write a row per region; empty where something was not measured.

    Places are in level-0 pixels. The file names no image. It begins with a
    byte order mark, by which spreadsheets know that it is UTF-8.

    Parameters
    ----------
    verdicts
        Adds the columns ``Decision`` and ``Reason``.

    Raises
    ------
    BadInputError
        Where it cannot be written.
    """
    columns = {
        'Centre x px': table.centre_x,
        'Centre y px': table.centre_y,
        **_boxes(table),
        **measurements(table),
    }
    head = ['Region', 'Class', *columns]
    if verdicts is not None:
        head += ['Decision', 'Reason']
    values = np.stack(list(columns.values()), -1)
    with whole_file(path, 'utf-8-sig') as stream:
        writer = csv.writer(stream)
        writer.writerow(head)
        for number, name, row in zip(
            table.number.tolist(), class_names(table), values, strict=True
        ):
            cells = ['' if np.isnan(v) else f'{v:.9g}' for v in row]
            if verdicts is not None:
                cells.append(verdicts.of(number))
                cells.append(verdicts.rejected.get(number, ''))
            writer.writerow([number, name, *cells])


def _boxes(table: RegionTable) -> dict[str, Floats]:
    boxes = [table.box(index) for index in range(len(table))]
    sides = np.array(
        [(box.x, box.y, box.width, box.height) for box in boxes], np.float64
    ).reshape(-1, 4)
    names = 'Left px', 'Top px', 'Width px', 'Height px'
    return dict(zip(names, sides.T, strict=True))
