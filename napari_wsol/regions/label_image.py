"""Regions as an OME-Zarr label image, one value for each region."""

from __future__ import annotations

from collections.abc import Generator
from itertools import pairwise
from math import ceil, log2
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec
from zarr.errors import ContainsArrayError

from napari_wsol.errors import BadInputError
from napari_wsol.inference import ngff
from napari_wsol.inference.layout import COARSEST
from napari_wsol.inference.pace import Pace
from napari_wsol.inference.settings import Progress
from napari_wsol.inference.target import writing_to
from napari_wsol.regions.labelling import cut
from napari_wsol.regions.outlines import Outlines
from napari_wsol.regions.painting import painted
from napari_wsol.regions.region import Frame, RegionTable

Labels = zarr.Array[Any]


def write_labels(
    image: Path,
    table: RegionTable,
    outlines: Outlines,
    shape: tuple[int, int],
    chunks: tuple[int, int],
    *,
    name: str = 'regions',
) -> Generator[Progress, None, None]:
    """Write ``labels/<name>`` into an OME-Zarr group (NGFF 0.5).

    Pixels of a region have its number, int32; all others, those of outlined
    regions that the table leaves out too, 0. Coarser levels take every other
    pixel. The label image is listed once it is whole.

    Parameters
    ----------
    image
        Folder of the group, which is made where there is none. Labels of
        that name in it are replaced.
    shape, chunks
        ``(height, width)`` of the map and of its chunks, in map pixels.

    Yields
    ------
    Progress
        In megapixels of the map.

    Raises
    ------
    BadInputError
        Where something else lies there.
    WsolError
        Where it cannot be written.
    """
    with writing_to(image):
        parent = _labels_of(image)
        _list(parent, name, listed=False)
        levels = _levels(parent, name, table, shape, chunks)
        numbers = np.zeros(len(outlines), np.int32)
        numbers[table.number - 1] = table.number
        pace = Pace(shape[0] * shape[1] / 1e6, 'MP', 'writing labels')
        done = 0
        for block, labels in painted(outlines, numbers, cut(shape, chunks)):
            levels[0][block.place] = labels
            done += block.pixels
            yield pace(done / 1e6)
        for finer, coarser in pairwise(levels):
            _halve(finer, coarser)
        _list(parent, name, listed=True)


def _labels_of(image: Path) -> zarr.Group:
    try:
        group = zarr.open_group(str(image), mode='a', zarr_format=3)
        return group.require_group('labels')
    except (ContainsArrayError, FileExistsError, TypeError) as error:
        raise BadInputError(
            f'"{image}" is no OME-Zarr group, so it is left as it is. Choose '
            'another place for the labels.'
        ) from error


def _list(parent: zarr.Group, name: str, *, listed: bool) -> None:
    """Say, or no longer say, that there are labels of a name."""
    ome: Any = parent.attrs.get('ome', {})
    names = [each for each in ome.get('labels', ()) if each != name]
    if listed:
        names.append(name)
    parent.update_attributes({'ome': {**ome, **ngff.labels(names)}})


def _levels(
    parent: zarr.Group,
    name: str,
    table: RegionTable,
    shape: tuple[int, int],
    chunks: tuple[int, int],
) -> list[Labels]:
    count = 1 + max(0, ceil(log2(max(shape) / COARSEST)))
    group = parent.create_group(
        name, overwrite=True, attributes={'ome': _metadata(name, table, count)}
    )
    return [
        group.create_array(
            str(level),
            shape=tuple(ceil(length / 2**level) for length in shape),
            chunks=chunks,
            dtype='int32',
            fill_value=0,
            compressors=BloscCodec(cname='zstd', clevel=3, shuffle='shuffle'),
            dimension_names=('y', 'x'),
        )
        for level in range(count)
    ]


def _metadata(name: str, table: RegionTable, count: int) -> dict[str, Any]:
    frame = table.frame
    size = _pixel_size(frame)
    ome = ngff.multiscales(
        name,
        [str(level) for level in range(count)],
        (frame.step_y, frame.step_x),
        size,
        kind='nearest',
    )
    origin = frame.origin_y, frame.origin_x
    for dataset in ome['multiscales'][0]['datasets']:
        _, translation = dataset['coordinateTransformations']
        translation['translation'] = [
            shift + start * each
            for shift, start, each in zip(
                translation['translation'], origin, size or (1, 1), strict=True
            )
        ]
    ome['image-label'] = {
        'properties': [
            {'label-value': int(number), 'class': table.roi_classes[place]}
            for number, place in zip(
                table.number, table.roi_class, strict=True
            )
        ],
        'source': {'image': '../../'},
    }
    return ome


def _pixel_size(frame: Frame) -> tuple[float, float] | None:
    if frame.mpp_y is None or frame.mpp_x is None:
        return None
    return frame.mpp_y, frame.mpp_x


def _halve(finer: Labels, coarser: Labels) -> None:
    """Every other row and column; the first of each is kept."""
    height, width = coarser.shape
    high, wide = coarser.chunks
    for block in cut((height, width), (high, wide)):
        twice = (
            slice(2 * block.top, 2 * block.bottom),
            slice(2 * block.left, 2 * block.right),
        )
        coarser[block.place] = np.asarray(finer[twice])[::2, ::2]
