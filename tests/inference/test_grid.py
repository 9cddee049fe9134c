"""The cutting of an image: everything inside, everything once."""

import numpy as np
import pytest

from napari_wsol.inference.area import Area, contributors, plan
from napari_wsol.inference.grid import Tile, make_grid
from napari_wsol.inference.reading import read_tile
from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.geometry import Box


def grid_of(height: int, width: int, **changes: int):
    sizes = {'tile': 512, 'halo': 100, 'stride': 8, 'class_stride': 32}
    return make_grid((height, width), (1, 1), **{**sizes, **changes})


@pytest.mark.parametrize(
    'shape', [(1, 1), (224, 224), (520, 700), (3000, 513), (5000, 5000)]
)
def test_cores_cover_each_pixel_once(shape: tuple[int, int]) -> None:
    grid = grid_of(*shape)
    seen = np.zeros(shape, int)
    for tile in grid.tiles():
        y, x, height, width = grid.core(tile)
        assert height > 0
        assert width > 0
        seen[y : y + height, x : x + width] += 1
    assert (seen == 1).all()
    assert all(side % 32 == 0 for side in grid.input_shape)
    assert max(grid.core_y, grid.core_x) <= 512


def test_cores_share_an_axis_evenly() -> None:
    assert grid_of(520, 2000).core_y == 320


def test_image_of_one_tile_is_rounded_up_to_the_class_stride() -> None:
    grid = grid_of(210, 100)
    assert (grid.core_y, grid.core_x, grid.halo) == (224, 128, 64)


def test_halo_is_rounded_up_to_the_class_stride() -> None:
    assert grid_of(600, 600).halo == 128


def test_plan_takes_the_tiles_that_boxes_touch() -> None:
    grid = grid_of(2048, 2048)
    area = Area((Box(500, 500, 30, 30), Box(2000, 2000, 48, 48)))
    assert plan(grid, area) == (
        Tile(0, 0),
        Tile(0, 1),
        Tile(1, 0),
        Tile(1, 1),
        Tile(3, 3),
    )


def test_a_chunk_needs_its_planned_neighbours() -> None:
    grid = grid_of(2048, 2048)
    planned = [Tile(0, 0), Tile(0, 1), Tile(0, 2), Tile(1, 1)]
    assert contributors(grid, planned, [Tile(0, 0)]) == (
        Tile(0, 0),
        Tile(0, 1),
        Tile(1, 1),
    )


def test_tile_is_a_cut_of_the_mirrored_image() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (150, 200, 3), dtype=np.uint8)
    slide = ArraySlide('noise', [pixels])
    grid = make_grid(
        (150, 200), (1, 1), tile=128, halo=32, stride=8, class_stride=32
    )
    around = np.pad(pixels, ((32, 200), (32, 200), (0, 0)), mode='reflect')
    height, width = grid.input_shape
    for tile in grid.tiles():
        y, x = tile.row * grid.core_y, tile.col * grid.core_x
        np.testing.assert_array_equal(
            read_tile(slide, grid, tile),
            around[y : y + height, x : x + width],
        )


def test_resampled_tiles_agree_where_they_overlap() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (400, 700, 3), dtype=np.uint8)
    slide = ArraySlide('noise', [pixels])
    grid = make_grid(
        (400, 700), (1.3, 1.7), tile=128, halo=32, stride=8, class_stride=32
    )
    left = read_tile(slide, grid, Tile(0, 0)).astype(int)
    right = read_tile(slide, grid, Tile(0, 1)).astype(int)
    shared = left.shape[1] - grid.core_x
    difference = np.abs(left[:, -shared:] - right[:, :shared])
    assert difference.max() <= 1
