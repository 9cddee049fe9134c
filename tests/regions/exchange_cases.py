"""A result of four regions, one with a hole."""

from dataclasses import dataclass

import numpy as np
import shapely

from napari_wsol.regions.region import COLUMNS, Frame, RegionTable

FRAME = Frame(4.967741935, 4.967741935, mpp_y=0.25, mpp_x=0.25)
STEP = FRAME.step_x

_CELLS = (
    shapely.box(10, 10, 30, 30).difference(shapely.box(15, 15, 20, 25)),
    shapely.union(shapely.box(40, 5, 50, 25), shapely.box(40, 25, 70, 30)),
    shapely.box(5, 60, 8, 64),
    shapely.box(60, 60, 90, 80),
)
"""In map pixels."""


@dataclass(frozen=True)
class Drawn:
    """Outlines that are all there."""

    polygons: tuple

    def polygon(self, number):
        return self.polygons[number - 1]


def drawn(frame=FRAME, cells=_CELLS):
    """A table of regions and their outlines."""
    outlines = Drawn(
        tuple(
            shapely.transform(
                cell,
                lambda points: (
                    points * (frame.step_x, frame.step_y)
                    + (frame.origin_x, frame.origin_y)
                ),
            )
            for cell in cells
        )
    )
    left, top, right, bottom = np.array([c.bounds for c in cells], int).T
    centres = [each.centroid for each in outlines.polygons]
    count = len(cells)
    known = {
        'number': np.arange(1, count + 1),
        'top': top,
        'left': left,
        'bottom': bottom,
        'right': right,
        'pixels': np.array([round(cell.area) for cell in cells]),
        'roi_class': np.arange(count) % 2,
        'centre_x': np.array([centre.x for centre in centres]),
        'centre_y': np.array([centre.y for centre in centres]),
        'mean_probability': np.linspace(0.6, 0.9, count),
        'max_probability': np.linspace(0.7, 1, count),
        'perimeter': np.array(
            [p.length * (frame.mpp_x or 1) for p in outlines.polygons]
        ),
    }
    unknown = np.full(count, np.nan)
    table = RegionTable(
        **{name: known.get(name, unknown) for name in COLUMNS},
        frame=frame,
        roi_classes=('benign', 'malignant'),
    )
    return table, outlines
