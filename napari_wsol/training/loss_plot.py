"""The course of a training as a picture: one small curve per figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

COLUMNS = 3
WIDTH, HEIGHT = 300, 170
"""Pixels of one panel, its title and axes included."""

LEFT, RIGHT, TOP, BOTTOM = 58, 16, 34, 26
"""Pixels around a panel's curve."""

LOSS_COLOUR, VALIDATION_COLOUR = '#0072b2', '#d55e00'
"""Of Okabe and Ito: terms of the loss, figures of validation."""

STYLE = (
    'text{font:11px system-ui,sans-serif;fill:#444}'
    '.title{font-size:13px;font-weight:600;fill:#111}'
    '.value{text-anchor:end}.axis{stroke:#ccc;fill:none}'
    '.curve{fill:none;stroke-width:1.8;stroke-linejoin:round}'
)


def write_loss_plot(path: Path, history: Sequence[dict[str, float]]) -> None:
    """Write an SVG with a panel for each figure, over epochs from 1.

    Terms of the loss differ by orders of magnitude, so each has its own
    scale; figures of validation come last, their best epoch marked.
    """
    names = list(dict.fromkeys(name for row in history for name in row))
    names.sort(key=_is_validation)
    rows = math.ceil(len(names) / COLUMNS)
    width, height = COLUMNS * WIDTH, rows * HEIGHT
    panels = ''.join(
        f'<g transform="translate({i % COLUMNS * WIDTH},'
        f'{i // COLUMNS * HEIGHT})">'
        + _panel(name, [row.get(name, math.nan) for row in history])
        + '</g>\n'
        for i, name in enumerate(names)
    )
    temporary = path.with_suffix('.svg.tmp')
    temporary.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}">'
        f'<style>{STYLE}</style>'
        f'<rect width="100%" height="100%" fill="#fff"/>\n{panels}</svg>\n',
        encoding='utf-8',
    )
    temporary.replace(path)


def _panel(name: str, values: Sequence[float]) -> str:
    """One curve with its title, its last value, and its axes."""
    known = [v for v in values if math.isfinite(v)]
    low, high = min(known), max(known)
    spread = (high - low) or abs(high) or 1.0
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def place(epoch: int, value: float) -> tuple[float, float]:
        share = epoch / max(1, len(values) - 1)
        up = (value - low) / spread if high > low else 0.5
        return LEFT + share * (right - LEFT), bottom - up * (bottom - TOP)

    points = [
        place(epoch, value)
        for epoch, value in enumerate(values)
        if math.isfinite(value)
    ]
    colour = VALIDATION_COLOUR if _is_validation(name) else LOSS_COLOUR
    marked = points[-1]
    if _is_validation(name):
        best = max(i for i, value in enumerate(known) if value == low)
        marked = points[best]
    drawn = ' '.join(f'{x:.1f},{y:.1f}' for x, y in points)
    scale = (
        [(TOP, high), (bottom, low)]
        if high > low
        else [((TOP + bottom) / 2, low)]
    )
    return (
        f'<text class="title" x="{LEFT}" y="20">'
        f'{escape(name.replace("_", " "))}</text>'
        f'<text class="value" x="{right}" y="20">{known[-1]:.4g}</text>'
        f'<path class="axis" d="M{LEFT},{TOP}V{bottom}H{right}"/>'
        + ''.join(
            f'<text class="value" x="{LEFT - 6}" y="{y + 4:.1f}">'
            f'{value:.3g}</text>'
            for y, value in scale
        )
        + f'<text x="{LEFT}" y="{HEIGHT - 10}">epoch 1</text>'
        f'<text class="value" x="{right}" y="{HEIGHT - 10}">'
        f'{len(values)}</text>'
        f'<polyline class="curve" stroke="{colour}" points="{drawn}"/>'
        f'<circle cx="{marked[0]:.1f}" cy="{marked[1]:.1f}" r="3.2" '
        f'fill="{colour}"/>'
    )


def _is_validation(name: str) -> bool:
    return name.startswith('validation')
