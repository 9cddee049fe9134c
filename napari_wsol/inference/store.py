"""The OME-Zarr store that a run writes, and from which it is resumed.

::

    <stem>.zarr/              an NGFF image by itself: its probability
      probability/0, 1, ..    ROI probability, finest first, float32
      entropy/0, 1, ..        of each pixel's ROI or not, 0..1, float32
      class_probability/..    (C, y, x), of each class given ROI, float32
      labels/mask/0, 1, ..    0 background, i + 1 the i-th ROI class, uint8
      classifier/scores       (3, C, y, x) class scores of each cell
      run/tiles               (row, col, 2) pixels wanted and marked, -1 = open

A chunk is marked in ``run/tiles`` after all its maps are written. The
group's attribute ``napari_wsol`` holds the run's fingerprint and whether it
is finished.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EACCES, EDQUOT, ENOSPC, EPERM, EROFS
from math import ceil, log2
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.abc.store import Store
from zarr.codecs import BloscCodec
from zarr.errors import ContainsArrayError, GroupNotFoundError

from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.inference import ngff
from napari_wsol.inference.grid import Grid, Tile
from napari_wsol.inference.maps import (
    CLASSES,
    ENTROPY,
    MASK,
    PROBABILITY,
    ChunkMaps,
    Map,
)
from napari_wsol.inference.pyramid import Level, chunk_region

Target = Path | Store

ATTRIBUTE = 'napari_wsol'
FORMAT = 1

COARSEST = 512
"""Levels are added until the longest side has at most this many pixels."""

_STATE_CHUNK = 32

_REASONS = {
    ENOSPC: 'the disk is full',
    EDQUOT: 'your disk quota is used up',
    EACCES: 'writing there is not permitted',
    EPERM: 'writing there is not permitted',
    EROFS: 'it is read-only',
}


@dataclass(frozen=True)
class StoreSpec:
    """What a store holds.

    Parameters
    ----------
    classes
        Number of the classifier's classes; 0 where it does not run.
    labels
        Name of each value of the mask, from 1 on.
    pixel_size
        µm per level-0 pixel along y and x, None where unknown.
    fingerprint
        Of everything that the maps depend on.
    batch
        Tiles per batch with which the run began.
    """

    grid: Grid
    classes: int
    labels: tuple[str, ...]
    pixel_size: tuple[float, float] | None
    fingerprint: str
    batch: int


class ResultStore:
    """The arrays of one run; see the module for what lies where.

    Not meant to be written by several threads at once.

    Parameters
    ----------
    group
        As ``open_store`` gives it.
    """

    def __init__(self, target: Target, group: zarr.Group) -> None:
        self.target = target
        self._group = group
        self._tiles = _array(group, 'run/tiles')
        self._state = np.asarray(self._tiles[...])
        self._scores = (
            _array(group, 'classifier/scores')
            if 'classifier' in group
            else None
        )
        names = [
            name
            for name in (PROBABILITY, ENTROPY, MASK, CLASSES)
            if name in group
        ]
        count = len(list(_group(group, PROBABILITY).array_keys()))
        self.levels: list[Level] = [
            {name: _array(group, f'{name}/{level}') for name in names}
            for level in range(count)
        ]

    @property
    def batch(self) -> int:
        """Tiles per batch that the run is held to."""
        return int(self._record['batch'])

    @property
    def finished(self) -> bool:
        """Whether every planned chunk is there."""
        return bool(self._record.get('finished', False))

    @property
    def wanted_pixels(self) -> int:
        """Map pixels that count, over all finished chunks."""
        return int(self._state[..., 0].clip(0).sum(dtype=np.int64))

    @property
    def foreground_pixels(self) -> int:
        """Map pixels that the mask marks, over all finished chunks."""
        return int(self._state[..., 1].clip(0).sum(dtype=np.int64))

    def done(self) -> set[Tile]:
        """The chunks that are finished."""
        rows, cols = np.nonzero(self._state[..., 0] >= 0)
        return set(map(Tile, rows.tolist(), cols.tolist()))

    def write_maps(self, chunk: Tile, maps: dict[str, Map]) -> None:
        """Write a chunk's maps at the finest level."""
        with writing_to(self.target):
            for name, values in maps.items():
                array = self.levels[0][name]
                array[chunk_region(array, chunk)] = values

    def write_scores(
        self, tile: Tile, scores: npt.NDArray[np.float32]
    ) -> None:
        """Write a tile's cells, ``(3, C, hc, wc)``."""
        if self._scores is None:
            return
        region = chunk_region(self._scores, tile)
        _, rows, cols = region
        cells = scores[..., : rows.stop - rows.start, : cols.stop - cols.start]
        with writing_to(self.target):
            self._scores[region] = cells

    def mark_done(self, chunk: Tile, maps: ChunkMaps) -> None:
        """Note that a chunk's maps and scores are written for good."""
        self._state[chunk] = maps.wanted, maps.foreground
        y, x = (place // _STATE_CHUNK * _STATE_CHUNK for place in chunk)
        region = slice(y, y + _STATE_CHUNK), slice(x, x + _STATE_CHUNK)
        with writing_to(self.target):
            self._tiles[region] = self._state[region]

    def scores(self) -> npt.NDArray[np.float32] | None:
        """The classifier's cells ``(3, C, hc, wc)``, NaN where not run."""
        return None if self._scores is None else np.asarray(self._scores[...])

    def finish(self) -> None:
        """Note that the run is complete."""
        if not self.finished:
            self._update(finished=True)

    def set_batch(self, batch: int) -> None:
        """Hold the rest of the run to a smaller batch."""
        self._update(batch=batch)

    @property
    def _record(self) -> dict[str, Any]:
        record = self._group.attrs[ATTRIBUTE]
        assert isinstance(record, dict)
        return record

    def _update(self, **entries: Any) -> None:
        with writing_to(self.target):
            self._group.update_attributes(
                {ATTRIBUTE: {**self._record, **entries}}
            )


def open_store(target: Target, spec: StoreSpec) -> ResultStore:
    """The store of a run: an earlier one of the same fingerprint, or new.

    A store of another fingerprint is replaced, anything else is left alone.

    Raises
    ------
    BadInputError
        Where something else lies there.
    WsolError
        Where it cannot be written.
    """
    with writing_to(target):
        group = _existing(target)
        record = None if group is None else group.attrs[ATTRIBUTE]
        if (
            group is not None
            and isinstance(record, dict)
            and record.get('fingerprint') == spec.fingerprint
        ):
            _tidy(target)
            return ResultStore(target, group)
        if group is not None:
            # The group's own entry, which says that it is ours, goes last.
            for name in list(group.keys()):
                del group[name]
        return ResultStore(target, _create(target, spec))


@contextmanager
def writing_to(target: Target) -> Iterator[None]:
    """Say in one line why a store cannot be written.

    Raises
    ------
    WsolError
        In place of an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise WsolError(
            f'The results cannot be written to "{describe(target)}": '
            f'{reason}. What is done so far is kept; make room or choose '
            'another folder, and run again.'
        ) from error


def describe(target: Target) -> str:
    """Where a store is, for a message."""
    return str(target) if isinstance(target, Path) else type(target).__name__


def _existing(target: Target) -> zarr.Group | None:
    """The group of an earlier run, None where there is nothing yet."""
    if isinstance(target, Path):
        if not target.exists():
            return None
        if target.is_dir() and not any(target.iterdir()):
            return None
    try:
        group = zarr.open_group(_store(target), mode='r+', zarr_format=3)
        ours = ATTRIBUTE in group.attrs
    except GroupNotFoundError:
        if not isinstance(target, Path):
            return None
        ours = False
    except (ContainsArrayError, NotADirectoryError, ValueError):
        ours = False
    if not ours:
        raise BadInputError(
            f'"{describe(target)}" exists and is no result of this program, '
            'so it is left as it is. Choose another place for the results.'
        )
    return group


def _tidy(target: Target) -> None:
    """Remove what a killed run was writing when it died."""
    if isinstance(target, Path):
        for partial in target.rglob('*.partial'):
            partial.unlink(missing_ok=True)


def _create(target: Target, spec: StoreSpec) -> zarr.Group:
    grid = spec.grid
    # The attribute comes first: it says whose folder this is, should the
    # process die before the fingerprint is there.
    group = zarr.create_group(
        _store(target),
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
        chunks=(_STATE_CHUNK, _STATE_CHUNK, 2),
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


def _store(target: Target) -> Any:
    return str(target) if isinstance(target, Path) else target


def _array(group: zarr.Group, path: str) -> zarr.Array[Any]:
    array = group[path]
    assert isinstance(array, zarr.Array)
    return array


def _group(group: zarr.Group, path: str) -> zarr.Group:
    found = group[path]
    assert isinstance(found, zarr.Group)
    return found
