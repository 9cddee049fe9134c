"""Small charts as inline SVG: crisp on screen and on paper, no library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WIDTH, HEIGHT = 440, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 30, 46
_INNER_WIDTH = WIDTH - _LEFT - _RIGHT
_INNER_HEIGHT = HEIGHT - _TOP - _BOTTOM
_TICKS = 6
_LETTER = 7.2
"""Mean width of a legend's letter in px."""


@dataclass(frozen=True)
class Series:
    """A curve or a set of points; NaN are left out.

    Parameters
    ----------
    colour
        As CSS writes it.
    share
        In [0, 1], which the area of each point follows; None: all the same.
    """

    name: str
    x: Floats
    y: Floats
    colour: str
    kind: Literal['line', 'dashed', 'area', 'points'] = 'line'
    share: Floats | None = None


@dataclass(frozen=True)
class Line:
    """An upright line with its name."""

    x: float
    name: str


def chart(
    series: Sequence[Series],
    x_title: str,
    y_title: str,
    *,
    y_end: float = 1.0,
    lines: Sequence[Line] = (),
) -> str:
    """An SVG element; x runs from 0 to 1 and y from 0 to ``y_end``."""
    parts = [
        (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(y_title)} over {escape(x_title)}">'
        ),
        *_frame(x_title, y_title, y_end),
        *(_upright(line) for line in lines),
        *(_drawn(each, y_end) for each in series),
        *_legend(series),
        '</svg>',
    ]
    return '\n'.join(parts)


def _x(value: float) -> float:
    return _LEFT + value * _INNER_WIDTH


def _y(value: float, end: float) -> float:
    return _TOP + (1 - value / end) * _INNER_HEIGHT


def _frame(x_title: str, y_title: str, y_end: float) -> list[str]:
    """Grid, ticks and titles."""
    parts = []
    for tick in np.linspace(0, 1, _TICKS):
        x, y = _x(tick), _y(tick * y_end, y_end)
        bottom = _TOP + _INNER_HEIGHT
        parts += [
            (
                f'<path class="grid" d="M{x:.1f} {_TOP}V{bottom}'
                f'M{_LEFT} {y:.1f}H{_LEFT + _INNER_WIDTH}"/>'
            ),
            (
                f'<text x="{x:.1f}" y="{bottom + 16}" '
                f'text-anchor="middle">{tick:.1g}</text>'
            ),
            (
                f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" '
                f'text-anchor="end">{tick * y_end:.2g}</text>'
            ),
        ]
    middle = _TOP + _INNER_HEIGHT / 2
    return [
        *parts,
        (
            f'<text x="{_x(0.5):.1f}" y="{HEIGHT - 8}" '
            f'text-anchor="middle">{escape(x_title)}</text>'
        ),
        (
            f'<text transform="translate(13 {middle:.1f}) rotate(-90)" '
            f'text-anchor="middle">{escape(y_title)}</text>'
        ),
    ]


def _upright(line: Line) -> str:
    x = _x(line.x)
    side = 'end' if line.x > 0.6 else 'start'
    return (
        f'<path class="upright" d="M{x:.1f} {_TOP}v{_INNER_HEIGHT}"/>'
        f'<text x="{x + (-5 if side == "end" else 5):.1f}" '
        f'y="{_TOP + _INNER_HEIGHT - 8}" text-anchor="{side}">'
        f'{escape(line.name)}</text>'
    )


def _drawn(series: Series, y_end: float) -> str:
    if series.kind == 'points':
        return _points(series, y_end)
    places: list[str] = []
    for x, y in zip(series.x, series.y, strict=True):
        if not np.isnan(x + y):
            place = f'{_x(x):.1f} {_y(y, y_end):.1f}'
            if place not in places[-1:]:
                places.append(place)
    if not places:
        return ''
    colour, path = series.colour, 'L'.join(places)
    if series.kind == 'area':
        left, _, _ = places[0].partition(' ')
        floor = _TOP + _INNER_HEIGHT
        return (
            f'<path d="M{left} {floor}L{path}V{floor}Z" '
            f'fill="{colour}" fill-opacity="0.3" stroke="{colour}"/>'
        )
    dash = ' stroke-dasharray="5 4"' if series.kind == 'dashed' else ''
    return (
        f'<path d="M{path}" fill="none" stroke="{colour}" '
        f'stroke-width="2"{dash}/>'
    )


def _points(series: Series, y_end: float) -> str:
    share = series.share
    if share is None:
        share = np.full(len(series.x), 0.15)
    return ''.join(
        f'<circle cx="{_x(x):.1f}" cy="{_y(y, y_end):.1f}" '
        f'r="{1.5 + 9 * size**0.5:.1f}" fill="{series.colour}" '
        'fill-opacity="0.8"/>'
        for x, y, size in zip(series.x, series.y, share, strict=True)
        if not np.isnan(x + y)
    )


def _legend(series: Sequence[Series]) -> list[str]:
    parts, x = [], float(_LEFT)
    for each in series:
        if not each.name:
            continue
        parts.append(
            f'<rect x="{x:.0f}" y="8" width="12" height="12" rx="2" '
            f'fill="{each.colour}"/>'
            f'<text x="{x + 17:.0f}" y="18">{escape(each.name)}</text>'
        )
        x += 30 + _LETTER * len(each.name)
    return parts
