"""OME-Zarr 0.5 metadata of the maps.

NGFF, like napari, gives whole numbers to pixel centres. With ``k`` level-0
pixels per map pixel, the centre of the first map pixel therefore lies at
``(k - 1) / 2`` level-0 pixels, which is each map's translation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

VERSION = '0.5'


def multiscales(
    name: str,
    paths: Sequence[str],
    steps: tuple[float, float],
    pixel_size: tuple[float, float] | None,
    *,
    channels: bool = False,
    kind: str = 'mean',
) -> dict[str, Any]:
    """The ``ome`` attribute of an image group, finest level first.

    Parameters
    ----------
    paths
        Of the levels, each half as fine as the one before.
    steps
        Level-0 pixels per pixel of the finest map along y and x.
    pixel_size
        µm per level-0 pixel along y and x; None leaves units out.
    channels
        Whether a channel axis comes first.
    kind
        How coarser levels are made.
    """
    axes: list[dict[str, str]] = [
        {'name': axis, 'type': 'space'} for axis in 'yx'
    ]
    if pixel_size is not None:
        axes = [{**axis, 'unit': 'micrometer'} for axis in axes]
    if channels:
        axes.insert(0, {'name': 'c', 'type': 'channel'})
    size = pixel_size or (1.0, 1.0)
    datasets = []
    for level, path in enumerate(paths):
        factors = [step * 2**level for step in steps]
        scale = [k * s for k, s in zip(factors, size, strict=True)]
        shift = [(k - 1) / 2 * s for k, s in zip(factors, size, strict=True)]
        if channels:
            scale, shift = [1.0, *scale], [0.0, *shift]
        datasets.append(
            {
                'path': path,
                'coordinateTransformations': [
                    {'type': 'scale', 'scale': scale},
                    {'type': 'translation', 'translation': shift},
                ],
            }
        )
    image = {'name': name, 'type': kind, 'axes': axes, 'datasets': datasets}
    return {'version': VERSION, 'multiscales': [image]}


def labels(names: Sequence[str]) -> dict[str, Any]:
    """The ``ome`` attribute of a ``labels`` group."""
    return {'version': VERSION, 'labels': list(names)}


def image_label(roi_classes: Sequence[str]) -> dict[str, Any]:
    """The ``image-label`` entry of a mask: what its values mean."""
    return {
        'properties': [
            {'label-value': value, 'class': name}
            for value, name in enumerate(roi_classes, start=1)
        ],
        'source': {'image': '../../'},
    }
