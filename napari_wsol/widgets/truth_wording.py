"""What the form says of a mask that is compared with the truth."""

from __future__ import annotations

import math

from napari_wsol.evaluation.wording import FIGURES
from napari_wsol.regions.truth import (
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    TRUE_POSITIVE,
    Figures,
)
from napari_wsol.widgets.palette import MISSED, RIGHT, WRONG

__all__ = [
    'COLOURS',
    'NO_AREAS',
    'explained',
    'failure',
    'figures_line',
    'legend',
    'what_is_left_out',
]

COLOURS = {
    TRUE_POSITIVE: RIGHT,
    FALSE_POSITIVE: WRONG,
    FALSE_NEGATIVE: MISSED,
}
"""Of Okabe and Ito, told apart with every common kind of colour blindness."""

NO_AREAS = (
    '"{}" has no areas yet. Draw around what is really there, with polygons, '
    'rectangles or ellipses; lines do not count.'
)

_NEARLY_ALL = 0.99


def figures_line(figures: Figures) -> str:
    """F1+, F1- and PxAP, short."""
    values = {
        'f1_foreground': figures.f1_foreground,
        'f1_background': figures.f1_background,
        'pxap': figures.pxap,
    }
    return '   '.join(
        f'{FIGURES["Regions"][name][0]} {_told(value)}'
        for name, value in values.items()
    )


def explained(coarser: int) -> str:
    """What the figures are of.

    Parameters
    ----------
    coarser
        See ``truth.level_to_judge``.
    """
    told = (
        'In percent, of this image, counted in pixels of the map. F1+: Dice '
        'of what is marked. F1−: Dice of the rest. PxAP: area under '
        'precision over recall, the same at every threshold.'
    )
    if coarser > 1:
        told += (
            f' The map is large: the figures are of one that is {coarser} '
            'times coarser.'
        )
    return told


def legend(figures: Figures) -> str:
    """What the colours mean and how much there is of each, as HTML."""
    parts = (
        (TRUE_POSITIVE, f'found {_told(figures.tp)}%'),
        (FALSE_NEGATIVE, f'missed {_told(figures.fn)}%'),
        (FALSE_POSITIVE, f'wrongly marked {_told(figures.fp)}% of the rest'),
    )
    return ' &nbsp; '.join(
        f'<span style="color: {COLOURS[value]}">■</span> {text}'
        for value, text in parts
    )


def what_is_left_out(covered: float, name: str) -> str:
    """Where a layer says nothing; empty where it says all.

    Parameters
    ----------
    covered
        Share of what the model looked at of which the layer speaks.
    name
        Of the layer.
    """
    if covered == 0:
        return (
            f'"{name}" does not lie over what the model looked at. Choose '
            'another layer, or move it there.'
        )
    if covered < _NEARLY_ALL:
        return (
            f'"{name}" covers {100 * covered:.0f}% of what the model looked '
            'at; the rest does not count.'
        )
    return ''


def failure(error: Exception) -> str:
    """That the truth could not be read, and what to do."""
    return (
        f'The mask could not be compared with the truth ({error}). Choose '
        'the layer again, or another one.'
    )


def _told(percent: float) -> str:
    return '–' if math.isnan(percent) else f'{percent:.1f}'
