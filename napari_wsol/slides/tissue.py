"""Where a slide holds tissue, and where only glass, pen or black border."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage import filters

from napari_wsol.slides.colour import RGB
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.slide import Slide

Mask = npt.NDArray[np.bool_]

WANTED_MPP = 8.0
NOMINAL_MPP = 0.5
"""Only for what is "small" in a slide whose pixel size nobody knows."""

SMALLEST_SIDE, LARGEST_SIDE = 512, 2048
"""The mask's longer side in pixels, where the slide has as many."""

THRESHOLDS = (0.03, 0.05)
"""Lowest and highest optical density at which tissue may begin."""

HOLE_MM2 = 0.1
SPECK_MM2 = 0.0025
MARGIN_UM = 15.0

OPEN_UM = 200.0
"""How wide a gap that the picture cuts off is to be no lumen: its area, of
which only a part is seen, does not tell."""


@dataclass(frozen=True, eq=False)
class TissueMask:
    """Tissue on a coarse grid over the whole of level 0.

    Parameters
    ----------
    mask
        ``(H, W)`` bool, True where there is tissue.
    step_y, step_x
        Level-0 pixels per mask pixel; the grid begins at the slide's
        top-left corner.
    """

    mask: Mask
    step_y: float
    step_x: float

    def fraction(self, box: Box) -> float:
        """Share of a level-0 box that is tissue; outside there is none."""
        top, bottom = self._rows(box.y), self._rows(box.bottom)
        left, right = self._columns(box.x), self._columns(box.right)
        tissue = (
            self._before(bottom, right)
            - self._before(top, right)
            - self._before(bottom, left)
            + self._before(top, left)
        )
        area = box.height * box.width / (self.step_y * self.step_x)
        return float(min(1.0, max(0.0, tissue / area)))

    def covers(self, box: Box, at_least: float = 1e-6) -> bool:
        """Whether that share of a level-0 box, or more, is tissue."""
        return self.fraction(box) >= at_least

    def at(
        self,
        y0: float,
        x0: float,
        step_y: float,
        step_x: float,
        height: int,
        width: int,
    ) -> Mask:
        """The mask on another regular grid, ``(height, width)`` bool.

        Parameters
        ----------
        y0, x0
            Level-0 coordinate of that grid's top-left corner.
        step_y, step_x
            Level-0 pixels per pixel of that grid; its pixel centres are
            looked up.
        """
        y = (y0 + (np.arange(height) + 0.5) * step_y) / self.step_y
        x = (x0 + (np.arange(width) + 0.5) * step_x) / self.step_x
        rows, columns = self.mask.shape
        found = self.mask[
            np.clip(np.floor(y).astype(int), 0, rows - 1)[:, None],
            np.clip(np.floor(x).astype(int), 0, columns - 1),
        ]
        inside_y = (y >= 0) & (y < rows)
        inside_x = (x >= 0) & (x < columns)
        return np.asarray(found & inside_y[:, None] & inside_x)

    @property
    def share(self) -> float:
        """Share of the whole slide that is tissue."""
        return float(self.mask.mean())

    def _rows(self, y: float) -> float:
        return min(max(y / self.step_y, 0.0), float(self.mask.shape[0]))

    def _columns(self, x: float) -> float:
        return min(max(x / self.step_x, 0.0), float(self.mask.shape[1]))

    @cached_property
    def _integral(self) -> npt.NDArray[np.int64]:
        sums = self.mask.cumsum(0, dtype=np.int64).cumsum(1)
        return np.pad(sums, ((1, 0), (1, 0)))

    def _before(self, y: float, x: float) -> float:
        """Tissue above and left of a point, in mask pixels."""
        rows, columns = self.mask.shape
        i, j = min(int(y), rows - 1), min(int(x), columns - 1)
        v, u = y - i, x - j
        corner = self._integral[i : i + 2, j : j + 2]
        return float(
            (1 - v) * ((1 - u) * corner[0, 0] + u * corner[0, 1])
            + v * ((1 - u) * corner[1, 0] + u * corner[1, 1])
        )


def tissue_mask(slide: Slide) -> TissueMask:
    """Finds the tissue of a slide on a thumbnail of about 8 µm per pixel.

    Tissue absorbs more light than the slide's own glass: the limit is
    Otsu's, within bounds such that a field without glass is all tissue and
    glass alone has none. Black borders and pen strokes (green, blue, black)
    are no tissue. Lumens and other gaps below 0.1 mm² count as tissue,
    unless the picture's end cuts them off and a disc of 0.2 mm fits in;
    specks below 0.0025 mm² do not.
    """
    height, width = slide.shape
    size = slide.pixel_size
    mpp = size.mpp if size and size.is_plausible else NOMINAL_MPP
    longest = max(height, width)
    wanted = np.clip(longest * mpp / WANTED_MPP, SMALLEST_SIDE, LARGEST_SIDE)
    pixels = slide.thumbnail(int(min(wanted, longest)))
    rows, columns = pixels.shape[:2]
    step_y, step_x = height / rows, width / columns
    pixel_um = mpp * float(np.sqrt(step_y * step_x))
    found = tissue_pixels(pixels, pixel_um)
    return TissueMask(found, step_y, step_x)


def tissue_pixels(pixels: RGB, pixel_um: float) -> Mask:
    """The tissue in an RGB picture ``(H, W, 3)`` of so many µm per pixel."""
    density = _density(pixels)
    low, high = THRESHOLDS
    limit = low
    if density.max() > low:
        limit = float(np.clip(_otsu(density), low, high))
    found = (density > limit) & ~_is_ink(pixels)
    area = found.size * pixel_um**2 * 1e-6
    hole = min(HOLE_MM2, area / 4) * 1e6 / pixel_um**2
    speck = min(SPECK_MM2, area / 100) * 1e6 / pixel_um**2
    found = _without_small(found, speck)
    opened = _cut_off(~found, OPEN_UM / 2 / pixel_um)
    margin = int(min(round(MARGIN_UM / pixel_um), max(found.shape) // 50))
    if margin:
        found = ndimage.binary_dilation(found, iterations=margin)
        found &= ~_is_ink(pixels)
    return ~(_without_small(~found, hole) | (opened & ~found))


def _otsu(values: npt.NDArray[np.float32]) -> float:
    return float(filters.threshold_otsu(values))  # type: ignore[no-untyped-call]


def _density(pixels: RGB) -> npt.NDArray[np.float32]:
    """Optical density against the slide's own glass, slightly smoothed.

    The strongest channel counts: both stains absorb green.
    """
    smooth = np.stack(
        [ndimage.gaussian_filter(pixels[..., c], 1.0) for c in range(3)], -1
    )
    density = -np.log10((smooth.astype(np.float32) + 1) / (_glass(smooth) + 1))
    return np.asarray(density.max(axis=-1), np.float32)


def _glass(pixels: RGB) -> npt.NDArray[np.float32]:
    """The colour of bright, nearly grey pixels; white where there are few."""
    flat = pixels.reshape(-1, 3)
    darkest, brightest = flat.min(axis=1), flat.max(axis=1)
    grey = (darkest >= 205) & (brightest - darkest <= 20)
    if grey.mean() < 0.02:
        return np.full(3, 245, np.float32)
    return np.asarray(np.percentile(flat[grey], 75, axis=0), np.float32)


def _is_ink(pixels: RGB) -> Mask:
    """Black, or greener than red and of a strong colour: pen and border."""
    red, green, blue = (pixels[..., c].astype(np.int16) for c in range(3))
    brightest = np.maximum(np.maximum(red, green), blue)
    darkest = np.minimum(np.minimum(red, green), blue)
    black = (brightest < 50) & (brightest - darkest < 25)
    pen = (green - red > 20) & (brightest > 1.6 * darkest)
    return np.asarray(black | pen)


def _cut_off(gaps: Mask, radius: float) -> Mask:
    """The gaps at the picture's ends, mirrored there, that hold a disc."""
    labels, _ = ndimage.label(gaps)
    kept = np.zeros_like(gaps)
    reach = int(np.ceil(radius)) + 1
    for number, place in enumerate(ndimage.find_objects(labels), 1):
        ends = [
            (reach * (part.start == 0), reach * (part.stop == length))
            for part, length in zip(place, gaps.shape, strict=True)
        ]
        gap = labels[place] == number
        if not np.any(ends) or gap.sum() < radius**2:
            continue
        mirrored = np.pad(np.pad(gap, ends, mode='symmetric'), 1)
        if ndimage.distance_transform_edt(mirrored).max() > radius:
            kept[place] |= gap
    return kept


def _without_small(mask: Mask, smallest: float) -> Mask:
    """The mask without its connected parts of fewer pixels."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    keep = np.bincount(labels.ravel()) >= smallest
    keep[0] = False
    return np.asarray(keep[labels])
