"""Coarser levels of the maps, kept up while the run goes on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import zarr

from napari_wsol.inference.grid import Tile
from napari_wsol.inference.maps import Map, halved

Level = dict[str, 'zarr.Array[Any]']


class Pyramid:
    """Writes a coarser chunk when the four below it are there.

    Only chunks between "begun" and "complete" are in memory, never a level.

    Parameters
    ----------
    levels
        The arrays of each level by map name, finest first, all with the same
        chunk.
    planned
        Chunks of the finest level that the run writes.
    """

    def __init__(
        self, levels: Sequence[Level], planned: Collection[Tile]
    ) -> None:
        self._levels = levels
        self._children: list[dict[Tile, set[Tile]]] = [{}]
        below: Collection[Tile] = planned
        for _ in levels[1:]:
            parents: dict[Tile, set[Tile]] = {}
            for child in below:
                parents.setdefault(_parent(child), set()).add(child)
            self._children.append(parents)
            below = parents.keys()
        self._begun: dict[tuple[int, Tile], dict[str, Map]] = {}
        self._stale: set[tuple[int, Tile]] = set()

    def restore(self, done: Collection[Tile]) -> None:
        """Take up an earlier run, which wrote the chunks ``done``."""
        complete = set(done)
        for level in range(len(self._levels) - 1):
            parents = self._children[level + 1]
            finished = {
                parent
                for parent, children in parents.items()
                if children <= complete
            }
            for chunk in sorted(complete):
                if _parent(chunk) not in finished:
                    self._place(level, chunk, self._read(level, chunk))
                    parents[_parent(chunk)].discard(chunk)
            complete = finished

    def rebuild(self, done: Collection[Tile]) -> Iterator[Tile]:
        """Write what an earlier run, which wrote ``done``, left out.

        That is every coarser chunk of which all are there. They are taken by
        quarters of quarters, so that few are begun at a time.

        Yields
        ------
        Tile
            Each chunk of the finest level, once it is taken up.
        """
        for chunk in sorted(done, key=self._ancestors):
            self.put(chunk, self._read(0, chunk))
            yield chunk

    def _ancestors(self, chunk: Tile) -> list[Tile]:
        """The chunks that a chunk is part of, coarsest first, and itself."""
        found = [chunk]
        for _ in self._levels[1:]:
            found.append(_parent(found[-1]))
        return found[::-1]

    def put(
        self, chunk: Tile, maps: dict[str, Map], *, final: bool = True
    ) -> None:
        """Take a chunk of the finest level, a preview or its final maps."""
        self._put(0, chunk, maps, final)

    def flush(self) -> None:
        """Write what is begun, so that a viewer sees it."""
        for level in range(1, len(self._levels)):
            stale = sorted(c for at, c in self._stale if at == level)
            for chunk in stale:
                maps = self._begun[level, chunk]
                self._write(level, chunk, maps)
                if level + 1 < len(self._levels):
                    self._place(level, chunk, maps)
        self._stale.clear()

    def _put(
        self, level: int, chunk: Tile, maps: dict[str, Map], final: bool
    ) -> None:
        if level + 1 == len(self._levels):
            return
        self._place(level, chunk, maps)
        if not final:
            return
        parent = _parent(chunk)
        waiting = self._children[level + 1][parent]
        waiting.discard(chunk)
        if not waiting:
            whole = self._begun.pop((level + 1, parent))
            self._stale.discard((level + 1, parent))
            self._write(level + 1, parent, whole)
            self._put(level + 1, parent, whole, True)

    def _place(self, level: int, chunk: Tile, maps: dict[str, Map]) -> None:
        """Put a chunk, halved, into its quarter of the chunk above."""
        key = level + 1, _parent(chunk)
        if key not in self._begun:
            self._begun[key] = {
                name: np.zeros_like(array[self._region(array, key[1])])
                for name, array in self._levels[level + 1].items()
            }
        for name, values in maps.items():
            small = halved(name, values)
            whole = self._begun[key][name]
            rows, cols = self._levels[level][name].chunks[-2:]
            y = chunk.row % 2 * rows // 2
            x = chunk.col % 2 * cols // 2
            height, width = small.shape[-2:]
            whole[..., y : y + height, x : x + width] = small
        self._stale.add(key)

    def _read(self, level: int, chunk: Tile) -> dict[str, Map]:
        return {
            name: np.asarray(array[self._region(array, chunk)])
            for name, array in self._levels[level].items()
        }

    def _write(self, level: int, chunk: Tile, maps: dict[str, Map]) -> None:
        for name, array in self._levels[level].items():
            array[self._region(array, chunk)] = maps[name]

    @staticmethod
    def _region(array: zarr.Array[Any], chunk: Tile) -> tuple[Any, ...]:
        return chunk_region(array, chunk)


def chunk_region(array: zarr.Array[Any], chunk: Tile) -> tuple[Any, ...]:
    """The selection of a chunk, by its place along the last two axes."""
    rows, cols = array.chunks[-2:]
    height, width = array.shape[-2:]
    y, x = chunk.row * rows, chunk.col * cols
    return (
        ...,
        slice(y, min(y + rows, height)),
        slice(x, min(x + cols, width)),
    )


def _parent(chunk: Tile) -> Tile:
    return Tile(chunk.row // 2, chunk.col // 2)
