"""The arrays that a run writes.

::

    <stem>.zarr/              an NGFF image by itself: its probability
      probability/0, 1, ..    ROI probability, finest first, float32
      entropy/0, 1, ..        of each pixel's ROI or not, 0..1, float32
      class_probability/..    (C, y, x), of each class given ROI, float32
      labels/mask/0, 1, ..    0 background, i + 1 the i-th ROI class, uint8
      classifier/scores       (3, C, y, x) class scores of each cell
      run/tiles               (row, col, 2) pixels wanted and marked, -1 = open
      fields/                 N fields; written last, only with a classifier
        row, col              (N,) places in the lattice, int64
        wanted, marked        (N,) map pixels that count and are marked, int64
        probabilities         (N, C) of each class, float64
        entropies             (N, 3) whole, foreground, background, float64

The group's attribute ``napari_wsol`` holds the run's fingerprint and whether
it is finished, and says ``shared`` while several processes may write the
finest level and nobody the coarse ones; that of ``fields`` holds the lattice
(cells per field, level-0 pixels per cell), the names of the classes and the
area of a map pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2

import zarr
from zarr.codecs import BloscCodec

from napari_wsol.inference import ngff
from napari_wsol.inference.grid import Grid
from napari_wsol.inference.maps import CLASSES, ENTROPY, MASK, PROBABILITY
from napari_wsol.inference.target import Target, for_zarr

ATTRIBUTE = 'napari_wsol'
FORMAT = 1

COARSEST = 512
"""Levels are added until the longest side has at most this many pixels."""

STATE_CHUNK = 8
"""Side of a chunk of ``run/tiles``: of the blocks that workers share."""


@dataclass(frozen=True)
class StoreSpec:
    """What a store holds.

    Parameters
    ----------
    classes
        Channels of the classifier's maps; 0 where it does not run.
    labels
        Name of each value of the mask, from 1 on.
    pixel_size
        µm per level-0 pixel along y and x, None where unknown.
    fingerprint
        Of everything that the maps depend on.
    batch
        Tiles per batch with which the run began.
    compiled
        Whether it began with a compiled network.
    """

    grid: Grid
    classes: int
    labels: tuple[str, ...]
    pixel_size: tuple[float, float] | None
    fingerprint: str
    batch: int
    compiled: bool = False


def create_layout(target: Target, spec: StoreSpec) -> zarr.Group:
    """The arrays of a new run, empty; what was there is overwritten."""
    grid = spec.grid
    # The attribute comes first: it says whose folder this is, should the
    # process die before the fingerprint is there.
    group = zarr.create_group(
        for_zarr(target),
        overwrite=True,
        zarr_format=3,
        attributes={ATTRIBUTE: {'format': FORMAT}},
    )
    longest = max(grid.map_shape)
    count = 1 + max(0, ceil(log2(longest / COARSEST)))
    for name in (PROBABILITY, ENTROPY):
        _create_map(group, name, spec, count, 'float32')
    if len(spec.labels) > 1:
        _create_map(
            group, CLASSES, spec, count, 'float32', channels=len(spec.labels)
        )
    group.create_group(
        'labels', attributes={'ome': ngff.labels([MASK.split('/')[1]])}
    )
    _create_map(group, MASK, spec, count, 'uint8')
    group.create_array(
        'run/tiles',
        shape=(grid.rows, grid.cols, 2),
        chunks=(STATE_CHUNK, STATE_CHUNK, 2),
        dtype='int32',
        fill_value=-1,
    )
    if spec.classes:
        group.create_array(
            'classifier/scores',
            shape=(3, spec.classes, *grid.cells_shape),
            chunks=(3, spec.classes, *grid.cells_chunk),
            dtype='float32',
            fill_value=float('nan'),
        )
    paths = [f'{PROBABILITY}/{level}' for level in range(count)]
    group.update_attributes(
        {
            'ome': ngff.multiscales(
                PROBABILITY, paths, grid.map_step, spec.pixel_size
            ),
            ATTRIBUTE: {
                'format': FORMAT,
                'fingerprint': spec.fingerprint,
                'batch': spec.batch,
                'compiled': spec.compiled,
                'finished': False,
            },
        }
    )
    return group


def _create_map(
    group: zarr.Group,
    name: str,
    spec: StoreSpec,
    count: int,
    dtype: str,
    *,
    channels: int = 0,
) -> None:
    grid = spec.grid
    leading = (channels,) if channels else ()
    names = ('c', 'y', 'x') if channels else ('y', 'x')
    ome = ngff.multiscales(
        name.split('/')[-1],
        [str(level) for level in range(count)],
        grid.map_step,
        spec.pixel_size,
        channels=bool(channels),
        kind='majority' if name == MASK else 'mean',
    )
    if name == MASK:
        ome['image-label'] = ngff.image_label(spec.labels)
    if channels:
        ome['omero'] = {
            'channels': [
                {
                    'label': label,
                    'color': 'FFFFFF',
                    'window': {'min': 0, 'max': 1, 'start': 0, 'end': 1},
                }
                for label in spec.labels
            ]
        }
    parent = group.create_group(name, attributes={'ome': ome})
    height, width = grid.map_shape
    for level in range(count):
        parent.create_array(
            str(level),
            shape=(*leading, ceil(height / 2**level), ceil(width / 2**level)),
            chunks=(*leading, *grid.chunk),
            dtype=dtype,
            fill_value=0,
            compressors=BloscCodec(
                cname='zstd', clevel=3, shuffle='bitshuffle'
            ),
            dimension_names=names,
        )
