"""Small pictures of a slide and of what is marked on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from PIL import Image

from napari_wsol.cohorts.results import Results
from napari_wsol.errors import WsolError
from napari_wsol.evaluation.truth import nearest_on_map, places_on_map
from napari_wsol.inference.maps import MASK
from napari_wsol.inference.picture import overlaid
from napari_wsol.inference.settings import Prediction
from napari_wsol.slides.slide import Slide

SIDE = 256
"""Longest side in pixels."""


def save_thumbnails(
    slide: Slide, prediction: Prediction, results: Results
) -> None:
    """Write the slide, and the slide with its mask, as JPEG.

    Raises
    ------
    WsolError
        Where they cannot be written.
    """
    tissue = Image.fromarray(slide.thumbnail(SIDE))
    marked = overlaid(tissue, _mask(slide, prediction, tissue.size))
    try:
        results.thumbnail.parent.mkdir(exist_ok=True)
        _save(tissue, results.thumbnail)
        _save(marked, results.overlay)
    except OSError as error:
        raise WsolError(
            f'The small pictures of "{results.name}" cannot be written to '
            f'"{results.thumbnail.parent}": {error.strerror or error}. Make '
            'room or choose another folder.'
        ) from error


def _save(picture: Image.Image, path: Path) -> None:
    partial = path.with_name(f'.{path.name}.tmp')
    picture.save(partial, 'JPEG', quality=85)
    partial.replace(path)


def _mask(
    slide: Slide, prediction: Prediction, size: tuple[int, int]
) -> npt.NDArray[Any]:
    """The mask over the slide, ``size`` being width and height."""
    group = zarr.open_group(prediction.store, mode='r')[MASK]
    assert isinstance(group, zarr.Group)
    levels = [array for _, array in sorted(group.arrays(), key=_number)]
    level = max(
        (at for at, each in enumerate(levels) if max(each.shape) >= SIDE),
        default=0,
    )
    width, height = size
    rows, columns = (
        places_on_map(length, count, origin, step * 2**level)
        for length, count, origin, step in (
            (
                slide.shape[0],
                height,
                prediction.origin_y,
                prediction.step_y,
            ),
            (slide.shape[1], width, prediction.origin_x, prediction.step_x),
        )
    )
    return nearest_on_map(np.asarray(levels[level][...]), rows, columns)


def _number(item: tuple[str, Any]) -> int:
    return int(item[0])
