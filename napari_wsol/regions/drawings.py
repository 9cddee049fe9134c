"""Pictures with outlines, and bars, as inline SVG."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from PIL import Image

from napari_wsol.slides.colour import RGB
from napari_wsol.slides.geometry import Box

MARGIN = 3.0
"""Picture pixels beyond the picture that outlines are drawn to."""

FINE = 0.4
"""Picture pixels that an outline may be off."""

WIDTH, HEIGHT = 440, 220
_LEFT, _TOP, _BOTTOM = 44, 10, 40
_INNER_WIDTH, _INNER_HEIGHT = WIDTH - _LEFT - 30, HEIGHT - _TOP - _BOTTOM


@dataclass(frozen=True)
class Picture:
    """Pixels ``(h, w, 3)``, and the level-0 rectangle that they show."""

    pixels: RGB
    box: Box


def outlined(
    picture: Picture, outlines: Mapping[str, Iterable[Any]], title: str
) -> str:
    """A picture with outlines over it, as an SVG element.

    Parameters
    ----------
    outlines
        CSS class -> shapely polygons in level-0 pixels; later ones on top.
    """
    height, width = picture.pixels.shape[:2]
    paths = ''.join(
        f'<path class="{escape(name)}" d="{_path(picture, polygons)}"/>'
        for name, polygons in outlines.items()
    )
    return (
        f'<svg class="picture" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(title)}"><image width="{width}" '
        f'height="{height}" href="{_inlined(picture.pixels)}"/>{paths}</svg>'
    )


def _path(picture: Picture, polygons: Iterable[Any]) -> str:
    """All polygons as one path, only as fine as the picture shows."""
    height, width = picture.pixels.shape[:2]
    box = picture.box
    corner = np.array([box.x, box.y])
    scale = np.array([width / box.width, height / box.height])
    drawn = []
    for polygon in polygons:
        shape = shapely.transform(polygon, lambda xy: (xy - corner) * scale)
        bounds = shapely.box(*shape.bounds)
        shape = shapely.clip_by_rect(
            shapely.simplify(shape, FINE, preserve_topology=False),
            *(-MARGIN, -MARGIN, width + MARGIN, height + MARGIN),
        )
        parts = shapely.get_parts(bounds if shape.is_empty else shape)
        drawn += [
            _ring(ring)
            for part in parts
            if part.geom_type == 'Polygon'
            for ring in (part.exterior, *part.interiors)
        ]
    return ''.join(drawn)


def _ring(ring: Any) -> str:
    corners = shapely.get_coordinates(ring)[:-1].round(1).tolist()
    return 'M' + 'L'.join(f'{x:g} {y:g}' for x, y in corners) + 'Z'


def bars(
    counts: npt.NDArray[Any],
    ticks: Sequence[tuple[float, str]],
    x_title: str,
    y_title: str,
) -> str:
    """Bars of one width as an SVG element.

    Parameters
    ----------
    ticks
        Where along the bars, from 0 to 1, and what to write there.
    """
    highest = max(1, int(counts.max(initial=0)))
    bottom = _TOP + _INNER_HEIGHT
    step = _INNER_WIDTH / len(counts)
    boxes = ''.join(
        f'M{_LEFT + i * step + 1:.1f} {bottom}'
        f'v{-count / highest * _INNER_HEIGHT:.1f}h{step - 2:.1f}V{bottom}Z'
        for i, count in enumerate(counts.tolist())
        if count
    )
    names = ''.join(
        f'<text x="{_LEFT + place * _INNER_WIDTH:.1f}" y="{bottom + 16}" '
        f'text-anchor="middle">{escape(text)}</text>'
        for place, text in ticks
    )
    heights = ''.join(
        f'<path class="grid" d="M{_LEFT} {y:.1f}h{_INNER_WIDTH}"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}'
        '</text>'
        for y, text in ((bottom, '0'), (_TOP, f'{highest}'))
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(y_title)} over {escape(x_title)}">{heights}'
        f'<path class="bars" d="{boxes}"/>{names}'
        f'<text x="{_LEFT + _INNER_WIDTH / 2:.0f}" y="{HEIGHT - 6}" '
        f'text-anchor="middle">{escape(x_title)}</text></svg>'
    )


def _inlined(pixels: RGB) -> str:
    file = BytesIO()
    Image.fromarray(pixels).save(file, 'JPEG', quality=85, subsampling=0)
    coded = base64.b64encode(file.getvalue()).decode('ascii')
    return f'data:image/jpeg;base64,{coded}'
