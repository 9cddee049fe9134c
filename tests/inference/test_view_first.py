"""Which tile is run next."""

from __future__ import annotations

import pytest

from napari_wsol.inference.grid import Grid, Tile, make_grid
from napari_wsol.inference.view_first import TileQueue, View
from napari_wsol.slides.geometry import Box


@pytest.fixture
def grid() -> Grid:
    """Ten by ten tiles of 64 working pixels, two level-0 pixels each."""
    return make_grid(
        (1280, 1280), (2, 2), tile=64, halo=0, stride=8, class_stride=32
    )


def test_without_a_view_tiles_come_row_by_row(grid: Grid) -> None:
    queue = TileQueue(grid, reversed(list(grid.tiles())))
    assert queue.first(3) == [Tile(0, 0), Tile(0, 1), Tile(0, 2)]


def test_the_view_comes_from_its_middle_outwards(grid: Grid) -> None:
    view = View(Box(256, 256, 384, 384))  # tiles 2 to 4, either way
    order = TileQueue(grid, grid.tiles(), view).first(100)
    seen = order[:9]
    assert seen[0] == (3, 3)
    assert set(seen[1:5]) == {(2, 3), (3, 2), (3, 4), (4, 3)}
    assert {tile.row for tile in seen} == {2, 3, 4}
    distance = [
        max(abs(tile.row - 3), abs(tile.col - 3)) - 1 for tile in order[9:]
    ]
    assert distance == sorted(distance)


def test_it_follows_when_the_view_moves(grid: Grid) -> None:
    view = View(Box(0, 0, 100, 100))
    queue = TileQueue(grid, grid.tiles(), view)
    assert queue.first(1) == [Tile(0, 0)]
    assert queue.take(1) == [Tile(0, 0)]
    view.box = Box(1200, 1200, 50, 50)
    assert queue.first(1) == [Tile(9, 9)]
    view.box = None
    assert queue.first(1) == [Tile(0, 1)]


def test_every_tile_comes_once(grid: Grid) -> None:
    view, taken = View(), []
    queue = TileQueue(grid, grid.tiles(), view)
    for step in range(50):
        view.box = Box(step * 25, 1200 - step * 20, 30, 30)
        queue.first(2)
        taken += queue.take(2)
    assert sorted(taken) == list(grid.tiles())
    assert not queue.first(1)
