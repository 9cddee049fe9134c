"""Requests that the viewer sends to the engine, and events that come back.

All are small frozen values; pixels travel through stores on disk or the
block service of ``engine.blocks``. A request carries the number of its job
(``EngineClient.next_job``); each event of that job travels in an ``Envelope``
with the same number, which the client takes off again.

A job gives any number of ``Progress``, ``Begun``, ``ChunkDone`` and, where it
trains, ``TrainingStep``, then exactly one of ``CLOSING``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from napari_wsol.inference.explanation import Explanation
from napari_wsol.inference.settings import (
    Begun,
    ChunkDone,
    Prediction,
    PredictionSettings,
    Progress,
)
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.training.reports import (
    EpochFigures,
    Judgement,
    Paused,
    Preview,
    PreviewDone,
    Suggestion,
    TrainingProgress,
    TrainingRemark,
    TrainingStep,
)
from napari_wsol.training.steering import Wish

if TYPE_CHECKING:
    import shapely

    from napari_wsol.projects.verdict import Comparison
    from napari_wsol.regions.budget import Budget

__all__ = [
    'CLOSING',
    'Begun',
    'BudgetFound',
    'BudgetRequest',
    'Cancel',
    'Cancelled',
    'ChunkDone',
    'Closing',
    'DescribeDevices',
    'Devices',
    'Earlier',
    'EarlierRequest',
    'Envelope',
    'EpochFigures',
    'Event',
    'ExplainRequest',
    'Explained',
    'Explanation',
    'Failed',
    'FileImage',
    'Finished',
    'ImageSource',
    'JudgeRequest',
    'Judged',
    'Judgement',
    'Look',
    'Paused',
    'PredictRequest',
    'Prediction',
    'Preview',
    'PreviewDone',
    'Progress',
    'Ready',
    'RegionsFound',
    'RegionsRequest',
    'Request',
    'RunRequest',
    'Shutdown',
    'Steer',
    'SuggestRequest',
    'Suggested',
    'Suggestion',
    'TrainRequest',
    'Trained',
    'TrainingProgress',
    'TrainingRemark',
    'TrainingStep',
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
class RunRequest:
    """Speaks of the run of a model over an image.

    Parameters
    ----------
    results
        Folder in which results are kept; what is there is not made again.
    """

    job: int
    image: ImageSource
    pixel_size: PixelSize | None
    model: str
    results: str
    settings: PredictionSettings


@dataclass(frozen=True)
class PredictRequest(RunRequest):
    """Run it; answered by Begun, ChunkDone, Finished.

    Parameters
    ----------
    view
        What is looked at, to begin with; ``Look`` says what later.
    """

    view: Box | None = None


@dataclass(frozen=True)
class EarlierRequest(RunRequest):
    """Ask for a result of it that is kept; answered by ``Earlier``.

    The engine gets ready for the run meanwhile, so that it begins at once.
    """


@dataclass(frozen=True)
class DescribeDevices:
    """Ask which devices there are; answered by ``Devices``."""

    job: int


@dataclass(frozen=True)
class TrainRequest:
    """Train in a project; answered by TrainingStep, Progress, Trained.

    Parameters
    ----------
    project
        Folder of the project.
    run
        Name of the run's folder in ``runs``.
    settings
        Names and values that go before those of the speed
        (``projects.recipe.config_of``).
    preview
        Where to look after each epoch.
    resume
        Go on with the run, in the settings that it was started with.
    """

    job: int
    project: str
    run: str
    speed: Literal['quick', 'full']
    settings: tuple[tuple[str, Any], ...] = ()
    preview: Preview | None = None
    resume: bool = False


@dataclass(frozen=True)
class SuggestRequest:
    """Ask what to label next; answered by Progress, Suggested.

    Parameters
    ----------
    images
        Paths, and µm per pixel where the file does not state it.
    count
        How many fields to suggest at most.
    """

    job: int
    project: str
    model: str
    images: tuple[tuple[str, float | None], ...]
    count: int


@dataclass(frozen=True)
class JudgeRequest:
    """Ask what a model takes items for; answered by Progress, Judged."""

    job: int
    project: str
    model: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class RegionsRequest:
    """Find the regions of a result; answered by Progress, RegionsFound.

    Parameters
    ----------
    threshold
        ROI probability from which a pixel is marked.
    output
        The file to write, as ``regions.saving`` does.
    image, pixel_size
        What the result is of; None leaves the stain unmeasured.
    model
        That made the result; None leaves open which regions matter to its
        answer.
    """

    job: int
    prediction: Prediction
    threshold: float
    output: str
    image: ImageSource | None = None
    pixel_size: PixelSize | None = None
    model: str | None = None


@dataclass(frozen=True)
class ExplainRequest:
    """Ask why a region was marked; answered by Progress, Explained.

    Parameters
    ----------
    model
        That marked it.
    region
        Its polygon in level-0 pixels ``(x, y)``.
    project
        Whose labelled fields the region is compared with, if any.
    """

    job: int
    image: ImageSource
    pixel_size: PixelSize | None
    model: str
    region: shapely.Polygon
    project: str | None = None


@dataclass(frozen=True)
class BudgetRequest:
    """Ask for a threshold with few false positives; Progress, BudgetFound.

    Parameters
    ----------
    project
        Its fully negative items are looked at.
    alpha
        Largest expected share of a fully negative image that is marked.
    by_group
        Whether patients or slides count as one each; else every item does.
    prediction
        A result to tell what the budget costs; its mask is cut at
        ``threshold`` now.
    """

    job: int
    project: str
    model: str
    alpha: float
    by_group: bool
    prediction: Prediction
    threshold: float


@dataclass(frozen=True)
class Cancel:
    """Stop a job after the batch in hand."""

    job: int


@dataclass(frozen=True)
class Steer:
    """What a running job is to do from now on.

    ``pause`` frees the processor within a step and keeps the memory;
    ``finish`` ends a training after its epoch and keeps what there is.
    """

    job: int
    what: Wish


@dataclass(frozen=True)
class Look:
    """What part of its image someone looks at while a job runs.

    ``box`` is in level-0 pixels; None where nothing of it is in view.
    """

    job: int
    box: Box | None


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
class Earlier:
    """Whether a run would find its result, or a part of it, already there.

    Parameters
    ----------
    finished
        Whether all of it is there.
    when
        Seconds since the epoch at which it was written; None where there is
        nothing.
    """

    job: int
    finished: bool
    when: float | None


@dataclass(frozen=True)
class Trained:
    """A run's end: its model lies in the run, and waits for Keep or Discard.

    Parameters
    ----------
    run
        Name of the run's folder.
    comparison
        The model it started from against the new one, on held-out items.
    seconds
        It took, pauses left out.
    """

    job: int
    run: str
    comparison: Comparison
    seconds: float


@dataclass(frozen=True)
class Suggested:
    """What to label next, best first."""

    job: int
    suggestions: tuple[Suggestion, ...]


@dataclass(frozen=True)
class Judged:
    """What a model takes items for, in the order in which they were named.

    Items whose image cannot be read are left out.
    """

    job: int
    judgements: tuple[Judgement, ...]


@dataclass(frozen=True)
class RegionsFound:
    """How many regions lie in the file that was asked for."""

    job: int
    count: int


@dataclass(frozen=True)
class Explained:
    """Why a region was marked."""

    job: int
    explanation: Explanation


@dataclass(frozen=True)
class BudgetFound:
    """The threshold, and what it promises."""

    job: int
    budget: Budget


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


Closing = (
    Finished
    | Failed
    | Cancelled
    | Devices
    | Earlier
    | Trained
    | Suggested
    | Judged
    | RegionsFound
    | BudgetFound
    | Explained
)
Event = Begun | Progress | ChunkDone | TrainingStep | Closing

CLOSING = get_args(Closing)
"""The events that end a job."""


@dataclass(frozen=True)
class Envelope:
    """An event on its way to the viewer, and the job it belongs to."""

    job: int
    event: Event
