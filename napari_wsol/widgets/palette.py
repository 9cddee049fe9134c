"""Colours that mean the same to everybody, whatever they can tell apart."""

from __future__ import annotations

__all__ = ['ENTROPY_COLORMAP', 'PROBABILITY_COLORMAP', 'class_color']

PROBABILITY_COLORMAP = 'viridis'
ENTROPY_COLORMAP = 'magma'

_OKABE_ITO = (
    (0, 158, 115),
    (230, 159, 0),
    (86, 180, 233),
    (213, 94, 0),
    (240, 228, 66),
    (0, 114, 178),
)


def class_color(index: int) -> tuple[float, float, float]:
    """RGB in 0-1 of the n-th class that has regions, from 0.

    The colours are those of Okabe and Ito, told apart with every common
    kind of colour blindness and visible on H&E; they repeat after six.
    """
    red, green, blue = _OKABE_ITO[index % len(_OKABE_ITO)]
    return red / 255, green / 255, blue / 255
