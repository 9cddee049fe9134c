"""Which pixel size holds for a layer, and what to say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_wsol.models.card import ModelCard
from napari_wsol.slides.pixel_size import (
    PLAUSIBLE_MPP,
    TOLERATED_MISMATCH,
    PixelSize,
)

__all__ = [
    'PLEASE',
    'Advice',
    'advise',
    'entered_pixel_size',
    'parse_mpp',
]

ENTERED = 'your entry'

PLEASE = 'Please enter it: a 20x scan has about 0.5, a 40x scan about 0.25.'


@dataclass(frozen=True)
class Advice:
    """One sentence on a pixel size, and whether it keeps from running."""

    kind: Literal['fine', 'note', 'stop']
    text: str


def entered_pixel_size(mpp: float) -> PixelSize:
    """The pixel size that the user typed, in µm per pixel."""
    return PixelSize(mpp, mpp, ENTERED)


def parse_mpp(text: str) -> float | None:
    """The number that was typed, with a point or a comma; None for none."""
    try:
        return float(text.strip().replace(',', '.'))
    except ValueError:
        return None


def advise(
    size: PixelSize | None, card: ModelCard | None, note: str = ''
) -> Advice:
    """What the user should know about the pixel size before running.

    Parameters
    ----------
    size
        Of the image's level 0; None where nobody said.
    card
        Of the chosen model; a card without ``mpp`` works at any size.
    note
        Why another statement was not believed; told where none is left.
    """
    if size is None:
        if card is not None and card.mpp is None:
            return Advice('note', 'Without it, no areas in mm² are told.')
        why = note or 'The image does not say how large its pixels are.'
        return Advice('stop', f'{why} {PLEASE}')
    low, high = PLAUSIBLE_MPP
    if not size.is_plausible:
        return Advice(
            'stop',
            f'{_figure(size)} µm ({size.source}) cannot be right for a '
            f'microscope image ({low:g} to {high:g} are possible). {PLEASE}',
        )
    stated = f'Source: {size.source}.'
    if card is None or card.mpp is None:
        return Advice('fine', stated)
    ratio = size.mpp / card.mpp
    if ratio > 1 + TOLERATED_MISMATCH:
        return Advice(
            'note',
            f'{stated} The model learned at {card.mpp:g} µm: this image is '
            f'{ratio:.2g} times coarser and will be enlarged, so details that '
            'the model looks for may be lacking.',
        )
    if ratio < 1 / (1 + TOLERATED_MISMATCH):
        return Advice(
            'fine',
            f'{stated} Shrunk {1 / ratio:.2g} times to the {card.mpp:g} µm '
            'that the model learned at.',
        )
    return Advice('fine', stated)


def _figure(size: PixelSize) -> str:
    """One number for square pixels, else both."""
    if abs(size.y - size.x) <= 1e-3 * max(abs(size.y), abs(size.x)):
        return f'{size.y:.4g}'
    return f'{size.y:.4g} x {size.x:.4g}'
