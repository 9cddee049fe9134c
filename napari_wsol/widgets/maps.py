"""The maps of a result, read lazily from its store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import zarr

Read = Callable[[Any], npt.NDArray[Any]]
Levels = tuple[Any, ...]

__all__ = [
    'MarkedArea',
    'ResultMaps',
    'StoredMap',
    'mask_levels',
    'open_maps',
    'open_stored',
]

SMALL = 2**22
"""Finished maps with no more pixels than this are held in memory."""

_BINS = 1000


class StoredMap:
    """A map on the disk, of which is read what is shown, when it is shown.

    Napari takes it for an array. Nothing is kept, so that what a run writes
    meanwhile is seen.

    Parameters
    ----------
    shape, dtype
        Of the map, ``(H, W)``.
    read
        Gives the part for a tuple of slices or numbers.
    """

    ndim = 2

    def __init__(
        self, shape: tuple[int, int], dtype: npt.DTypeLike, read: Read
    ) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._read = read

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1]

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        return self._read(key if isinstance(key, tuple) else (key,))

    def __array__(
        self, dtype: npt.DTypeLike = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        return np.asarray(self[:, :], dtype)


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
    stored = open_stored(store)
    area = _area(zarr.open_array(f'{store}/probability/0', mode='r'))
    return ResultMaps(
        _at_hand(stored.probability),
        _at_hand(stored.entropy),
        None if stored.classes is None else _at_hand(stored.classes),
        area,
    )


def open_stored(store: str | Path) -> ResultMaps:
    """The maps of a store that may still be written; nothing is read yet.

    How much is marked is not known.
    """
    group = zarr.open_group(str(store), mode='r')
    classes = None
    if 'class_probability' in group:
        classes = tuple(map(_likeliest, _levels(group, 'class_probability')))
    return ResultMaps(
        tuple(map(_stored, _levels(group, 'probability'))),
        tuple(map(_stored, _levels(group, 'entropy'))),
        classes,
        MarkedArea(np.zeros(_BINS + 1, np.int64)),
    )


def mask_levels(maps: ResultMaps, threshold: float) -> Levels:
    """The mask at a threshold: 0 or the class's number, uint8.

    Computed at once for maps in memory, else for what is shown.
    """
    classes = maps.classes or (None,) * len(maps.probability)
    return tuple(
        _mask(level, numbers, threshold)
        for level, numbers in zip(maps.probability, classes, strict=True)
    )


def _mask(probability: Any, classes: Any, threshold: float) -> Any:
    def read(key: Any) -> npt.NDArray[np.uint8]:
        marked = (probability[key] >= np.float32(threshold)).astype(np.uint8)
        return marked if classes is None else marked * classes[key]

    if isinstance(probability, StoredMap):
        return StoredMap(probability.shape, np.uint8, read)
    return read(...)


def _levels(group: zarr.Group, name: str) -> list[zarr.Array]:
    """The arrays of one multiscale image."""
    image = group[name]
    attributes = dict(image.attrs)
    multiscales = attributes.get('ome', attributes)['multiscales']
    return [image[entry['path']] for entry in multiscales[0]['datasets']]


def _stored(array: zarr.Array) -> StoredMap:
    return StoredMap(
        array.shape, array.dtype, lambda key: np.asarray(array[key])
    )


def _likeliest(array: zarr.Array) -> StoredMap:
    """Number of the likeliest class, of ``(C, H, W)``."""
    return StoredMap(
        array.shape[1:],
        np.uint8,
        lambda key: (
            np.asarray(array[slice(None), *key]).argmax(0) + 1
        ).astype(np.uint8),
    )


def _at_hand(levels: Levels) -> Levels:
    """All levels in memory, where the finest is small."""
    if levels[0].size > SMALL:
        return levels
    return tuple(np.asarray(level) for level in levels)


def _area(probability: zarr.Array) -> MarkedArea:
    """Count pixels per probability, one chunk at a time."""
    edges = np.arange(_BINS + 2) / _BINS
    counts, _ = da.histogram(da.from_zarr(probability), bins=edges)
    return MarkedArea(counts.compute()[::-1].cumsum()[::-1])
