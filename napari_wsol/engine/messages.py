"""Requests that the viewer sends to the engine, and events that come back.

All are small frozen values; pixels travel through stores on disk or the
block service of ``engine.blocks``.
"""

from __future__ import annotations

from dataclasses import dataclass

from napari_wsol.inference.settings import (
    ChunkDone,
    Prediction,
    PredictionSettings,
    Progress,
)
from napari_wsol.slides.pixel_size import PixelSize

__all__ = [
    'Cancel',
    'Cancelled',
    'ChunkDone',
    'DescribeDevices',
    'Devices',
    'Failed',
    'FileImage',
    'Finished',
    'ImageSource',
    'PredictRequest',
    'Prediction',
    'Progress',
    'Ready',
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
    """The engine is up and can take requests."""

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
