"""A model over an image that is small enough to keep its maps in memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import zarr
from zarr.storage import MemoryStore

from napari_wsol.inference.maps import PROBABILITY
from napari_wsol.inference.predicting import Events, predict
from napari_wsol.inference.settings import Prediction, PredictionSettings
from napari_wsol.models.loading import LoadedModel
from napari_wsol.slides.slide import Slide


def probability_of(
    slide: Slide,
    model: LoadedModel,
    settings: PredictionSettings | None = None,
) -> tuple[npt.NDArray[np.float32], Prediction]:
    """ROI probability ``(h, w)`` at the network's stride, and the result.

    What ``predict`` writes, to the same bits; nothing is kept on disk.

    Parameters
    ----------
    settings
        None computes everywhere, also on glass.

    Raises
    ------
    WsolError
        As ``predict``.
    """
    store = MemoryStore()
    events = predict(
        slide,
        model,
        store,
        settings or PredictionSettings(tissue_only=False),
    )
    result = _result(events)
    array = zarr.open_group(store, mode='r')[f'{PROBABILITY}/0']
    return np.asarray(array[...]), result  # type: ignore[index]


def _result(events: Events) -> Prediction:
    def kept() -> Iterator[object]:
        results.append((yield from events))

    results: list[Prediction] = []
    for _ in kept():
        pass
    return results[0]
