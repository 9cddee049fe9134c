"""Fixtures for every room: tiny real data, and nobody's own folders."""

import os
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from napari_wsol.models.card import (
    Architecture,
    ModelCard,
    Normalization,
    TrainingRecord,
)
from napari_wsol.models.folder import ModelFolder, write_folder

LOOPBACK = ('127.0.0.1', '::1', 'localhost')


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse to make a viewer where torch is: that can end the process."""
    viewers = [
        item for item in session.items if item.get_closest_marker('viewer')
    ]
    if viewers and 'torch' in sys.modules:
        pytest.exit(
            'The tests of the viewer need a process without torch: run '
            'pytest -m "not viewer" and pytest -m viewer tests/widgets.',
            returncode=pytest.ExitCode.USAGE_ERROR,
        )


@pytest.fixture(autouse=True)
def _own_folders(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep the tests away from the user's models and results."""
    place = tmp_path_factory.mktemp('user')
    monkeypatch.setenv('NAPARI_WSOL_MODELS', str(place / 'models'))
    monkeypatch.setenv('NAPARI_WSOL_CACHE', str(place / 'cache'))
    monkeypatch.setenv('NAPARI_WSOL_REVIEWS', str(place / 'reviews'))


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that asks the network for something."""
    resolve, connect = socket.getaddrinfo, socket.socket.connect

    def guarded_resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in (*LOOPBACK, None):
            pytest.fail(f'a test tried to reach {host}')
        return resolve(host, *args, **kwargs)

    def guarded_connect(self: socket.socket, address: Any) -> None:
        is_remote = self.family in (socket.AF_INET, socket.AF_INET6)
        if is_remote and address[0] not in LOOPBACK:
            pytest.fail(f'a test tried to reach {address}')
        connect(self, address)

    monkeypatch.setattr(socket, 'getaddrinfo', guarded_resolve)
    monkeypatch.setattr(socket.socket, 'connect', guarded_connect)


@pytest.fixture(scope='session')
def data_dir() -> Path:
    """The folder of real images, beside the repository or where told."""
    beside = Path(__file__).parents[2] / 'shared' / 'data'
    place = Path(os.environ.get('NAPARI_WSOL_DATA', beside))
    if not place.is_dir():
        pytest.skip(f'no real data in {place} (set NAPARI_WSOL_DATA)')
    return place


@pytest.fixture
def card() -> ModelCard:
    """A small card with something in every part."""
    return ModelCard(
        name='tiny',
        title='Tiny model',
        finds='Glands of any kind',
        tissue='colon, H&E',
        method='max-min-uncertainty',
        classes=('background', 'benign', 'malignant'),
        negative_class='background',
        mpp=0.5,
        normalization=Normalization(mean=(0.5, 0.5, 0.5), std=(1, 1, 1)),
        training=TrainingRecord(
            data='made up', attribution='nobody', recipe={'epochs': 1}
        ),
        metrics={'made up': {'f1_foreground': 91.5}},
        limits=('Knows nothing of lymph nodes',),
        licence='CC0-1.0',
    )


@pytest.fixture
def weights() -> bytes:
    """A safetensors file with two small tensors."""
    return save(
        {
            'kernel': np.arange(12, dtype=np.float16).reshape(3, 4),
            'bias': np.zeros(3, np.float32),
        }
    )


@pytest.fixture
def model(tmp_path: Path, card: ModelCard, weights: bytes) -> ModelFolder:
    """A model folder that is in order, but that no network can load."""
    return write_folder(tmp_path / 'models' / 'tiny', card, weights)


@pytest.fixture(scope='session')
def untaught(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """A tiny model that a real network loads; its answers mean nothing."""
    import torch

    from napari_wsol.models.loading import build, save_model

    torch.manual_seed(0)
    card = ModelCard(
        name='tiny',
        title='Tiny model',
        finds='Anything',
        tissue='none',
        method='max-min-uncertainty',
        architecture=Architecture(
            encoder='test_efficientnet', pixel_head='softmax', channels=8
        ),
        classes=('background', 'benign', 'malignant'),
        negative_class='background',
        mpp=0.5,
        tile=128,
        halo=32,
        normalization=Normalization(mean=(0.5,) * 3, std=(0.5,) * 3),
        training=TrainingRecord(data='none'),
    )
    path = tmp_path_factory.mktemp('model') / 'tiny'
    return save_model(path, card, build(card))
