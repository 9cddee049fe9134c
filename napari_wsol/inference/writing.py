"""From a batch's answers to chunks in the store."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from math import inf

from napari_wsol.inference.area import Area
from napari_wsol.inference.blending import Blender, Floats
from napari_wsol.inference.forward import Answers
from napari_wsol.inference.grid import Grid, Tile
from napari_wsol.inference.maps import chunk_maps
from napari_wsol.inference.pyramid import Pyramid
from napari_wsol.inference.settings import ChunkDone
from napari_wsol.inference.store import ResultStore
from napari_wsol.inference.target import writing_to
from napari_wsol.inference.view_first import View

REFRESH = 0.5
"""Seconds between updates of coarse levels that are not complete yet."""


class Writer:
    """Blends answers and writes each chunk as soon as it is whole.

    Tiles that someone looks at are shown as they are, unblended, until their
    neighbours are there; the chunks take their place then.

    Parameters
    ----------
    planned
        Every tile of the run, done ones included.
    chunks
        Those still to be written.
    view
        What is looked at.
    """

    def __init__(
        self,
        grid: Grid,
        area: Area,
        store: ResultStore,
        threshold: float,
        planned: Collection[Tile],
        chunks: Collection[Tile],
        view: View,
    ) -> None:
        self._grid = grid
        self._area = area
        self._store = store
        self._threshold = threshold
        self._view = view
        self._open = set(chunks)
        self._blender = Blender(grid, planned, chunks)
        self._pyramid = Pyramid(store.levels, planned)
        self._pyramid.restore(set(planned) - self._open)
        self._refreshed = -inf

    def write(
        self, tiles: Sequence[Tile], answers: Sequence[Answers], batch: int
    ) -> list[ChunkDone]:
        """Take the answers for some tiles; give the areas to be shown.

        Parameters
        ----------
        batch
            Tiles that now fit into memory; kept for a resumed run.
        """
        if batch != self._store.batch:
            self._store.set_batch(batch)
        whole: list[Tile] = []
        waiting: list[tuple[Tile, Floats]] = []
        rest = iter(tiles)
        for answer in answers:
            pixel, scores = answer.arrays()
            for index, patch in enumerate(pixel):
                tile = next(rest)
                if scores is not None and tile in self._open:
                    self._store.write_scores(tile, scores[index])
                for chunk, blended in self._blender.add(tile, patch):
                    self._keep(chunk, blended)
                    whole.append(chunk)
                waiting.append((tile, patch))
        previews = [
            (tile, patch)
            for tile, patch in waiting
            if tile in self._open
            and self._view.shows(self._grid.core_box(tile))
        ]
        for tile, patch in previews:
            self._show(tile, patch)
        shown = [*whole, *(tile for tile, _ in previews)]
        if self._view.box and time.monotonic() - self._refreshed > REFRESH:
            with writing_to(self._store.target):
                self._pyramid.flush()
            self._refreshed = time.monotonic()
        return [ChunkDone(self._grid.core_box(chunk)) for chunk in shown]

    def _keep(self, chunk: Tile, blended: Floats) -> None:
        wanted = self._area.wanted_map(self._grid, chunk)
        made = chunk_maps(blended, wanted, self._threshold)
        self._store.write_maps(chunk, made.maps)
        with writing_to(self._store.target):
            self._pyramid.put(chunk, made.maps)
        self._store.mark_done(chunk, made)
        self._open.discard(chunk)

    def _show(self, tile: Tile, patch: Floats) -> None:
        margin = self._grid.margin
        height, width = self._grid.chunk
        core = patch[:, margin : margin + height, margin : margin + width]
        wanted = self._area.wanted_map(self._grid, tile)
        made = chunk_maps(core, wanted, self._threshold)
        self._store.write_maps(tile, made.maps)
        self._pyramid.put(tile, made.maps, final=False)
