"""A training through a project, as the viewer does it, and what it gives."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from napari_wsol.evaluation.run import evaluate_model
from napari_wsol.inference.inmemory import maps_of
from napari_wsol.models.folder import read_folder
from napari_wsol.models.loading import load_model
from napari_wsol.projects.checks import obstacles
from napari_wsol.projects.project import Project
from napari_wsol.projects.recipe import config_of
from napari_wsol.projects.runs import MODEL, new_run
from napari_wsol.projects.verdict import Comparison
from napari_wsol.slides.opening import open_slide
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.training.recipes import Speed
from napari_wsol.training.table import Row
from napari_wsol.training.teaching import run_folder, teach

SHOWN = ('f1_foreground', 'f1_background', 'pxap', 'classification_error')
HEADINGS = ('F1+', 'F1-', 'PxAP', 'error %')


class NotYet(Exception):
    """The labels do not suffice for a training."""


@dataclass(frozen=True)
class Candidate:
    """What a training gave.

    Parameters
    ----------
    seconds
        Of the training, with the comparison of old and new at its end.
    seconds_to_mask
        Until the new model had marked one whole image besides.
    """

    run: Path
    comparison: Comparison
    seconds: float
    seconds_to_mask: float

    @property
    def model(self) -> Path:
        """Folder of the new model."""
        return self.run / MODEL


def train(
    project: Project, speed: Speed, stated: dict[str, Any], seen: Row
) -> Candidate:
    """Train as the viewer's engine does, and mark one image.

    Parameters
    ----------
    stated
        Settings that go before those of the speed.
    seen
        The image that is looked at.

    Raises
    ------
    NotYet
        Where the viewer would not train.
    """
    stops = [
        obstacle.text
        for obstacle in obstacles(project, speed)
        if obstacle.kind == 'stop'
    ]
    if stops:
        raise NotYet(' '.join(stops))
    began = time.perf_counter()
    name = new_run(project, speed)
    taught = end_of(teach(project, name, config_of(project, speed, stated)))
    seconds = time.perf_counter() - began
    run = run_folder(project, name)
    size = None
    if seen.mpp is not None:
        size = PixelSize(seen.mpp, seen.mpp, 'data table')
    with closing(open_slide(seen.image, size)) as slide:
        maps_of(slide, load_model(read_folder(run / MODEL)))
    to_mask = time.perf_counter() - began
    return Candidate(run, taught.comparison, seconds, to_mask)


def figures_of(model: Path, rows: Sequence[Row]) -> dict[str, Any]:
    """All figures of a model over rows, without intervals."""
    loaded = load_model(read_folder(model))
    return asdict(evaluate_model(loaded, rows, resamples=0))


def end_of(events: Generator[object, None, Any]) -> Any:
    """What a generator gives back."""
    while True:
        try:
            next(events)
        except StopIteration as end:
            return end.value


def settings_of(pairs: Iterable[str]) -> dict[str, Any]:
    """The settings in ``KEY=VALUE`` texts; values as in JSON, else text."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, _, text = pair.partition('=')
        try:
            settings[name] = json.loads(text)
        except ValueError:
            settings[name] = text
    return settings
