"""The physical size of a pixel, where it comes from, and when to doubt it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from napari_wsol.errors import PixelSizeError

PLAUSIBLE_MPP = (0.05, 20.0)
"""Smallest and largest believable pixel size of a histology image, in µm."""

TOLERATED_MISMATCH = 0.25
"""How far an image that cannot be resampled may be from the model's mpp."""


@dataclass(frozen=True)
class PixelSize:
    """Micrometres per level-0 pixel along y and x, and who said so.

    ``source`` is a phrase for the user: ``'entered by the user'``,
    ``'scale of layer "slide"'``, ``'openslide.mpp-x'``.
    """

    y: float
    x: float
    source: str

    @property
    def mpp(self) -> float:
        """One figure for both axes (their geometric mean), in µm per pixel."""
        return math.sqrt(self.y * self.x)

    @property
    def is_plausible(self) -> bool:
        """Whether both axes lie within what a microscope can mean."""
        low, high = PLAUSIBLE_MPP
        return all(
            math.isfinite(value) and low <= value <= high
            for value in (self.y, self.x)
        )


def require_pixel_size(pixel_size: PixelSize | None, name: str) -> PixelSize:
    """The given pixel size, if it can be believed.

    Raises
    ------
    PixelSizeError
        Where it is missing or outside 0.05-20 µm/px; the message names the
        image and asks for the value.
    """
    if pixel_size is None:
        raise PixelSizeError(
            f'The pixel size of "{name}" is not known. Enter it in µm per '
            'pixel (a 20x scan is about 0.5, a 40x scan about 0.25).'
        )
    if not pixel_size.is_plausible:
        low, high = PLAUSIBLE_MPP
        raise PixelSizeError(
            f'The pixel size of "{name}" is given as {pixel_size.y:g} x '
            f'{pixel_size.x:g} µm ({pixel_size.source}), outside {low:g}-'
            f'{high:g} µm. Enter the true value in µm per pixel.'
        )
    return pixel_size
