"""The maps of a result, read lazily from its store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import zarr

__all__ = ['MarkedArea', 'ResultMaps', 'mask_levels', 'open_maps']

SMALL = 2**22
"""Maps with no more pixels than this are held in memory."""

_BINS = 1000

Levels = tuple[Any, ...]


@dataclass(frozen=True)
class MarkedArea:
    """How many map pixels reach a threshold, for every threshold at once.

    ``at_least[i]`` counts the pixels of probability ``i / 1000`` or more.
    """

    at_least: npt.NDArray[np.int64]

    def count(self, threshold: float) -> int:
        """Map pixels that a threshold marks (to a thousandth)."""
        return int(self.at_least[round(threshold * _BINS)])


@dataclass(frozen=True)
class ResultMaps:
    """Levels of each map, finest first, arrays ``(H, W)``.

    Parameters
    ----------
    probability, entropy
        Of each pixel, 0-1.
    classes
        For every pixel the mask's value where it is marked, 1 for the first
        class that has regions; None where there is but one.
    area
        How much a threshold marks.
    """

    probability: Levels
    entropy: Levels
    classes: Levels | None
    area: MarkedArea


def open_maps(store: str | Path) -> ResultMaps:
    """The maps of a prediction's store; large ones stay on the disk.

    Small maps are read and the marked area is counted, so call it where
    waiting is allowed.
    """
    group = zarr.open_group(str(store), mode='r')
    probability = _levels(group, 'probability')
    classes = None
    if 'class_probability' in group:
        classes = tuple(
            (level.argmax(axis=0) + 1).astype(np.uint8)
            for level in _levels(group, 'class_probability')
        )
    return ResultMaps(
        probability, _levels(group, 'entropy'), classes, _area(probability[0])
    )


def mask_levels(maps: ResultMaps, threshold: float) -> Levels:
    """The mask at a threshold: 0 or the class's number, uint8.

    Computed at once for maps in memory, chunk by chunk when shown else.
    """
    if maps.classes is None:
        return tuple(
            (level >= threshold).astype(np.uint8) for level in maps.probability
        )
    return tuple(
        ((level >= threshold) * classes).astype(np.uint8)
        for level, classes in zip(maps.probability, maps.classes, strict=True)
    )


def _levels(group: zarr.Group, name: str) -> Levels:
    """The arrays of one multiscale image, in memory where they are small."""
    image = group[name]
    attributes = dict(image.attrs)
    multiscales = attributes.get('ome', attributes)['multiscales']
    arrays = [
        da.from_zarr(image[entry['path']])
        for entry in multiscales[0]['datasets']
    ]
    if arrays[0].size <= SMALL:
        return tuple(array.compute() for array in arrays)
    return tuple(arrays)


def _area(probability: Any) -> MarkedArea:
    """Count pixels per probability, one chunk at a time."""
    edges = np.arange(_BINS + 2) / _BINS
    counts, _ = da.histogram(da.asarray(probability), bins=edges)
    return MarkedArea(counts.compute()[::-1].cumsum()[::-1])
