"""What the network reads for a tile."""

from __future__ import annotations

from napari_wsol.inference.grid import Grid, Tile
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.mirroring import read_mirrored
from napari_wsol.slides.slide import RGB, Slide


def read_tile(slide: Slide, grid: Grid, tile: Tile) -> RGB:
    """A tile with its halo, ``(H, W, 3)`` uint8 in working pixels.

    Outside the image, its pixels are mirrored at its border.
    """
    height, width = grid.input_shape
    box = Box(
        (tile.row * grid.core_y - grid.halo) * grid.step_y,
        (tile.col * grid.core_x - grid.halo) * grid.step_x,
        height * grid.step_y,
        width * grid.step_x,
    )
    return read_mirrored(slide, box, height, width)
