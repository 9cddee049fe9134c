"""Colours that mean the same to everybody and on every image."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from napari.utils.colormaps import (
    Colormap,
    DirectLabelColormap,
    ensure_colormap,
)

from napari_wsol.inference.colours import CLASS_COLOURS

__all__ = [
    'MISSED',
    'RIGHT',
    'WRONG',
    'class_color',
    'map_colormap',
    'mask_colormap',
]

RIGHT, WRONG, MISSED = '#009e73', '#d55e00', '#0072b2'
"""Of what is found rightly, marked wrongly and left out, whoever says so."""

PERCEPTUAL = {'probability': 'viridis', 'entropy': 'inferno'}

_FADE = 0.25
"""Value below which a map lets more and more of the tissue through."""


def class_color(index: int) -> tuple[float, float, float]:
    """RGB in 0-1 of the n-th class that has regions, from 0.

    The colours are those of Okabe and Ito, told apart with every common
    kind of colour blindness and visible on H&E; they repeat after six.
    """
    red, green, blue = CLASS_COLOURS[index % len(CLASS_COLOURS)]
    return red / 255, green / 255, blue / 255


def mask_colormap(n_classes: int) -> DirectLabelColormap:
    """Transparent background and one colour per class that has regions."""
    clear = np.zeros(4, np.float32)
    colors: dict[int | None, Any] = {None: clear, 0: clear}
    for index in range(max(1, n_classes)):
        colors[index + 1] = np.array([*class_color(index), 1], np.float32)
    return DirectLabelColormap(color_dict=defaultdict(lambda: clear, colors))


def map_colormap(role: str) -> Colormap:
    """A perceptually uniform colormap that is clear where the map is 0.

    What was not looked at has the value 0 and stays visible.

    Parameters
    ----------
    role
        ``'probability'`` or ``'entropy'``.
    """
    name = PERCEPTUAL[role]
    values = np.linspace(0, 1, 256)
    colors = np.array(ensure_colormap(name).map(values))
    colors[:, 3] = np.minimum(values / _FADE, 1)
    return Colormap(colors, name=f'{name} over tissue')
