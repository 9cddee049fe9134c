"""Files of pseudo-labels: images that any viewer shows in colour."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.inference.colours import (
    BACKGROUND_COLOUR,
    CLASS_COLOURS,
    UNKNOWN_COLOUR,
)
from napari_wsol.slides.geometry import Box

SUFFIX = '.pseudo.png'

_CHUNK = 'napari-wsol'
_FORMAT = 1
_CLEAR, _OPAQUE = 64, 255

RGBA = tuple[int, int, int, int]


@dataclass(frozen=True)
class PseudoLabels:
    """What a localizer was sure of in an image, and where that lies.

    Parameters
    ----------
    values
        ``(h, w)`` uint8: 0 unknown, else pixel class + 1.
    names
        Of the pixel classes, background first: the value ``i + 1`` means
        ``names[i]``.
    image
        The image that the labels are of; it may be gone.
    region
        What of it the labels cover, in level-0 pixels.
    """

    values: npt.NDArray[np.uint8]
    names: tuple[str, ...]
    image: Path
    region: Box


def write_pseudo_labels(
    path: Path,
    labels: npt.NDArray[Any],
    image: Path,
    region: Box,
    names: Sequence[str],
) -> None:
    """Write pixel classes as an indexed PNG, at once or not at all.

    Its pixel values are the classes + 1, its palette their colours; the rest
    of what ``PseudoLabels`` holds goes into a text chunk, the image by its
    path from the file's folder.

    Parameters
    ----------
    path
        Should end with ``SUFFIX``, by which the viewer knows such files.
    labels
        ``(h, w)`` pixel classes, -1 where unknown.
    names
        Of the pixel classes, background first.

    Raises
    ------
    WsolError
        Where the file cannot be written.
    """
    picture = Image.fromarray((labels + 1).astype(np.uint8))
    colours = palette(len(names))
    picture.putpalette([v for *rgb, _ in colours for v in rgb])
    about = PngInfo()
    about.add_text(
        _CHUNK,
        json.dumps(
            {
                'format': _FORMAT,
                'image': _relative(image, path.parent),
                'region': [region.y, region.x, region.height, region.width],
                'names': list(names),
            }
        ),
    )
    partial = path.with_name(path.name + '.partial')
    try:
        picture.save(
            partial,
            'PNG',
            pnginfo=about,
            transparency=bytes(alpha for *_, alpha in colours),
        )
        partial.replace(path)
    except OSError as error:
        raise WsolError(
            f'The pseudo-labels "{path}" cannot be written: '
            f'{error.strerror or error}. Make room or choose another folder, '
            'and run again.'
        ) from error


def read_pseudo_labels(path: Path) -> PseudoLabels:
    """What ``write_pseudo_labels`` wrote.

    Raises
    ------
    BadInputError
        Where the file is missing, damaged, or something else.
    """
    try:
        with Image.open(path) as picture:
            values = np.array(picture)
            mode, about = picture.mode, picture.info.get(_CHUNK, '')
    except OSError as error:
        raise BadInputError(
            f'"{path}" cannot be read as an image '
            f'({error.strerror or error}). Train again to write it anew.'
        ) from error
    try:
        entries = json.loads(about)
        if mode != 'P' or entries['format'] != _FORMAT:
            raise ValueError
        return PseudoLabels(
            values,
            tuple(entries['names']),
            Path(os.path.normpath(path.parent / entries['image'])),
            Box(*entries['region']),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            f'"{path.name}" holds no pseudo-labels that this program knows. '
            'Open it as a plain image, or update napari-wsol.'
        ) from error


def palette(count: int) -> list[RGBA]:
    """The colour of each value of a file with ``count`` pixel classes."""
    rois = [
        (*CLASS_COLOURS[i % len(CLASS_COLOURS)], _OPAQUE)
        for i in range(count - 1)
    ]
    return [
        (*UNKNOWN_COLOUR, _CLEAR),
        (*BACKGROUND_COLOUR, _OPAQUE),
        *rois,
    ]


def _relative(image: Path, folder: Path) -> str:
    """The way from a folder to an image; on another drive, its full path."""
    try:
        way = os.path.relpath(image.resolve(), folder.resolve())
    except ValueError:
        return str(image.resolve())
    return PurePath(way).as_posix()
