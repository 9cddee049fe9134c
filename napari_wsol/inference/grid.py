"""How an image is cut: one grid of working pixels, tiles and map pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from napari_wsol.slides.geometry import Box

CORE_MULTIPLE = 64
"""Cores are a multiple of this many working pixels, so chunks halve."""

LONE_HALO = 64
"""Largest halo of an image that is one tile: it holds mirrored pixels only."""

BLEND = 16
"""Working pixels on either side of a core border in which tiles blend."""


class Tile(NamedTuple):
    """A place in the grid of tiles; also names the chunk of its core."""

    row: int
    col: int


@dataclass(frozen=True, order=True)
class Block:
    """A square of ``side`` x ``side`` tiles, by its place among such."""

    row: int
    col: int
    side: int


@dataclass(frozen=True)
class Grid:
    """The one cutting of an image that every run of a model shares.

    Three lattices start at the image's top-left corner: working pixels (what
    the network reads), map pixels (what it answers, ``stride`` working
    pixels) and cells (where its classifier answers, ``class_stride``).

    Parameters
    ----------
    height, width
        Of the image in working pixels.
    step_y, step_x
        Level-0 pixels per working pixel.
    core_y, core_x
        Working pixels that a tile answers for; its chunk in the store.
    halo
        Working pixels of context around a core.
    stride, class_stride
        Of the network, in working pixels.
    """

    height: int
    width: int
    step_y: float
    step_x: float
    core_y: int
    core_x: int
    halo: int
    stride: int
    class_stride: int

    @property
    def rows(self) -> int:
        """Tiles along y."""
        return math.ceil(self.height / self.core_y)

    @property
    def cols(self) -> int:
        """Tiles along x."""
        return math.ceil(self.width / self.core_x)

    @property
    def map_shape(self) -> tuple[int, int]:
        """Map pixels of the whole image."""
        return (
            math.ceil(self.height / self.stride),
            math.ceil(self.width / self.stride),
        )

    @property
    def chunk(self) -> tuple[int, int]:
        """Map pixels of one core."""
        return self.core_y // self.stride, self.core_x // self.stride

    @property
    def margin(self) -> int:
        """Map pixels around a core that its tile lends to its neighbours."""
        return min(max(self.stride, BLEND), self.halo // 2) // self.stride

    @property
    def cells_shape(self) -> tuple[int, int]:
        """Cells of the whole image."""
        return (
            math.ceil(self.height / self.class_stride),
            math.ceil(self.width / self.class_stride),
        )

    @property
    def cells_chunk(self) -> tuple[int, int]:
        """Cells of one core."""
        return (
            self.core_y // self.class_stride,
            self.core_x // self.class_stride,
        )

    @property
    def input_shape(self) -> tuple[int, int]:
        """Working pixels that the network reads for one tile."""
        return self.core_y + 2 * self.halo, self.core_x + 2 * self.halo

    @property
    def map_step(self) -> tuple[float, float]:
        """Level-0 pixels per map pixel along y and x."""
        return self.step_y * self.stride, self.step_x * self.stride

    @property
    def cell_step(self) -> tuple[float, float]:
        """Level-0 pixels per cell along y and x."""
        return self.step_y * self.class_stride, self.step_x * self.class_stride

    def tiles(self) -> Iterator[Tile]:
        """Every tile, row by row."""
        for row in range(self.rows):
            for col in range(self.cols):
                yield Tile(row, col)

    def tiles_of(self, block: Block) -> Iterator[Tile]:
        """The tiles of a block, row by row."""
        row, col = block.row * block.side, block.col * block.side
        for each in range(row, min(row + block.side, self.rows)):
            for other in range(col, min(col + block.side, self.cols)):
                yield Tile(each, other)

    def neighbours(self, tile: Tile) -> Iterator[Tile]:
        """The tile and those whose core touches its own, row by row."""
        reach = 1 if self.margin else 0
        for row in range(
            max(0, tile.row - reach), min(self.rows, tile.row + reach + 1)
        ):
            for col in range(
                max(0, tile.col - reach), min(self.cols, tile.col + reach + 1)
            ):
                yield Tile(row, col)

    def core(self, tile: Tile) -> tuple[int, int, int, int]:
        """``(y, x, height, width)`` in working pixels, inside the image."""
        y, x = tile.row * self.core_y, tile.col * self.core_x
        return (
            y,
            x,
            min(self.core_y, self.height - y),
            min(self.core_x, self.width - x),
        )

    def core_box(self, tile: Tile) -> Box:
        """The core in level-0 pixels."""
        y, x, height, width = self.core(tile)
        return Box(
            y * self.step_y,
            x * self.step_x,
            height * self.step_y,
            width * self.step_x,
        )

    def megapixels(self, tile: Tile) -> float:
        """Working megapixels of the core that lie inside the image."""
        _, _, height, width = self.core(tile)
        return height * width / 1e6


def make_grid(
    shape: tuple[int, int],
    step: tuple[float, float],
    *,
    tile: int,
    halo: int,
    stride: int,
    class_stride: int,
) -> Grid:
    """The grid of an image.

    The number of tiles along an axis follows from ``tile``; their cores then
    share the axis evenly, so that the last one is not mostly outside.

    Parameters
    ----------
    shape
        ``(height, width)`` of level 0 in pixels.
    step
        Level-0 pixels per working pixel along y and x.
    tile
        Largest core in working pixels.
    halo
        Context in working pixels, rounded up to a multiple of
        ``class_stride``; at most ``LONE_HALO`` for an image of one tile.
    """
    # A working pixel belongs to the image if its centre does.
    height, width = (
        max(1, math.floor(length / each + 0.5))
        for length, each in zip(shape, step, strict=True)
    )
    core = max(CORE_MULTIPLE, tile // CORE_MULTIPLE * CORE_MULTIPLE)
    counts = [math.ceil(length / core) for length in (height, width)]
    multiple = CORE_MULTIPLE
    if counts == [1, 1]:
        multiple, halo = class_stride, min(halo, LONE_HALO)
    core_y, core_x = (
        math.ceil(length / count / multiple) * multiple
        for length, count in zip((height, width), counts, strict=True)
    )
    return Grid(
        height=height,
        width=width,
        step_y=step[0],
        step_x=step[1],
        core_y=core_y,
        core_x=core_x,
        halo=math.ceil(halo / class_stride) * class_stride,
        stride=stride,
        class_stride=class_stride,
    )
