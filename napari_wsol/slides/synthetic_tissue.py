"""Paints synthetic tissue in haematoxylin and eosin. Lengths are in µm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_wsol.slides.colour import RGB
from napari_wsol.slides.noise import (
    Floats,
    hashed,
    noise_at,
    noise_on_grid,
)
from napari_wsol.slides.synthetic_glands import (
    BENIGN,
    MALIGNANT,
    GlandField,
    glands_at,
)

GLASS = np.float32(243)
HAEMATOXYLIN = np.array([0.5626, 0.7201, 0.4062], np.float32)
EOSIN = np.array([0.2159, 0.8012, 0.5581], np.float32)
"""Absorption of the two stains in red, green, blue (Macenko 2009)."""

NUCLEUS_PITCH = 12.0


@dataclass(frozen=True)
class Tissue:
    """A piece of tissue of ``height`` x ``width`` µm, the same for a seed."""

    height: float
    width: float
    seed: int

    def paint(self, y: Floats, x: Floats) -> RGB:
        """RGB at rising row and column coordinates, ``(H, W, 3)`` uint8."""
        place = self._place(y, x)
        haematoxylin, eosin = self._stroma(place)
        self._paint_epithelium(place, haematoxylin, eosin)
        self._paint_lumen(place, haematoxylin, eosin)
        strength = (0.85 + 0.3 * self._noise(y, x, 1500, 30)) * place.tissue
        grain = 0.72 + 0.56 * self._noise(y, x, 1.9, 31)
        haematoxylin *= strength * grain
        eosin *= strength * (0.86 + 0.28 * self._noise(y, x, 3.7, 32))
        sensor = 4 * self._speckle(y, x) - 2
        pixels = np.empty((len(y), len(x), 3), np.uint8)
        for channel in range(3):
            density = (
                HAEMATOXYLIN[channel] * haematoxylin + EOSIN[channel] * eosin
            )
            light = GLASS * np.exp(-density) + sensor
            pixels[..., channel] = np.clip(light + 0.5, 0, 255)
        return pixels

    def glands(self, y: Floats, x: Floats) -> npt.NDArray[np.uint8]:
        """0 outside glands, 1 in benign ones, 2 in malignant ones."""
        place = self._place(y, x)
        inside = (place.gland.depth > 0) & (place.tissue > 0.5)
        kind = np.where(place.gland.malignant, MALIGNANT, BENIGN)
        return np.where(inside, kind, 0).astype(np.uint8)

    def _place(self, y: Floats, x: Floats) -> _Place:
        warped_y = y[:, None] + 26 * (self._noise(y, x, 85, 40) - 0.5)
        warped_x = x + 26 * (self._noise(y, x, 85, 41) - 0.5)
        warped_y += 5 * (self._noise(y, x, 14, 42) - 0.5)
        warped_x += 5 * (self._noise(y, x, 14, 43) - 0.5)
        return _Place(
            y=warped_y,
            x=warped_x,
            tissue=self._coverage(y, x),
            gland=glands_at(warped_y, warped_x, self.seed),
        )

    def _coverage(self, y: Floats, x: Floats) -> Floats:
        """1 in tissue, 0 on glass: margins, and clefts off the middle."""
        off_y = np.abs(y / np.float32(self.height) - 0.5) * 2.05
        off_x = np.abs(x / np.float32(self.width) - 0.5) * 2.05
        margin = 1 - np.maximum(off_y[:, None] ** 6 + off_x**6, 1e-6)
        rough = 0.7 * self._noise(y, x, 260, 50)
        rough += 0.3 * self._noise(y, x, 45, 51)
        cleft = 0.74 - self._noise(y, x, 1400, 52) - 0.12 * rough
        middle_y = np.abs(y - np.float32(self.height / 2)) / 500
        middle_x = np.abs(x - np.float32(self.width / 2)) / 500
        cleft += 0.4 * np.exp(-(middle_y[:, None] ** 2) - middle_x**2)
        edge = np.minimum(margin - 0.8 * rough, 9 * cleft)
        return np.asarray(np.clip(edge * 40 + 0.5, 0, 1), np.float32)

    def _stroma(self, place: _Place) -> tuple[Floats, Floats]:
        y, x = place.y, place.x
        stretch = np.float32(0.1)
        along = noise_at(
            y + 0.6 * x, (x - 0.6 * y) * stretch, 4, self._key(60)
        )
        across = noise_at(
            y - 1.2 * x, (x + 1.2 * y) * stretch, 5, self._key(61)
        )
        which = noise_at(y, x, 120, self._key(62))
        fibres = along + (across - along) * which
        loose = noise_at(y, x, 60, self._key(63))
        eosin = 0.16 + 0.62 * np.clip(1.7 * fibres - 0.6, 0, 1) + 0.2 * loose
        haematoxylin = 0.06 + 0.1 * loose
        nucleus = self._stroma_nuclei(place)
        haematoxylin += (1.35 - haematoxylin) * nucleus
        return haematoxylin, eosin

    def _stroma_nuclei(self, place: _Place) -> Floats:
        """Round lymphocytes and spindle-shaped fibroblasts, 0..1."""
        row = np.floor(place.y / NUCLEUS_PITCH).astype(np.int64)
        column = np.floor(place.x / NUCLEUS_PITCH).astype(np.int64)
        top, left = row.min(), column.min()
        rows = np.arange(top, row.max() + 1)[:, None]
        columns = np.arange(left, column.max() + 1)[None]
        chance = [
            hashed(rows, columns, self._key(70 + number))
            for number in range(5)
        ]
        index = (row - top) * columns.size + (column - left)
        crowd = noise_at(
            ((rows + 0 * columns) * NUCLEUS_PITCH).astype(np.float32),
            ((columns + 0 * rows) * NUCLEUS_PITCH).astype(np.float32),
            150,
            self._key(75),
        )
        round_one = chance[1] < crowd
        long = np.where(round_one, 2.9 + chance[2], 4.2 + 1.5 * chance[2])
        short = np.where(round_one, 2.7 + chance[2], 1.5 + 0.5 * chance[2])
        long[chance[0] > 0.25 + 0.6 * crowd] = 0.0
        turn = np.pi * chance[3]
        room = NUCLEUS_PITCH / 2 - np.maximum(long, 3)
        offset_y = room * (2 * chance[4] - 1)
        offset_x = room * (2 * chance[2] - 1)
        dy = place.y - (row + 0.5).astype(np.float32) * NUCLEUS_PITCH
        dx = place.x - (column + 0.5).astype(np.float32) * NUCLEUS_PITCH
        dy -= offset_y.ravel()[index]
        dx -= offset_x.ravel()[index]
        cosine = np.cos(turn).ravel()[index]
        sine = np.sin(turn).ravel()[index]
        size = long.ravel()[index]
        far = np.hypot(
            (dx * cosine + dy * sine) / np.maximum(size, 0.1),
            (dy * cosine - dx * sine) / short.ravel()[index],
        )
        outside = np.clip((-1.5 - place.gland.depth) / 1.5, 0, 1)
        return np.asarray(_soft(far, 0.25) * (size > 0) * outside)

    def _paint_epithelium(
        self, place: _Place, haematoxylin: Floats, eosin: Floats
    ) -> None:
        """Cytoplasm, a ring of nuclei, and goblets where it is benign."""
        inside = np.nonzero(place.gland.depth > -0.7)
        if inside[0].size == 0:
            return
        gland = place.gland.at(inside)
        depth = gland.depth
        bad = gland.malignant
        cover = np.clip(depth / 1.4 + 0.5, 0, 1)
        nucleus, dark = _ring_nuclei(gland, self._key(80))
        goblet = _goblets(gland, self._key(84)) * ~bad
        h = _either(bad, 0.42, 0.22)
        e = _either(bad, 0.5, 0.55) - 0.4 * goblet
        h -= 0.1 * goblet
        h += (dark - h) * nucleus
        haematoxylin[inside] += (h - haematoxylin[inside]) * cover
        eosin[inside] += (e - eosin[inside]) * cover

    def _paint_lumen(
        self, place: _Place, haematoxylin: Floats, eosin: Floats
    ) -> None:
        deep = place.gland.depth - place.gland.thickness
        deep += 5 * (noise_at(place.y, place.x, 8, self._key(90)) - 0.5)
        cover = np.clip(deep / 1.5 + 0.5, 0, 1)
        debris = noise_at(place.y, place.x, 11, self._key(91))
        debris = np.clip(4 * debris - 2.5, 0, 1) * place.gland.malignant
        haematoxylin += (0.02 + 0.5 * debris - haematoxylin) * cover
        eosin += (0.03 + 0.5 * debris - eosin) * cover

    def _noise(self, y: Floats, x: Floats, length: float, key: int) -> Floats:
        return noise_on_grid(y, x, length, self._key(key))

    def _speckle(self, y: Floats, x: Floats) -> Floats:
        fine = np.float32(64)
        return hashed(
            np.rint(y * fine).astype(np.int64)[:, None],
            np.rint(x * fine).astype(np.int64),
            self._key(99),
        )

    def _key(self, number: int) -> int:
        return self.seed * 128 + number + 7


@dataclass(frozen=True)
class _Place:
    """Warped coordinates ``(H, W)`` and what lies there."""

    y: Floats
    x: Floats
    tissue: Floats
    gland: GlandField


def _soft(far: Floats, edge: float) -> Floats:
    """1 inside an ellipse, 0 outside, over a soft edge."""
    return np.asarray(np.clip((1 - far) / edge + 0.5, 0, 1), np.float32)


def _either(
    condition: npt.NDArray[np.bool_], where_true: float, where_false: float
) -> Floats:
    return np.where(condition, np.float32(where_true), np.float32(where_false))


def _ring_nuclei(gland: GlandField, key: int) -> tuple[Floats, Floats]:
    """Nuclei of the epithelium, 0..1, and how much stain each holds.

    Benign: one row at the base, upright and regular. Malignant: several
    crowded rows, large, of uneven stain.
    """
    bad = gland.malignant
    row_height = _either(bad, 9.0, 12.0)
    row = np.floor((gland.depth - 0.5) / row_height).astype(np.int64)
    at_depth = (row.astype(np.float32) + 0.5) * row_height + _either(
        bad, 0.5, 0.0
    )
    mean_radius = gland.radius + gland.depth - at_depth
    spacing = _either(bad, 8.0, 7.0)
    around = np.maximum(3, np.rint(236 / spacing))
    identity = gland.identity * 8 + row
    phase = hashed(identity, identity >> 20, key)
    place = gland.angle * around + phase
    number = np.floor(place).astype(np.int64) % around.astype(np.int64)
    jitter = hashed(identity, number, key + 1) - 0.5
    other = hashed(identity, number, key + 2)
    width = 6.2832 * np.maximum(mean_radius, 5) / around
    beside = (place - np.floor(place) - 0.5) * width - jitter * 1.2
    along = gland.depth - at_depth - (other - 0.5) * _either(bad, 3, 1.5)
    half_width = np.minimum(_either(bad, 3.6, 2.6), 0.46 * width)
    half_length = _either(bad, 4.4, 4.2) * (0.85 + 0.3 * other)
    far = np.hypot(beside / half_width, along / half_length)
    shown = np.where(bad, (other < 0.85) & (row <= 2), row == 0)
    shown &= gland.depth < gland.thickness
    dark = np.where(bad, 1.15 + 0.75 * jitter, 1.25 + 0.3 * jitter)
    return _soft(far, 0.3) * shown, dark


def _goblets(gland: GlandField, key: int) -> Floats:
    """Pale vacuoles between the nuclei and the lumen, 0..1."""
    around = 22
    phase = hashed(gland.identity, gland.identity >> 20, key)
    place = gland.angle * around + phase
    number = np.floor(place).astype(np.int64) % around
    shown = hashed(gland.identity, number, key + 1) < 0.6
    width = 6.2832 * gland.radius / around
    beside = (place - np.floor(place) - 0.5) * width
    along = gland.depth - 0.68 * gland.thickness
    far = np.hypot(beside / (0.42 * width + 0.5), along / 5.0)
    return _soft(far, 0.3) * shown
