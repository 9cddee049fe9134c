"""Glands of a synthetic tissue: where they lie and what a pixel is to them.

All lengths are in µm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_wsol.slides.noise import Floats, hashed, noise_at

PITCH = 118.0
"""Distance between gland centres, before jitter."""

BENIGN, MALIGNANT = 1, 2

TURN = 2 * np.pi


@dataclass(frozen=True)
class GlandField:
    """What each point of an area is to its nearest gland, all ``(H, W)``.

    Parameters
    ----------
    depth
        Below the gland's outer edge; negative outside any gland.
    thickness
        Of the epithelium; deeper than that is the lumen.
    angle, radius
        Around the gland's centre: 0..1 of a turn, and the distance.
    identity
        Tells glands apart.
    malignant
        Whether that gland is.
    """

    depth: Floats
    thickness: Floats
    angle: Floats
    radius: Floats
    identity: npt.NDArray[np.int64]
    malignant: npt.NDArray[np.bool_]

    def at(self, index: tuple[npt.NDArray[np.intp], ...]) -> GlandField:
        """The same for some of the points."""
        return GlandField(
            depth=self.depth[index],
            thickness=self.thickness[index],
            angle=self.angle[index],
            radius=self.radius[index],
            identity=self.identity[index],
            malignant=self.malignant[index],
        )


@dataclass(frozen=True)
class _Cells:
    """The gland of each cell of a staggered grid, as tables."""

    y: Floats
    x: Floats
    radius: Floats
    thickness: Floats
    waves: tuple[tuple[int, Floats, Floats], ...]
    exists: npt.NDArray[np.bool_]
    malignant: npt.NDArray[np.bool_]


def glands_at(y: Floats, x: Floats, seed: int) -> GlandField:
    """The glands at warped coordinates ``(H, W)``.

    Each gland stays within its own cell of the grid, so one look-up per
    point is enough.
    """
    row = np.floor(y / PITCH).astype(np.int64)
    shift = np.where(row % 2 == 1, np.float32(PITCH / 2), np.float32(0))
    column = np.floor((x + shift) / PITCH).astype(np.int64)
    top, left = int(row.min()), int(column.min())
    rows = np.arange(top, row.max() + 1)[:, None]
    columns = np.arange(left, column.max() + 1)[None]
    cells = _cells(rows, columns, seed)
    width = columns.size
    cell = (row - top) * width + (column - left)
    dy = y - cells.y.ravel()[cell]
    dx = x - cells.x.ravel()[cell]
    distance = np.hypot(dy, dx)
    angle = np.arctan2(dy, dx)
    outline = np.ones_like(distance)
    for order, size, phase in cells.waves:
        outline += size.ravel()[cell] * np.cos(
            order * angle + phase.ravel()[cell]
        )
    depth = cells.radius.ravel()[cell] * outline - distance
    border_y = np.float32(PITCH / 2) - np.abs(
        y - (row + 0.5).astype(np.float32) * PITCH
    )
    border_x = np.float32(PITCH / 2) - np.abs(
        x + shift - (column + 0.5).astype(np.float32) * PITCH
    )
    depth = np.minimum(depth, np.minimum(border_y, border_x) - 3)
    depth[~cells.exists.ravel()[cell]] = -PITCH
    return GlandField(
        depth=depth,
        thickness=cells.thickness.ravel()[cell],
        angle=(angle / TURN).astype(np.float32) + np.float32(0.5),
        radius=distance,
        identity=row * 65536 + column,
        malignant=cells.malignant.ravel()[cell],
    )


def _cells(
    rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], seed: int
) -> _Cells:
    def chance(number: int) -> Floats:
        return hashed(rows, columns, seed * 64 + number)

    y = ((rows + 0.5) * PITCH + 0 * columns).astype(np.float32)
    x = ((columns + 0.5 - (rows % 2) / 2) * PITCH).astype(np.float32)
    malignant = noise_at(y, x, 900, seed * 64 + 1) > 0.55
    bare = noise_at(y, x, 700, seed * 64 + 2) < 0.27
    radius = np.where(malignant, 44 + 14 * chance(3), 35 + 13 * chance(3))
    wave = np.where(malignant, 0.13, 0.035).astype(np.float32)
    jitter = np.where(malignant, 12, 14).astype(np.float32)
    return _Cells(
        y=y + jitter * (chance(4) - 0.5),
        x=x + jitter * (chance(5) - 0.5),
        radius=radius.astype(np.float32),
        thickness=np.where(
            malignant, 17 + 14 * chance(6), 17 + 4 * chance(6)
        ).astype(np.float32),
        waves=tuple(
            (order, wave * chance(10 + order), TURN * chance(20 + order))
            for order in (2, 3, 5, 7)
        ),
        exists=(chance(7) < np.where(malignant, 0.93, 0.88)) & ~bare,
        malignant=malignant,
    )
