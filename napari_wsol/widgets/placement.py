"""Where a map lies: napari's layer transform for a result over its image."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

__all__ = ['linear_part', 'map_placement']


def linear_part(layer: Any) -> Floats:
    """The layer's own linear transform, ``rotate @ shear @ diag(scale)``.

    The ``affine`` that napari applies after it is left out.
    """
    ndim = len(layer.scale)
    shear = np.asarray(layer.shear, float)
    if shear.ndim == 1:
        matrix = np.eye(ndim)
        matrix[np.triu_indices(ndim, k=1)] = shear[: ndim * (ndim - 1) // 2]
        shear = matrix
    return np.asarray(layer.rotate) @ shear @ np.diag(layer.scale)


def map_placement(
    source: Any,
    step: tuple[float, float],
    origin: tuple[float, float],
) -> dict[str, Any]:
    """Layer arguments that put a map exactly over the image it was made of.

    napari's pixel centres lie on whole numbers. The centre of map pixel
    ``m`` therefore lies at ``origin + step * m + (step - 1) / 2`` in the
    image's level-0 coordinates.

    Parameters
    ----------
    source
        The image layer (two spatial axes).
    step
        Level-0 pixels per map pixel along y and x.
    origin
        Level-0 coordinates of the map's top-left corner along y and x; a
        corner, not the centre of the first pixel.

    Returns
    -------
    dict
        ``scale``, ``translate``, ``rotate``, ``shear``, ``affine``,
        ``units`` and ``axis_labels`` for the map's layer.
    """
    factor = np.asarray(step, float)
    centre = np.asarray(origin, float) + (factor - 1) / 2
    return {
        'scale': np.asarray(source.scale) * factor,
        'translate': np.asarray(source.translate)
        + linear_part(source) @ centre,
        'rotate': np.array(source.rotate),
        'shear': np.array(source.shear),
        'affine': np.array(source.affine.affine_matrix),
        'units': tuple(source.units),
        'axis_labels': tuple(source.axis_labels),
    }
