"""From a batch's answers to chunks in the store."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from math import inf

from napari_wsol.inference.area import Area
from napari_wsol.inference.blending import Blender, Floats
from napari_wsol.inference.forward import Answers
from napari_wsol.inference.grid import Grid, Tile
from napari_wsol.inference.maps import ChunkMaps, chunk_maps
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
    coarse
        Whether to keep up the coarse levels.
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
        *,
        coarse: bool = True,
    ) -> None:
        self._grid = grid
        self._area = area
        self._store = store
        self._threshold = threshold
        self._view = view
        self._open = set(chunks)
        self._shown: set[Tile] = set()
        self._blender = Blender(grid, planned, chunks)
        levels = store.levels if coarse else store.levels[:1]
        self._pyramid = Pyramid(levels, planned)
        self._pyramid.restore(set(planned) - self._open)
        self._refreshed = -inf

    def show(self, tiles: Sequence[Tile], answers: Answers) -> list[ChunkDone]:
        """Show tiles as they are; give the areas where there is something new.

        Those that nobody looks at any longer wait for their neighbours.
        """
        pixel, _ = answers.arrays()
        return self._told(self._previewed(tiles, pixel))

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
        changed: list[Tile] = []
        start = 0
        for answer in answers:
            pixel, scores = answer.arrays()
            some = tiles[start : start + len(pixel)]
            start += len(pixel)
            for index, tile in enumerate(some):
                if scores is not None and tile in self._open:
                    self._store.write_scores(tile, scores[index])
                for chunk, blended in self._blender.add(tile, pixel[index]):
                    self._keep(chunk, blended)
                    changed.append(chunk)
            changed += self._previewed(some, pixel)
        return self._told(changed)

    def _previewed(self, tiles: Sequence[Tile], pixel: Floats) -> list[Tile]:
        """Show those of some tiles that are in view and not shown yet."""
        margin = self._grid.margin
        height, width = self._grid.chunk
        inner = slice(margin, margin + height), slice(margin, margin + width)
        shown = []
        for tile, patch in zip(tiles, pixel, strict=True):
            is_open = tile in self._open and tile not in self._shown
            if is_open and self._view.shows(self._grid.core_box(tile)):
                made = self._made(tile, patch[:, *inner])
                self._store.write_maps(tile, made.maps)
                self._pyramid.put(tile, made.maps, final=False)
                self._shown.add(tile)
                shown.append(tile)
        return shown

    def _told(self, changed: Sequence[Tile]) -> list[ChunkDone]:
        """Events of what is in the store, coarse levels included."""
        if self._view.box and time.monotonic() - self._refreshed > REFRESH:
            with writing_to(self._store.target):
                self._pyramid.flush()
            self._refreshed = time.monotonic()
        return [ChunkDone(self._grid.core_box(chunk)) for chunk in changed]

    def _keep(self, chunk: Tile, blended: Floats) -> None:
        made = self._made(chunk, blended)
        self._store.write_maps(chunk, made.maps)
        with writing_to(self._store.target):
            self._pyramid.put(chunk, made.maps)
        self._store.mark_done(chunk, made)
        self._open.discard(chunk)
        self._shown.discard(chunk)

    def _made(self, chunk: Tile, pixel: Floats) -> ChunkMaps:
        wanted = self._area.wanted_map(self._grid, chunk)
        return chunk_maps(pixel, wanted, self._threshold)
