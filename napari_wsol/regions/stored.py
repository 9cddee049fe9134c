"""The maps of a finished run, as they lie on the disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from napari_wsol.errors import BadInputError
from napari_wsol.inference.maps import CLASSES, ENTROPY, PROBABILITY
from napari_wsol.inference.results import read_card
from napari_wsol.inference.settings import Prediction
from napari_wsol.regions.labelling import Block
from napari_wsol.regions.region import Frame

Array = zarr.Array[Any]

_SCORES = 'classifier/scores'


@dataclass(frozen=True, eq=False)
class Maps:
    """What regions are made from; see ``inference.layout``.

    Parameters
    ----------
    probability, entropy
        ``(H, W)``.
    class_probability
        ``(C, H, W)``; None where the model tells no ROI classes apart.
    scores
        ``(3, C, hc, wc)`` cells of the classifier; None where it did not run.
    """

    probability: Array
    entropy: Array
    class_probability: Array | None = None
    scores: Array | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """``(H, W)`` in map pixels."""
        height, width = self.probability.shape
        return height, width

    @property
    def chunks(self) -> tuple[int, int]:
        """``(height, width)`` of a chunk in map pixels."""
        height, width = self.probability.chunks
        return height, width

    @property
    def pixels_per_cell(self) -> tuple[int, int]:
        """Map pixels per cell of the classifier, along y and x.

        A chunk of cells covers the same area as a chunk of the maps.
        """
        if self.scores is None:
            raise ValueError('the classifier did not run')
        return (
            self.chunks[0] // self.scores.chunks[2],
            self.chunks[1] // self.scores.chunks[3],
        )


@dataclass(frozen=True, eq=False)
class StoredResult:
    """A prediction with its maps, and where they lie on the slide."""

    prediction: Prediction
    maps: Maps
    frame: Frame

    @property
    def cell_step(self) -> tuple[float, float]:
        """Level-0 pixels per cell of the classifier, along y and x."""
        high, wide = self.maps.pixels_per_cell
        return high * self.frame.step_y, wide * self.frame.step_x


def open_result(card: Path) -> StoredResult:
    """The prediction of a result card, its store open for reading.

    Parameters
    ----------
    card
        ``<stem>.json``; its store lies beside it.

    Raises
    ------
    BadInputError
        Where the card or the store is missing or damaged.
    """
    return stored_result(read_card(card))


def stored_result(prediction: Prediction) -> StoredResult:
    """A prediction with its store open for reading.

    Raises
    ------
    BadInputError
        Where the store is missing or damaged.
    """
    store = Path(prediction.store)
    maps = open_maps(store)
    mpp_y, mpp_x = _pixel_size(store, prediction)
    frame = Frame(
        prediction.step_y,
        prediction.step_x,
        prediction.origin_y,
        prediction.origin_x,
        mpp_y,
        mpp_x,
    )
    return StoredResult(prediction, maps, frame)


def open_maps(store: Path) -> Maps:
    """The finest maps of a run's store.

    Raises
    ------
    BadInputError
        Where there is no such store, or it is not whole.
    """
    try:
        group = zarr.open_group(str(store), mode='r', zarr_format=3)
        found = [
            _array(group, f'{PROBABILITY}/0'),
            _array(group, f'{ENTROPY}/0'),
            _array(group, f'{CLASSES}/0') if CLASSES in group else None,
            _array(group, _SCORES) if _SCORES in group else None,
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(str(store), error) from error
    probability, entropy, classes, scores = found
    assert probability is not None
    assert entropy is not None
    return Maps(probability, entropy, classes, scores)


def read_block(array: Array, block: Block) -> npt.NDArray[Any]:
    """A block of a map, with all its channels.

    Raises
    ------
    BadInputError
        Where a chunk of it is damaged.
    """
    try:
        return np.asarray(array[..., *block.place])
    except (OSError, ValueError, RuntimeError) as error:
        raise _unreadable(str(array.store_path), error) from error


def _array(group: zarr.Group, path: str) -> Array:
    found = group[path]
    if not isinstance(found, zarr.Array):
        raise TypeError(f'"{path}" is no array')
    return found


def _pixel_size(
    store: Path, prediction: Prediction
) -> tuple[float | None, float | None]:
    """µm per level-0 pixel along y and x, as the store's scale tells."""
    group = zarr.open_group(str(store), mode='r', zarr_format=3)
    try:
        ome: Any = group.attrs['ome']
        image = ome['multiscales'][0]
        transformations = image['datasets'][0]['coordinateTransformations']
        scale_y, scale_x = transformations[0]['scale'][-2:]
        known = image['axes'][-1].get('unit') == 'micrometer'
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise _unreadable(str(store), error) from error
    if not known:
        return None, None
    return scale_y / prediction.step_y, scale_x / prediction.step_x


def _unreadable(place: str, error: Exception) -> BadInputError:
    return BadInputError(
        f'"{place}" cannot be read as the maps of a prediction ({error}). '
        'Run the prediction again.'
    )
