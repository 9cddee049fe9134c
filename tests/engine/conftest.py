from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_jobs import Fake

from napari_wsol.engine.client import EngineClient
from napari_wsol.engine.messages import Event


@pytest.fixture(autouse=True)
def _engine_finds_fake_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('PYTHONPATH', str(Path(__file__).parent))


@pytest.fixture
def client(tmp_path: Path) -> Iterator[EngineClient]:
    client = EngineClient(
        jobs='fake_jobs:JOBS', log_folder=tmp_path, cancel_grace=0.5
    )
    yield client
    client.close(patience=0.5)


@pytest.fixture(scope='module')
def engine(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[EngineClient]:
    """The real one."""
    client = EngineClient(log_folder=tmp_path_factory.mktemp('logs'))
    yield client
    client.close()


@pytest.fixture
def do(client: EngineClient) -> Callable[..., list[Event]]:
    """Run a fake job and give all its events."""

    def do(kind: str, argument: object = '') -> list[Event]:
        request = Fake(client.next_job(), kind, str(argument))
        return [event for event in client.events(request) if event]

    return do
