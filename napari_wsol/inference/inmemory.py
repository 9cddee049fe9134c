"""A model over an image that is small enough to keep its maps in memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import zarr
from zarr.storage import MemoryStore

from napari_wsol.inference.maps import (
    CLASSES,
    ENTROPY,
    MASK,
    PROBABILITY,
    Map,
)
from napari_wsol.inference.predicting import Events, predict
from napari_wsol.inference.settings import Prediction, PredictionSettings
from napari_wsol.models.loading import LoadedModel
from napari_wsol.slides.slide import Slide


def maps_of(
    slide: Slide,
    model: LoadedModel,
    settings: PredictionSettings | None = None,
) -> tuple[dict[str, Map], Prediction]:
    """The maps by name (``inference.maps``) at the network's stride.

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
    group = zarr.open_group(store, mode='r')
    maps = {
        name: np.asarray(group[f'{name}/0'][...])  # type: ignore[index]
        for name in (PROBABILITY, ENTROPY, MASK, CLASSES)
        if name in group
    }
    return maps, result


def probability_of(
    slide: Slide,
    model: LoadedModel,
    settings: PredictionSettings | None = None,
) -> tuple[npt.NDArray[np.float32], Prediction]:
    """ROI probability ``(h, w)`` at the network's stride, and the result.

    As ``maps_of``.
    """
    maps, result = maps_of(slide, model, settings)
    return np.asarray(maps[PROBABILITY], np.float32), result


def _result(events: Events) -> Prediction:
    def kept() -> Iterator[object]:
        results.append((yield from events))

    results: list[Prediction] = []
    for _ in kept():
        pass
    return results[0]
