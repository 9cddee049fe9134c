"""Pixels of any accepted kind as 8-bit RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

RGB = npt.NDArray[np.uint8]

WHITE = 255


def over_white(pixels: RGB, *, premultiplied: bool = False) -> RGB:
    """RGBA ``(H, W, 4)`` laid over white, as ``(H, W, 3)``; RGB unchanged.

    Parameters
    ----------
    pixels
        uint8, three or four channels.
    premultiplied
        Whether the colours are already multiplied by their opacity.
    """
    if pixels.shape[2] == 3:
        return pixels
    colour, alpha = pixels[..., :3], pixels[..., 3:]
    if alpha.size == 0 or alpha.min() == WHITE:
        return np.ascontiguousarray(colour)
    wide = colour.astype(np.uint16)
    opacity = alpha.astype(np.uint16)
    if not premultiplied:
        wide = (wide * opacity + WHITE // 2) // WHITE
    blended: RGB = np.minimum(wide + (WHITE - opacity), WHITE).astype(np.uint8)
    return blended


def as_rgb8(pixels: npt.NDArray[Any]) -> RGB:
    """RGB or RGBA pixels, uint8 or floats in 0..1, as ``(H, W, 3)`` uint8."""
    if pixels.dtype != np.uint8:
        bounded = np.nan_to_num(np.clip(pixels, 0, 1))
        pixels = np.rint(bounded * WHITE).astype(np.uint8)
    return over_white(pixels)
