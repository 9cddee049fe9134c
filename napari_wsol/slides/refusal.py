"""What is not an H&E image, said in the same words everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_wsol.errors import BadInputError

if TYPE_CHECKING:
    from napari_wsol.slides.colour import RGB
    from napari_wsol.slides.slide import Slide

EXPECTED = '8-bit RGB brightfield (H&E)'

DARK = 40
"""A pixel whose brightest channel is below this is black."""

SAMPLES_PER_SIDE = 8
SAMPLE_SIZE = 128


def refusal(name: str, problem: str) -> BadInputError:
    """The error that says what an image is and what it should be.

    ``problem`` completes the sentence "the image is ...".
    """
    return BadInputError(
        f'"{name}" is {problem}. The models expect an {EXPECTED} image.'
    )


def unreadable(name: str, error: BaseException) -> BadInputError:
    """The error for a file whose pixels a library could not decode."""
    return BadInputError(
        f'"{name}" cannot be read; it may be damaged or incomplete '
        f'({_one_line(error)}). Copy or export it again.'
    )


def require_brightfield(slide: Slide) -> None:
    """Refuse an image that is mostly black with glowing colours.

    A few places of the coarsest level are looked at. Black borders around
    H&E are accepted: its pixels that are not black are pale or pink, never
    of one pure colour.

    Raises
    ------
    BadInputError
        Where the image looks like fluorescence.
    """
    if is_fluorescent(_samples(slide)):
        raise refusal(
            slide.name,
            'mostly black with glowing colours: it looks like fluorescence '
            'or dark field',
        )


def is_fluorescent(pixels: RGB) -> bool:
    """Whether ``(N, 3)`` pixels are of a glowing image on black."""
    brightest = pixels.max(axis=1)
    lit = pixels[brightest >= DARK]
    if len(lit) > 0.5 * len(pixels):
        return False
    return len(lit) < 0.02 * len(pixels) or bool(
        np.median(lit.min(axis=1)) < DARK
    )


def _samples(slide: Slide) -> RGB:
    level = len(slide.level_shapes) - 1
    height, width = slide.level_shapes[level]
    patches = []
    for y in _starts(height):
        for x in _starts(width):
            patch = slide.read_level(
                level,
                y,
                x,
                min(SAMPLE_SIZE, height - y),
                min(SAMPLE_SIZE, width - x),
            )
            patches.append(patch.reshape(-1, 3))
    return np.concatenate(patches)


def _starts(length: int) -> list[int]:
    if length <= SAMPLES_PER_SIDE * SAMPLE_SIZE:
        return list(range(0, length, SAMPLE_SIZE))
    starts = np.linspace(0, length - SAMPLE_SIZE, SAMPLES_PER_SIDE)
    return [int(start) for start in starts]


def _one_line(error: BaseException) -> str:
    text = ' '.join(str(error).split())
    return text[:200] if text else type(error).__name__
