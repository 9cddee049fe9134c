"""Requests that the viewer sends to the engine, and events that come back.

All are small frozen values; pixels travel through stores on disk or the
block service of ``engine.blocks``. A request carries the number of its job
(``EngineClient.next_job``); each event of that job travels in an ``Envelope``
with the same number, which the client takes off again.

A job gives any number of ``Progress`` and ``ChunkDone``, then exactly one of
``CLOSING``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from napari_wsol.inference.settings import (
    ChunkDone,
    Prediction,
    PredictionSettings,
    Progress,
)
from napari_wsol.slides.pixel_size import PixelSize

__all__ = [
    'CLOSING',
    'Cancel',
    'Cancelled',
    'ChunkDone',
    'Closing',
    'DescribeDevices',
    'Devices',
    'Envelope',
    'Event',
    'Failed',
    'FileImage',
    'Finished',
    'ImageSource',
    'PredictRequest',
    'Prediction',
    'Progress',
    'Ready',
    'Request',
    'Shutdown',
    'ViewerImage',
]


@dataclass(frozen=True)
class FileImage:
    """An image that the engine opens by itself."""

    path: str


@dataclass(frozen=True)
class ViewerImage:
    """An image that exists only in the viewer; its blocks are asked for.

    ``key`` names it at the viewer's block service; ``level_shapes`` are
    ``(height, width)`` in pixels, finest first.
    """

    key: str
    name: str
    level_shapes: tuple[tuple[int, int], ...]


ImageSource = FileImage | ViewerImage


class Request(Protocol):
    """What every request has: the number of the job that it starts."""

    @property
    def job(self) -> int:
        """Unique within one viewer."""


@dataclass(frozen=True)
class PredictRequest:
    """Run a model over an image; answered by Progress, ChunkDone, Finished."""

    job: int
    image: ImageSource
    pixel_size: PixelSize | None
    model: str
    store: str
    settings: PredictionSettings


@dataclass(frozen=True)
class DescribeDevices:
    """Ask which devices there are; answered by ``Devices``."""

    job: int


@dataclass(frozen=True)
class Cancel:
    """Stop a job after the batch in hand."""

    job: int


@dataclass(frozen=True)
class Shutdown:
    """End the engine."""


@dataclass(frozen=True)
class Ready:
    """The engine has loaded its libraries; sent once, without a job."""

    pid: int


@dataclass(frozen=True)
class Devices:
    """What the engine can run on: ``(key, plain words)``, best first."""

    job: int
    available: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Finished:
    """A job's result."""

    job: int
    result: Prediction


@dataclass(frozen=True)
class Failed:
    """A job ended with an error.

    ``message`` is for the user; ``details`` holds the traceback for a bug
    report and is empty where the user can mend it himself.
    """

    job: int
    message: str
    details: str = ''


@dataclass(frozen=True)
class Cancelled:
    """A job was stopped by the user."""

    job: int


Closing = Finished | Failed | Cancelled | Devices
Event = Progress | ChunkDone | Closing

CLOSING = (Finished, Failed, Cancelled, Devices)
"""The events that end a job."""


@dataclass(frozen=True)
class Envelope:
    """An event on its way to the viewer, and the job it belongs to."""

    job: int
    event: Event
