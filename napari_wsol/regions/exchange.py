"""Regions as GeoJSON annotations that QuPath imports.

As QuPath 0.4 and later write and read them (``PathObjectTypeAdapters`` and
``GsonTools`` there): coordinates with two decimals, geometries that must be
valid, a class always with its colour, metadata as text, which it keeps.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import shapely

from napari_wsol.inference.colours import (
    BACKGROUND_COLOUR,
    CLASS_COLOURS,
    UNKNOWN_COLOUR,
)
from napari_wsol.regions.measurements_csv import class_names, measurements
from napari_wsol.regions.outlines import Outlines
from napari_wsol.regions.region import RegionTable
from napari_wsol.regions.verdicts import Verdicts
from napari_wsol.regions.whole_file import whole_file

REJECTED = 'False positive'
"""Class of rejected regions; a reason follows after a colon."""

LARGEST = 50_000
"""Corners of an outline that is written as it is, unless told otherwise.

Outlines with very many overflow QuPath's stack (its issue 2115).
"""

PLACES = 0.01
"""Grid of written coordinates in level-0 pixels, as QuPath's."""


def region_id(identity: str, number: int) -> str:
    """The identifier of a region, the same in every export of a result.

    Parameters
    ----------
    identity
        What tells the result from others (its store's fingerprint); cannot
        be read from the identifier.
    """
    return str(uuid5(NAMESPACE_URL, f'{identity}/{number}'))


def write_geojson(
    path: Path,
    table: RegionTable,
    outlines: Outlines,
    identity: str,
    *,
    verdicts: Verdicts | None = None,
    origin: tuple[float, float] = (0.0, 0.0),
    tolerance: float | None = None,
) -> None:
    """Write a feature per region, and one per missed area.

    Regions bear the name of their class; rejected ones ``False positive`` or
    ``False positive: reason``. The file names no image.

    Parameters
    ----------
    identity
        As in ``region_id``; ``edits.read_edits`` needs the same.
    origin
        ``(y, x)`` of QuPath's image in level-0 pixels: it crops to the
        slide's bounds.
    tolerance
        How far, in level-0 pixels, an outline may be moved to make it
        simpler; 0 leaves all as they are. None moves those of more than
        ``LARGEST`` corners, by one pixel of the map.

    Raises
    ------
    BadInputError
        Where it cannot be written.
    """
    said = verdicts or Verdicts()
    with whole_file(path) as stream:
        stream.write('{"type": "FeatureCollection", "features": [')
        between = '\n'
        for feature in _features(
            table, outlines, identity, said, origin, tolerance
        ):
            stream.write(between + feature)
            between = ',\n'
        stream.write('\n]}\n')


def simpler(
    polygon: Any, table: RegionTable, tolerance: float | None
) -> tuple[Any, float]:
    """A valid outline with the corners that are written, and the tolerance."""
    if tolerance is None:
        large = shapely.get_num_coordinates(polygon) > LARGEST
        frame = table.frame
        tolerance = max(frame.step_y, frame.step_x) if large else 0.0
    polygon = areas_of(polygon)
    if tolerance:
        polygon = areas_of(shapely.simplify(polygon, tolerance))
    return polygon, tolerance


def areas_of(geometry: Any) -> Any:
    """A geometry made valid, without points and lines; maybe empty."""
    if not shapely.is_valid(geometry):
        geometry = shapely.make_valid(geometry)
    if geometry.geom_type in ('Polygon', 'MultiPolygon'):
        return geometry
    parts = shapely.get_parts(geometry)
    return shapely.union_all([p for p in parts if p.area > 0])


def exported_class(name: str, verdicts: Verdicts, number: int) -> str:
    """The class with which a region is written."""
    if number not in verdicts.rejected:
        return name
    reason = verdicts.rejected[number]
    return f'{REJECTED}: {reason}' if reason else REJECTED


def _features(
    table: RegionTable,
    outlines: Outlines,
    identity: str,
    verdicts: Verdicts,
    origin: tuple[float, float],
    tolerance: float | None,
) -> Iterator[str]:
    measured = measurements(table)
    names = class_names(table)
    for index, number in enumerate(table.number.tolist()):
        outline, moved = simpler(outlines.polygon(number), table, tolerance)
        name = exported_class(names[index], verdicts, number)
        rejected = number in verdicts.rejected
        colour = int(table.roi_class[index]) % len(CLASS_COLOURS)
        metadata = {'region': str(number), 'class': name}
        if verdicts.of(number):
            metadata['decision'] = verdicts.of(number)
        if moved:
            metadata['tolerance'] = f'{moved:g}'
        yield _feature(
            region_id(identity, number),
            shifted(outline, -origin[0], -origin[1]),
            name=f'Region {number}',
            classification=_classified(
                name, BACKGROUND_COLOUR if rejected else CLASS_COLOURS[colour]
            ),
            measurements={
                key: float(f'{column[index]:.7g}')
                for key, column in measured.items()
                if np.isfinite(column[index])
            },
            metadata=metadata,
        )
    for place, (area, kind) in enumerate(verdicts.missed, 1):
        outline, _ = simpler(area, table, tolerance)
        known = {}
        if kind is not None:
            known['classification'] = _classified(
                kind, _colour(kind, table.roi_classes)
            )
        yield _feature(
            region_id(identity, -place),
            shifted(outline, -origin[0], -origin[1]),
            name=f'Missed {place}',
            **known,
        )


def shifted(geometry: Any, y: float, x: float) -> Any:
    """A geometry moved by level-0 pixels."""
    if not (y or x):
        return geometry
    move = np.array([x, y])
    return shapely.transform(geometry, lambda points: points + move)


def _feature(identifier: str, outline: Any, **properties: Any) -> str:
    """A feature as text; the outline is written by GEOS, being long."""
    ring = shapely.to_geojson(
        shapely.orient_polygons(shapely.set_precision(outline, PLACES))
    )
    told = json.dumps(
        {'objectType': 'annotation', 'isLocked': False, **properties},
        ensure_ascii=False,
        allow_nan=False,
    )
    return (
        f'{{"type": "Feature", "id": "{identifier}", "geometry": {ring}, '
        f'"properties": {told}}}'
    )


def _classified(name: str, colour: Sequence[int]) -> dict[str, Any]:
    return {'name': name, 'color': list(colour)}


def _colour(name: str, roi_classes: Sequence[str]) -> tuple[int, int, int]:
    if name not in roi_classes:
        return UNKNOWN_COLOUR
    return CLASS_COLOURS[roi_classes.index(name) % len(CLASS_COLOURS)]
