"""The physical size of a pixel, where it comes from, and when to doubt it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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


class Resolved(NamedTuple):
    """The pixel size to use, and why others were not believed.

    ``note`` is a sentence for the user, empty where nothing was ignored.
    """

    pixel_size: PixelSize | None
    note: str


def resolve_pixel_size(candidates: Iterable[PixelSize | None]) -> Resolved:
    """The first believable of several statements, best source first.

    Statements outside 0.05-20 µm/px (printing resolutions such as 72 dpi,
    placeholders such as 1000 µm) count as missing; the note names those
    that were passed over on the way.
    """
    ignored: list[str] = []
    for candidate in candidates:
        if candidate is None:
            continue
        if candidate.is_plausible:
            return Resolved(candidate, ' '.join(ignored))
        low, high = PLAUSIBLE_MPP
        ignored.append(
            f'{candidate.y:.4g} x {candidate.x:.4g} µm per pixel '
            f'({candidate.source}) is ignored: outside {low:g}-{high:g} µm.'
        )
    return Resolved(None, ' '.join(ignored))


def printing_note(dpi: float) -> str:
    """Why a resolution in dots per inch is not taken for a pixel size."""
    return (
        f'The {dpi:.4g} dpi tag ({25400 / dpi:.4g} µm per pixel) is ignored: '
        'it speaks of printing.'
    )


def pixel_size_from_scale(
    scale: Sequence[float], units: Sequence[str] | None, layer_name: str
) -> PixelSize | None:
    """What a napari layer's scale says about its pixels.

    Parameters
    ----------
    scale
        Of the layer, one value per axis; the last two are y and x.
    units
        Names of their units as pint knows them, such as ``'micrometer'``;
        None, ``'pixel'`` or anything that is no length says nothing.
    layer_name
        Named in the source.
    """
    if units is None or len(units) < 2 or len(scale) < 2:
        return None
    y = in_micrometres(scale[-2], units[-2])
    x = in_micrometres(scale[-1], units[-1])
    if y is None or x is None:
        return None
    return PixelSize(abs(y), abs(x), f'scale of layer "{layer_name}"')


def in_micrometres(value: float, unit: str) -> float | None:
    """A length in µm, or None where the unit is no length."""
    factor = _MICROMETRES.get(unit.strip())
    if factor is None:
        factor = _pint_factor(unit)
    return None if factor is None else float(value) * factor


_MICROMETRES = {
    'micrometer': 1.0,
    'micron': 1.0,
    'um': 1.0,
    'µm': 1.0,  # micro sign
    'μm': 1.0,  # Greek mu
    'millimeter': 1e3,
    'mm': 1e3,
    'nanometer': 1e-3,
    'nm': 1e-3,
}


def _pint_factor(unit: str) -> float | None:
    import pint  # takes a second: only for unusual units

    registry: Any = pint.get_application_registry()  # type: ignore[no-untyped-call]
    try:
        return float(registry.Quantity(1.0, unit).to('micrometer').magnitude)
    except (pint.PintError, ValueError, AssertionError):
        return None


def require_pixel_size(
    pixel_size: PixelSize | None, name: str, note: str = ''
) -> PixelSize:
    """The given pixel size, if it can be believed.

    Parameters
    ----------
    pixel_size
        To be checked.
    name
        Of the image, for the message.
    note
        Why an earlier statement was ignored, for the message.

    Raises
    ------
    PixelSizeError
        Where it is missing or outside 0.05-20 µm/px; the message names the
        image and asks for the value.
    """
    if pixel_size is None:
        ignored = f' ({note.rstrip(".")})' if note else ''
        raise PixelSizeError(
            f'The pixel size of "{name}" is not known{ignored}. Enter it in '
            'µm per pixel (a 20x scan is about 0.5, a 40x scan about 0.25).'
        )
    if not pixel_size.is_plausible:
        low, high = PLAUSIBLE_MPP
        raise PixelSizeError(
            f'The pixel size of "{name}" is given as {pixel_size.y:g} x '
            f'{pixel_size.x:g} µm ({pixel_size.source}), outside {low:g}-'
            f'{high:g} µm. Enter the true value in µm per pixel.'
        )
    return pixel_size
