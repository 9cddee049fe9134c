"""Fields as GeoJSON features, as QuPath writes and reads annotations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from napari_wsol.errors import BadInputError
from napari_wsol.projects.items import Item, told_path
from napari_wsol.projects.settings import ProjectSettings
from napari_wsol.slides.geometry import Box

SQUARE = 0.01
"""Share of its bounding box that a rectangle may leave out."""


def collection_text(
    items: Iterable[Item],
    settings: ProjectSettings,
    folder: Path,
    origin: tuple[float, float] = (0.0, 0.0),
) -> str:
    """Fields as a feature collection.

    Parameters
    ----------
    items
        Those without a field are left out.
    folder
        What the images' paths are relative to.
    origin
        ``(y, x)`` of the collection's origin in level-0 pixels.
    """
    lines = ',\n'.join(
        _feature(
            item,
            item.label and settings.colour_of(item.label),
            settings.name,
            folder,
            origin,
        )
        for item in items
        if item.field is not None
    )
    return f'{{"type": "FeatureCollection", "features": [\n{lines}\n]}}\n'


@lru_cache(maxsize=1 << 15)
def _feature(
    item: Item,
    colour: str | None,
    project: str,
    folder: Path,
    origin: tuple[float, float],
) -> str:
    """An item as text; kept, since a change concerns few items of many."""
    box = item.field
    assert box is not None
    top, left = box.y - origin[0], box.x - origin[1]
    bottom, right = top + box.height, left + box.width
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    properties: dict[str, Any] = {
        'objectType': 'annotation',
        'isLocked': False,
        'metadata': {
            'image': told_path(item.image, folder),
            'group': item.group,
            'key': item.key,
        },
    }
    if colour is not None:
        properties['classification'] = {
            'name': item.label,
            'color': list(bytes.fromhex(colour.removeprefix('#'))),
        }
    feature = {
        'type': 'Feature',
        'id': str(uuid5(NAMESPACE_URL, f'{project}/{item.key}')),
        'geometry': {
            'type': 'Polygon',
            'coordinates': [[*corners, corners[0]]],
        },
        'properties': properties,
    }
    return json.dumps(feature, ensure_ascii=False)


def read_fields(
    path: Path, origin: tuple[float, float] = (0.0, 0.0)
) -> list[tuple[Box, str | None]]:
    """The rectangles of a GeoJSON file, in level-0 pixels, and their class.

    Parameters
    ----------
    origin
        ``(y, x)`` of the file's origin in level-0 pixels.

    Raises
    ------
    BadInputError
        Where the file holds no rectangles, or something else as well.
    """
    try:
        told = json.loads(path.read_text('utf-8-sig'))
        features = told['features'] if isinstance(told, Mapping) else told
        found = [_field(feature, origin) for feature in features]
    except OSError as error:
        raise BadInputError(
            f'"{path}" cannot be read: {error.strerror or error}.'
        ) from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise BadInputError(
            f'"{path}" is no GeoJSON of annotations, as QuPath exports them.'
        ) from error
    others = sum(field is None for field in found)
    if others:
        raise BadInputError(
            f'{others} of {len(found)} annotations in "{path}" are no '
            'rectangles. A field is one: export the rectangles only, or draw '
            'them in the viewer.'
        )
    if not found:
        raise BadInputError(f'"{path}" holds no annotations.')
    return [field for field in found if field is not None]


def _field(
    feature: Mapping[str, Any], origin: tuple[float, float]
) -> tuple[Box, str | None] | None:
    """The rectangle and class of a feature; None where it is another form."""
    geometry = feature['geometry']
    if geometry['type'] != 'Polygon' or len(geometry['coordinates']) != 1:
        return None
    ring = [(float(x), float(y)) for x, y, *_ in geometry['coordinates'][0]]
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    left, top = min(xs), min(ys)
    width, height = max(xs) - left, max(ys) - top
    area = abs(
        sum(
            x * v - u * y
            for (x, y), (u, v) in zip(ring, ring[1:] + ring[:1], strict=True)
        )
        / 2
    )
    if not 0 < width * height <= area * (1 + SQUARE):
        return None
    kind = feature.get('properties', {}).get('classification') or {}
    name = kind.get('name') or ' '.join(kind.get('names', ())) or None
    return Box(top + origin[0], left + origin[1], height, width), name
