"""The store that a run writes, and from which it is resumed.

What lies where is said in ``inference.layout``. A chunk is marked in
``run/tiles`` after all its maps are written.

A store that is shared out is written by several processes at once, each in
blocks of its own: no file belongs to two blocks. Its coarse levels wait until
one process has it for itself again.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.errors import ContainsArrayError, GroupNotFoundError

from napari_wsol.errors import BadInputError
from napari_wsol.inference.grid import Block, Tile
from napari_wsol.inference.layout import ATTRIBUTE, StoreSpec, create_layout
from napari_wsol.inference.maps import (
    CLASSES,
    ENTROPY,
    MASK,
    PROBABILITY,
    ChunkMaps,
    Map,
)
from napari_wsol.inference.pyramid import Level, chunk_region
from napari_wsol.inference.target import (
    Target,
    describe,
    for_zarr,
    writing_to,
)


class ResultStore:
    """The arrays of one run; see ``inference.layout``.

    Not meant to be written by several threads at once.

    Parameters
    ----------
    group
        As ``open_store`` gives it.
    block
        To which the caller keeps; what is done elsewhere is not known then.
    """

    def __init__(
        self, target: Target, group: zarr.Group, block: Block | None = None
    ) -> None:
        self.target = target
        self._group = group
        self._tiles = _array(group, 'run/tiles')
        region = ... if block is None else _square(block)
        self._state = np.full(self._tiles.shape, -1, self._tiles.dtype)
        self._state[region] = self._tiles[region]
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
    def compiled(self) -> bool:
        """Whether the run is held to a compiled network."""
        return bool(self._record.get('compiled', False))

    @property
    def finished(self) -> bool:
        """Whether every planned chunk is there."""
        return bool(self._record.get('finished', False))

    @property
    def shared(self) -> bool:
        """Whether it is shared out."""
        return _is_shared(self._record)

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

    def block_of(self, chunk: Tile) -> Block:
        """The block of a chunk: where its state lies in the same file."""
        side = self._tiles.chunks[0]
        return Block(chunk.row // side, chunk.col // side, side)

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
        region = _square(self.block_of(chunk))
        with writing_to(self.target):
            self._tiles[region] = self._state[region]

    def finish(self) -> None:
        """Note that the run is complete."""
        if not self.finished:
            self._update(finished=True)

    def set_batch(self, batch: int) -> None:
        """Hold the rest of the run to a smaller batch."""
        self._update(batch=batch)

    def set_plain(self) -> None:
        """Let the rest of the run do without a compiled network."""
        self._update(compiled=False)

    def share(self) -> None:
        """Note that it is shared out."""
        self._update(shared=True)

    def unshare(self) -> None:
        """Note that one process has it again, and its levels are there."""
        self._update(shared=None)

    @property
    def _record(self) -> dict[str, Any]:
        record = self._group.attrs[ATTRIBUTE]
        assert isinstance(record, dict)
        return record

    def _update(self, **entries: Any) -> None:
        record = {**self._record, **entries}
        known = {k: v for k, v in record.items() if v is not None}
        with writing_to(self.target):
            self._group.update_attributes({ATTRIBUTE: known})


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
        if group is not None and _is_of(group, spec.fingerprint):
            _tidy(target)
            return ResultStore(target, group)
        if group is not None:
            # The group's own entry, which says that it is ours, goes last.
            for name in list(group.keys()):
                del group[name]
        return ResultStore(target, create_layout(target, spec))


def join_store(
    target: Target, fingerprint: str, block: Block
) -> ResultStore | None:
    """The store of a run that is shared out, to write one of its blocks.

    None where it is not: somebody else has it for himself meanwhile.

    Raises
    ------
    BadInputError
        Where something else lies there.
    """
    group = _existing(target)
    if group is None or not _is_of(group, fingerprint):
        return None
    store = ResultStore(target, group, block)
    return store if store.shared else None


def shared_blocks(target: Target) -> tuple[Block, ...]:
    """The blocks of a store that is shared out; none of any other.

    Raises
    ------
    BadInputError
        Where something else lies there.
    """
    group = _existing(target)
    if group is None or not _is_shared(group.attrs[ATTRIBUTE]):
        return ()
    tiles = _array(group, 'run/tiles')
    rows, cols, _ = tiles.cdata_shape
    places = product(range(rows), range(cols))
    return tuple(Block(row, col, tiles.chunks[0]) for row, col in places)


def _is_shared(record: Any) -> bool:
    """Whether a store's record says that it is shared out."""
    return isinstance(record, dict) and bool(record.get('shared', False))


def _is_of(group: zarr.Group, fingerprint: str) -> bool:
    record = group.attrs[ATTRIBUTE]
    return (
        isinstance(record, dict) and record.get('fingerprint') == fingerprint
    )


def _square(block: Block) -> tuple[slice, slice]:
    row, col, side = block.row * block.side, block.col * block.side, block.side
    return slice(row, row + side), slice(col, col + side)


def _existing(target: Target) -> zarr.Group | None:
    """The group of an earlier run, None where there is nothing yet."""
    if isinstance(target, Path):
        if not target.exists():
            return None
        if target.is_dir() and not any(target.iterdir()):
            return None
    try:
        group = zarr.open_group(for_zarr(target), mode='r+', zarr_format=3)
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


def _array(group: zarr.Group, path: str) -> zarr.Array[Any]:
    array = group[path]
    assert isinstance(array, zarr.Array)
    return array


def _group(group: zarr.Group, path: str) -> zarr.Group:
    found = group[path]
    assert isinstance(found, zarr.Group)
    return found
