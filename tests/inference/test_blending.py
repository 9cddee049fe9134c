"""Seams: weights add up to one, whatever came first and whatever is there."""

import random

import numpy as np
import pytest

from napari_wsol.inference.blending import Blender
from napari_wsol.inference.grid import Grid, Tile, make_grid


@pytest.fixture
def grid() -> Grid:
    return make_grid(
        (384, 384), (1, 1), tile=128, halo=32, stride=8, class_stride=32
    )


def patches(grid: Grid, values: dict[Tile, float] | None = None):
    side = grid.chunk[0] + 2 * grid.margin
    rng = np.random.default_rng(1)
    return {
        tile: rng.random((2, side, side), np.float32)
        if values is None
        else np.full((2, side, side), values[tile], np.float32)
        for tile in grid.tiles()
    }


def blended(grid: Grid, given, tiles) -> dict[Tile, np.ndarray]:
    blender = Blender(grid, list(tiles), list(tiles))
    chunks: dict[Tile, np.ndarray] = {}
    for tile in tiles:
        chunks.update(blender.add(tile, given[tile]))
    return chunks


def test_agreeing_tiles_leave_no_trace(grid: Grid) -> None:
    given = patches(grid, dict.fromkeys(grid.tiles(), 0.3))
    for chunk in blended(grid, given, list(grid.tiles())).values():
        np.testing.assert_allclose(chunk, 0.3, rtol=1e-6)


def test_border_passes_over_in_a_ramp(grid: Grid) -> None:
    values = {tile: float(tile.col >= 1) for tile in grid.tiles()}
    chunks = blended(grid, patches(grid, values), list(grid.tiles()))
    row = np.concatenate([chunks[Tile(0, c)][0, 5] for c in range(3)])
    np.testing.assert_allclose(row[14:18], [0.125, 0.375, 0.625, 0.875])
    assert not row[:14].any()
    assert (row[18:] == 1).all()


def test_order_changes_no_bit(grid: Grid) -> None:
    given, tiles = patches(grid), list(grid.tiles())
    first = blended(grid, given, tiles)
    second = blended(grid, given, random.Random(2).sample(tiles, 9))
    assert first.keys() == second.keys() == set(tiles)
    for tile in tiles:
        np.testing.assert_array_equal(first[tile], second[tile])


def test_unplanned_neighbours_are_not_waited_for(grid: Grid) -> None:
    values = dict.fromkeys(grid.tiles(), 0.7)
    planned = [Tile(0, 0), Tile(0, 1), Tile(2, 2)]
    chunks = blended(grid, patches(grid, values), planned)
    assert set(chunks) == set(planned)
    for chunk in chunks.values():
        np.testing.assert_allclose(chunk, 0.7, rtol=1e-6)


def test_chunks_leave_memory_when_they_are_done(grid: Grid) -> None:
    given, tiles = patches(grid), list(grid.tiles())
    blender = Blender(grid, tiles, tiles)
    waiting = []
    for tile in tiles:
        blender.add(tile, given[tile])
        waiting.append(len(blender._pieces))
    assert max(waiting) <= 2 * (grid.cols + 1)
    assert waiting[-1] == 0
