"""What was changed in QuPath, read back as decisions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.errors import ShapelyError

from napari_wsol.errors import BadInputError
from napari_wsol.regions.exchange import (
    REJECTED,
    areas_of,
    region_id,
    shifted,
    simpler,
)
from napari_wsol.regions.measurements_csv import class_names
from napari_wsol.regions.outlines import Outlines
from napari_wsol.regions.region import RegionTable
from napari_wsol.regions.verdicts import Missed

RESHAPED = 0.01
"""Share of a region's area that an outline may gain and lose unnoticed."""

DELETED = 'deleted'
"""The reason of regions that were deleted."""


@dataclass(frozen=True)
class Edits:
    """How a file differs from what was written; places in level-0 pixels.

    Parameters
    ----------
    rejected
        Number and reason of regions that became ``False positive`` or
        ``False positive: reason``, or that were deleted (reason
        ``DELETED``).
    accepted
        Regions whose class was changed to that of a region of interest.
    missed
        Every area of the file that is no region of the result: those that
        were drawn, and those that were written as missed.
    reshaped
        Number and new outline.
    reclassified
        Number and name of regions that now bear a class which is neither
        their own nor ``False positive``.
    replaced
        Regions that are gone, but most of whose area lies in ``missed``:
        they were merged, split or drawn anew.
    ignored
        Annotations that mean nothing here: points, lines, detections, new
        areas called ``False positive``.
    """

    rejected: tuple[tuple[int, str], ...] = ()
    accepted: tuple[int, ...] = ()
    missed: tuple[Missed, ...] = ()
    reshaped: tuple[tuple[int, Any], ...] = ()
    reclassified: tuple[tuple[int, str], ...] = ()
    replaced: tuple[int, ...] = ()
    ignored: int = 0


@dataclass(frozen=True)
class _Feature:
    """An annotation of the file; ``area`` is empty where it encloses none."""

    identifier: str
    area: Any
    kind: str | None
    is_annotation: bool
    metadata: Mapping[str, Any]


def read_edits(
    path: Path,
    table: RegionTable,
    outlines: Outlines,
    identity: str,
    *,
    origin: tuple[float, float] = (0.0, 0.0),
) -> Edits:
    """What was changed in a file that ``exchange.write_geojson`` wrote.

    Changes are those since the file was written. A class that was taken away
    changes nothing.

    Parameters
    ----------
    table, outlines, identity, origin
        As they were written.

    Raises
    ------
    BadInputError
        Where it cannot be read, is no GeoJSON of annotations, or holds no
        region of this result.
    """
    numbers = {region_id(identity, n): n for n in table.number.tolist()}
    known: dict[int, _Feature] = {}
    others: list[_Feature] = []
    for feature in _read(path, origin):
        number = numbers.get(feature.identifier)
        if number is None:
            others.append(feature)
        elif number in known:
            raise BadInputError(
                f'"{path}" holds region {number} twice. Delete one of them '
                'in QuPath and export again.'
            )
        else:
            known[number] = feature
    if numbers and not known:
        raise BadInputError(
            f'"{path}" holds none of the {len(numbers)} regions of this '
            'result. Choose the file that was exported for this image and '
            'edited in QuPath. If all regions are wrong, reject them in the '
            'viewer.'
        )
    new = [
        other
        for other in others
        if other.is_annotation
        and not other.area.is_empty
        and _reason(other.kind) is None
    ]
    gone = [number for number in numbers.values() if number not in known]
    return _compared(table, outlines, known, new, gone, len(others))


def _compared(
    table: RegionTable,
    outlines: Outlines,
    known: Mapping[int, _Feature],
    new: Sequence[_Feature],
    gone: Sequence[int],
    others: int,
) -> Edits:
    own = dict(zip(table.number.tolist(), class_names(table), strict=True))
    regional = {_plain(name) for name in (*table.roi_classes, *own.values())}
    rejected: dict[int, str] = {}
    accepted, reclassified, reshaped = [], [], []
    for number, feature in known.items():
        name = feature.kind
        if name is not None and name != _plain(_written(feature, own[number])):
            reason = _reason(name)
            if reason is not None:
                rejected[number] = reason
            else:
                if name in regional:
                    accepted.append(number)
                if name != _plain(own[number]):
                    reclassified.append((number, name))
        if _is_reshaped(feature, outlines.polygon(number), table):
            reshaped.append((number, feature.area))
    replaced = _replaced(gone, outlines, [each.area for each in new])
    rejected |= {n: DELETED for n in gone if n not in replaced}
    return Edits(
        rejected=tuple(sorted(rejected.items())),
        accepted=tuple(sorted(accepted)),
        missed=tuple((each.area, each.kind) for each in new),
        reshaped=tuple(sorted(reshaped, key=lambda pair: pair[0])),
        reclassified=tuple(sorted(reclassified)),
        replaced=replaced,
        ignored=others - len(new),
    )


def _written(feature: _Feature, own: str) -> str:
    """The class with which a region was written, as its metadata say."""
    told = feature.metadata.get('class')
    return told if isinstance(told, str) else own


def _reason(name: str | None) -> str | None:
    """Why a class rejects; empty without a reason, None if it does not."""
    head, _, reason = (name or '').partition(': ')
    return reason if head.casefold() == REJECTED.casefold() else None


def _is_reshaped(feature: _Feature, polygon: Any, table: RegionTable) -> bool:
    try:
        tolerance = float(feature.metadata.get('tolerance', 0))
    except (TypeError, ValueError):
        tolerance = 0.0
    before, _ = simpler(polygon, table, tolerance)
    difference = shapely.symmetric_difference(before, feature.area).area
    return bool(difference > RESHAPED * before.area)


def _replaced(
    gone: Sequence[int], outlines: Outlines, new: Sequence[Any]
) -> tuple[int, ...]:
    """The regions that are gone, but whose place new areas take."""
    if not new:
        return ()
    tree = shapely.STRtree(new)
    found = []
    for number in gone:
        polygon = areas_of(outlines.polygon(number))
        near = shapely.union_all([new[i] for i in tree.query(polygon)])
        if shapely.intersection(polygon, near).area > polygon.area / 2:
            found.append(number)
    return tuple(sorted(found))


def _read(path: Path, origin: tuple[float, float]) -> list[_Feature]:
    try:
        told = json.loads(path.read_text('utf-8-sig'))
        if isinstance(told, Mapping):
            told = told.get('features', [told])
        return [_feature(feature, origin) for feature in told]
    except OSError as error:
        raise BadInputError(
            f'"{path}" cannot be read: {error.strerror or error}.'
        ) from error
    except (
        ValueError, KeyError, TypeError, AttributeError, IndexError,
        RecursionError, ShapelyError,
    ) as error:  # fmt: skip
        raise BadInputError(
            f'"{path}" is no GeoJSON of annotations, as QuPath exports them.'
        ) from error


def _feature(told: Any, origin: tuple[float, float]) -> _Feature:
    with np.errstate(invalid='ignore'):  # what is no number is found below
        geometry = shapely.geometry.shape(told['geometry'])
    if not np.isfinite(shapely.get_coordinates(geometry)).all():
        raise ValueError('coordinates are no numbers')
    properties = told.get('properties') or {}
    metadata = properties.get('metadata')
    return _Feature(
        str(told.get('id', '')),
        shifted(areas_of(geometry), *origin),
        _kind(properties.get('classification')),
        properties.get('objectType', 'annotation') == 'annotation',
        metadata if isinstance(metadata, Mapping) else {},
    )


def _kind(told: Any) -> str | None:
    """The name of a class; QuPath tells one with colons as its parts."""
    if isinstance(told, Mapping):
        told = told.get('name') or ': '.join(told.get('names', ()))
    return _plain(str(told)) if told else None


def _plain(name: str) -> str:
    """A class's name as QuPath gives it back."""
    return ': '.join(part.strip() for part in name.split(':'))
