"""What is to be done with a slide, and what is told of it.

All of it is small and travels between processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_wsol import __version__
from napari_wsol.inference.settings import (
    Prediction,
    PredictionSettings,
    Progress,
)
from napari_wsol.slides.pixel_size import PixelSize

State = Literal['open', 'done', 'failed']
"""Of a slide; ``open`` is one that waits, runs, or was stopped."""


@dataclass(frozen=True)
class SlideTask:
    """A slide to be run.

    Parameters
    ----------
    image, folder, model
        Absolute places of the image, the results and the model.
    name
        What the results are called; see ``results.result_names``.
    model_hash
        Of the weights that the model is to have.
    pixel_size
        What the user says; None takes the file's.
    threads
        Cores to compute with; None takes what there is.
    version
        Of this program; another one would give other results.
    """

    image: Path
    folder: Path
    name: str
    model: Path
    model_hash: str
    settings: PredictionSettings
    pixel_size: PixelSize | None = None
    threads: int | None = None
    version: str = __version__


@dataclass(frozen=True)
class SlideRow:
    """What a cohort's table says of a slide.

    Parameters
    ----------
    name
        What its results are called.
    image
        Name of the file, without its folder.
    result, regions
        Where the slide is done.
    message
        Where it failed.
    """

    name: str
    image: str
    state: State = 'open'
    result: Prediction | None = None
    regions: int | None = None
    message: str = ''

    @property
    def answer(self) -> tuple[str, float] | None:
        """The likeliest class and its probability, where that was asked."""
        result = self.result
        if result is None or result.class_probabilities is None:
            return None
        probability = max(result.class_probabilities)
        place = result.class_probabilities.index(probability)
        return result.classes[place], probability


@dataclass(frozen=True)
class Told:
    """How far a slide is, and on which workers; empty in this process.

    ``begins`` once for each worker that takes it, or a part of it, up.
    """

    name: str
    worker: str
    progress: Progress
    begins: bool = False


@dataclass(frozen=True)
class SlideReport:
    """How a slide ended.

    Parameters
    ----------
    skipped
        Whether all of it was there from an earlier call.
    error
        Why it failed.
    """

    row: SlideRow
    worker: str = ''
    skipped: bool = False
    error: Exception | None = None


@dataclass(frozen=True)
class Notice:
    """What the user should know about the cohort meanwhile."""

    text: str


Event = Told | SlideReport | Notice
