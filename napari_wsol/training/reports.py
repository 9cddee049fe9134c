"""What teaching, suggesting and judging tell: values for the viewer.

All are small and frozen; pixels travel as files.
"""

from __future__ import annotations

from dataclasses import dataclass

from napari_wsol.slides.geometry import Box


@dataclass(frozen=True)
class Preview:
    """A place to look at after each epoch.

    Parameters
    ----------
    image
        Path of the image.
    mpp
        µm per pixel of level 0 where the file does not state it.
    box
        ``(y, x, height, width)`` in level-0 pixels.
    """

    image: str
    mpp: float | None
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class TrainingProgress:
    """Where a training is after a step; all counts begin at 1.

    Parameters
    ----------
    stage
        Its name in the run (``training.recipes.Stage``).
    seconds_left
        Until the model is saved, time in which it is paused left out; NaN
        as long as nobody can tell.
    """

    stage: str
    stage_number: int
    stages: int
    epoch: int
    epochs: int
    step: int
    steps: int
    images_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class EpochFigures:
    """What an epoch brought: the mean of each loss term, and validation.

    ``epoch`` begins at 1. Figures whose name begins with ``validation`` are
    in percent; not every epoch has them.
    """

    stage: str
    epoch: int
    epochs: int
    figures: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class TrainingRemark:
    """A word about how it goes, for the person who trains."""

    text: str


@dataclass(frozen=True)
class PreviewDone:
    """What the network finds by now in the preview's box.

    Parameters
    ----------
    path
        ``.npy`` file of the ROI probability, ``(h, w)`` float16. It is kept
        until the next but one is there.
    box
        What it covers, in level-0 pixels.
    epoch
        Of the stage in hand, from 1.
    """

    path: str
    box: Box
    epoch: int


@dataclass(frozen=True)
class Paused:
    """Whether the training rests now."""

    paused: bool


TrainingStep = (
    TrainingProgress | EpochFigures | TrainingRemark | PreviewDone | Paused
)


@dataclass(frozen=True)
class Suggestion:
    """A field that would teach the model much.

    Parameters
    ----------
    box
        In level-0 pixels.
    mpp
        As it was given for the image: µm per pixel of level 0 where the
        file does not state it.
    score
        From 0 on, high is good; suggestions come best first.
    reason
        A few words why.
    predicted, probability
        What the model takes it for, and how surely.
    """

    image: str
    box: Box
    mpp: float | None
    score: float
    reason: str
    predicted: str
    probability: float


@dataclass(frozen=True)
class Judgement:
    """What a model takes an item for.

    Parameters
    ----------
    key
        Of the item in its project.
    entropy
        Of the class probabilities, divided by log(K): 1 knows nothing.
    """

    key: str
    predicted: str
    probability: float
    entropy: float
