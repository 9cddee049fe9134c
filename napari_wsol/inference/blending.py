"""Neighbouring tiles joined without a seam, the same way in any order."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from napari_wsol.inference.grid import Grid, Tile

Floats = npt.NDArray[np.float32]


class Blender:
    """Collects what tiles say about chunks; gives a chunk once it is whole.

    Around each border between cores, within ``grid.margin`` map pixels on
    either side, the tiles on both sides speak; their weights are linear ramps
    that add up to 1, renormalised where a neighbour is not planned. A chunk
    adds its tiles up in the order of the grid, so its bits do not depend on
    the order in which they came.

    Parameters
    ----------
    planned
        Every tile that the run computes or has computed.
    chunks
        The chunks still to be made.
    """

    def __init__(
        self, grid: Grid, planned: Collection[Tile], chunks: Collection[Tile]
    ) -> None:
        self._grid = grid
        planned = frozenset(planned)
        self._missing = {
            chunk: planned.intersection(grid.neighbours(chunk))
            for chunk in chunks
        }
        self._pieces: dict[Tile, dict[Tile, Floats]] = {}
        margin = grid.margin
        self._ramps = [_ramp(length, margin) for length in grid.chunk]

    def add(self, tile: Tile, patch: Floats) -> list[tuple[Tile, Floats]]:
        """Take a tile's maps; give the chunks that are now complete.

        Parameters
        ----------
        patch
            ``(K, h + 2m, w + 2m)``, the core of ``(h, w)`` map pixels with a
            margin ``m`` around.

        Returns
        -------
        list
            Chunks and their blended maps ``(K, h, w)``.
        """
        whole = []
        for chunk in self._grid.neighbours(tile):
            if tile not in self._missing.get(chunk, ()):
                continue
            source, _ = self._overlap(tile, chunk)
            pieces = self._pieces.setdefault(chunk, {})
            pieces[tile] = np.array(patch[:, *source])
            if pieces.keys() == self._missing[chunk]:
                whole.append((chunk, self._joined(chunk)))
        return whole

    def _joined(self, chunk: Tile) -> Floats:
        pieces = self._pieces.pop(chunk)
        del self._missing[chunk]
        if len(pieces) == 1:
            return pieces[chunk]
        total = np.zeros_like(pieces[chunk])
        weight = np.zeros_like(total[0])
        for tile in sorted(pieces):
            source, target = self._overlap(tile, chunk)
            share = np.outer(
                *(
                    ramp[part]
                    for ramp, part in zip(self._ramps, source, strict=True)
                )
            )
            total[:, *target] += share * pieces[tile]
            weight[target] += share
        return np.asarray(total / weight)

    def _overlap(
        self, tile: Tile, chunk: Tile
    ) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Where a tile's patch and a chunk meet, in either's pixels."""
        margin = self._grid.margin
        source, target = [], []
        for mine, other, length in zip(
            tile, chunk, self._grid.chunk, strict=True
        ):
            if other < mine:
                source.append(slice(0, margin))
                target.append(slice(length - margin, length))
            elif other > mine:
                source.append(slice(length + margin, length + 2 * margin))
                target.append(slice(0, margin))
            else:
                source.append(slice(margin, length + margin))
                target.append(slice(0, length))
        return (source[0], source[1]), (target[0], target[1])


def _ramp(length: int, margin: int) -> Floats:
    """A tile's weight along one axis of its patch, ``(length + 2 margin,)``.

    Rises from 0 to 1 over the ``2 margin`` pixels around the core's start and
    falls likewise around its end: with the neighbour's it adds up to 1.
    """
    if not margin:
        return np.ones(length, np.float32)
    place = np.arange(length + 2 * margin) + 0.5
    rise = np.clip(place / (2 * margin), 0, 1)
    return np.minimum(rise, rise[::-1]).astype(np.float32)
