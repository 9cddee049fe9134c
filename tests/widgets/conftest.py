"""A stand-in for the engine, which cannot run beside a viewer's tests."""

from __future__ import annotations

import itertools
import queue
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from made_prediction import made_prediction

from napari_wsol.engine.blocks import BlockService
from napari_wsol.engine.messages import (
    CLOSING,
    Begun,
    Cancelled,
    DescribeDevices,
    Devices,
    Earlier,
    EarlierRequest,
    Finished,
    RegionsFound,
    RegionsRequest,
)
from napari_wsol.inference import ngff
from napari_wsol.inference.settings import Prediction
from napari_wsol.models.card import ModelCard
from napari_wsol.models.folder import write_folder
from napari_wsol.regions.extraction import extract
from napari_wsol.regions.saving import save_regions
from napari_wsol.regions.stored import stored_result
from napari_wsol.settings import models_folder

MAP_SHAPE = (10, 15)
STEP = (4.0, 4.0)


def write_store(
    path: Path,
    probability: np.ndarray,
    classes: np.ndarray | None = None,
    levels: int = 1,
) -> None:
    """A result store as inference writes it, of chosen probabilities."""
    paths = [f'probability/{level}' for level in range(levels)]
    group = zarr.create_group(
        str(path),
        overwrite=True,
        attributes={
            'ome': ngff.multiscales('probability', paths, STEP, (0.5, 0.5))
        },
    )
    maps = {'probability': probability, 'entropy': 1 - probability}
    if classes is not None:
        maps['class_probability'] = classes
    for name, values in maps.items():
        paths = [str(level) for level in range(levels)]
        ome = ngff.multiscales(
            name, paths, STEP, None, channels=values.ndim == 3
        )
        image = group.create_group(name, attributes={'ome': ome})
        for level in paths:
            image.create_array(level, data=values.astype(np.float32))
            values = values[..., ::2, ::2]


def ramp() -> np.ndarray:
    """Probabilities that rise from 0 at the left to 1 at the right."""
    return np.tile(np.linspace(0, 1, MAP_SHAPE[1]), (MAP_SHAPE[0], 1))


def prediction(store: Path | str = '', **changes: Any) -> Prediction:
    """What a run over a 40 x 60 px image of 0.5 µm may have found."""
    figures: dict[str, Any] = {
        'image': 'tissue',
        'store': str(store),
        'class_probabilities': (0.05, 0.15, 0.8),
        'entropy_image': 0.2,
        'entropy_foreground': 0.1,
        'entropy_background': 0.9,
        'foreground_mm2': 0.0003,
        'mpp': 0.5,
        'mpp_source': 'test',
        'model_mpp': 0.5,
        'step_y': STEP[0],
        'step_x': STEP[1],
        'seconds': 2.0,
        'megapixels': 0.0024,
    }
    return made_prediction(**(figures | changes))


class FakeClient:
    """Answers like ``EngineClient``, with events that the test puts in.

    Parameters
    ----------
    automatic
        Write a store and finish by itself.
    """

    def __init__(self, automatic: bool = True) -> None:
        self.automatic = automatic
        self.blocks = BlockService()
        self.requests: list[Any] = []
        self.waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.cancelled: list[int] = []
        self.started = 0
        self.closed = 0
        self.is_ready = True
        self.classes: np.ndarray | None = None
        self.changes: dict[str, Any] = {}
        self.steered: list[Any] = []
        self.looks: list[Any] = []
        self.kept: tuple[bool, float | None] = (False, None)
        self._numbers = itertools.count(1)

    def start(self) -> None:
        self.started += 1

    def close(self) -> None:
        self.closed += 1

    def next_job(self) -> int:
        return next(self._numbers)

    def cancel(self, job: int) -> None:
        self.cancelled.append(job)
        if self.requests and self.requests[-1].job == job:
            self.waiting.put(Cancelled(job))

    def steer(self, job: int, what: str) -> bool:
        self.steered.append((job, what))
        return True

    def look(self, job: int, box: Any) -> bool:
        self.looks.append((job, box))
        return True

    def begin(self) -> Path:
        """Say that the last request has a store, which is empty still."""
        request = self.requests[-1]
        store = Path(request.results) / f'{request.job}.zarr'
        store.parent.mkdir(parents=True, exist_ok=True)
        write_store(store, 0 * ramp(), self.classes)
        self.waiting.put(Begun(prediction(store)))
        return store

    def finish(self) -> None:
        """Finish the last request."""
        request = self.requests[-1]
        store = Path(request.results) / f'{request.job}.zarr'
        store.parent.mkdir(parents=True, exist_ok=True)
        write_store(store, ramp(), self.classes)
        threshold = request.settings.threshold
        changes = {
            'threshold': 0.5 if threshold is None else threshold,
            **self.changes,
        }
        result = prediction(store, **changes)
        self.waiting.put(Finished(request.job, result))

    def events(self, request: Any) -> Any:
        if isinstance(request, DescribeDevices):
            yield Devices(request.job, (('cpu', 'Processor, 2 cores'),))
            return
        if isinstance(request, EarlierRequest):
            yield Earlier(request.job, *self.kept)
            return
        self.requests.append(request)
        if isinstance(request, RegionsRequest):
            yield find_regions(request)
            return
        if self.automatic:
            self.finish()
        while True:
            try:
                event = self.waiting.get(timeout=0.02)
            except queue.Empty:
                yield None
                continue
            yield event
            if isinstance(event, CLOSING):
                return


def find_regions(request: RegionsRequest) -> RegionsFound:
    """As the engine does it; nothing of that is heavy but the classifier."""
    stored = stored_result(request.prediction)
    found = extract(
        stored.maps,
        request.threshold,
        stored.frame,
        request.prediction.roi_classes,
    )
    while True:
        try:
            next(found)
        except StopIteration as end:
            save_regions(Path(request.output), *end.value)
            return RegionsFound(request.job, len(end.value[0]))


@pytest.fixture
def client() -> FakeClient:
    """An engine that finishes every prediction at once."""
    return FakeClient()


@pytest.fixture
def own_model(card: ModelCard, weights: bytes) -> Path:
    """A model in the user's models folder."""
    return write_folder(models_folder() / card.name, card, weights).path


@pytest.fixture
def tissue() -> np.ndarray:
    """An RGB image of 40 x 60 px."""
    generator = np.random.default_rng(0)
    return generator.integers(120, 220, (40, 60, 3), np.uint8)
