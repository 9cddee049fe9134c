"""Ground-truth masks, and maps brought onto their grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from napari_wsol.errors import BadInputError

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]


def read_mask(path: Path, shape: tuple[int, int]) -> Mask:
    """``(H, W)``, true where the mask image is not zero.

    Raises
    ------
    BadInputError
        Where the file is not an image, or not of the image's ``shape``.
    """
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image)
    except (UnidentifiedImageError, OSError) as error:
        raise BadInputError(
            f'The mask "{path}" cannot be read ({error}).'
        ) from error
    mask: Mask = pixels != 0
    if mask.ndim == 3:
        mask = np.asarray(mask[..., :3].any(-1))
    if mask.shape != shape:
        raise BadInputError(
            f'The mask "{path}" is {mask.shape[1]} x {mask.shape[0]} pixels, '
            f'its image {shape[1]} x {shape[0]}: they must be the same.'
        )
    return mask


def places_on_map(
    length: int, count: int, origin: float, step: float
) -> Floats:
    """Map places of ``count`` equal cells' centres along a side of an image.

    Parameters
    ----------
    length
        Of the side, in level-0 pixels.
    origin, step
        Where the map begins and its pixels' size, in level-0 pixels.

    Returns
    -------
    array
        ``(count,)``, in map pixels whose centres are at whole numbers.
    """
    centres = (np.arange(count) + 0.5) * length / count
    return np.asarray((centres - origin) / step - 0.5)


def sample_map(
    values: Floats,
    rows: Floats,
    columns: Floats,
) -> npt.NDArray[np.float32]:
    """Bilinear samples of a map on a grid, its edge repeated outside.

    Parameters
    ----------
    values
        ``(h, w)``.
    rows, columns
        Wanted places in map pixels, cell centres at whole numbers.
    """
    top, below, down = _neighbours(rows, values.shape[0])
    left, right, over = _neighbours(columns, values.shape[1])
    picked = values[top] * (1 - down[:, None]) + values[below] * down[:, None]
    result = picked[:, left] * (1 - over) + picked[:, right] * over
    return result.astype(np.float32)


def nearest_on_map(
    values: npt.NDArray[np.integer], rows: Floats, columns: Floats
) -> npt.NDArray[np.integer]:
    """The map pixels nearest to a grid; as ``sample_map``."""
    y, x = (
        np.rint(places).astype(np.intp).clip(0, length - 1)
        for places, length in zip((rows, columns), values.shape, strict=True)
    )
    return np.asarray(values[y[:, None], x])


def _neighbours(
    places: Floats, length: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]:
    places = places.clip(0, length - 1)
    before = np.floor(places).astype(np.intp)
    after = np.minimum(before + 1, length - 1)
    return before, after, places - before
