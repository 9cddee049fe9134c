"""What to run: frozen values that travel between viewer and engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_wsol.slides.geometry import Box

DeviceChoice = Literal['auto', 'cuda', 'mps', 'cpu']
PrecisionChoice = Literal['auto', 'float32', 'bfloat16', 'float16']

MapChoice = Literal['localizer', 'cam', 'grad-cam', 'grad-cam++', 'layer-cam']


@dataclass(frozen=True)
class PredictionSettings:
    """How a model is run over an image.

    Parameters
    ----------
    boxes
        Areas to work on, in level-0 pixels; empty means the whole image.
    tissue_only
        Skip tiles without tissue; they become background.
    threshold
        ROI probability from which a pixel is marked; None takes the card's.
    tile, batch
        In working pixels and tiles; None plans them from model and memory.
    classify
        Also run the classifier on foreground and background (image
        probabilities and the three image entropies).
    map
        Where the probability comes from: the model's localizer, or an
        activation map of its classifier, for comparison. The latter is that
        of the image's likeliest class (nothing, where that is the fully
        negative one), stretched between its minimum and maximum over all
        that was asked for; it is no probability that a calibration would
        hold for, and without a ``threshold`` is cut at 0.5. It has the
        classifier's stride, and is refused for images whose features do not
        fit into memory.
    compiled
        Whether the network is compiled for the machine first
        (``inference.compiling``); the last bits of the maps are others then.
    """

    boxes: tuple[Box, ...] = ()
    tissue_only: bool = True
    threshold: float | None = None
    device: DeviceChoice = 'auto'
    precision: PrecisionChoice = 'auto'
    tile: int | None = None
    batch: int | None = None
    classify: bool = True
    map: MapChoice = 'localizer'
    compiled: bool = False


@dataclass(frozen=True)
class Progress:
    """How far a piece of work is.

    ``done`` and ``total`` count ``unit``; ``rate`` is in units per second.
    For prediction the unit is megapixels of the model's working image.
    """

    done: float
    total: float
    unit: str
    rate: float
    seconds_left: float
    message: str = ''


@dataclass(frozen=True)
class ChunkDone:
    """One more area of the store can be shown (box in level-0 pixels)."""

    box: Box


@dataclass(frozen=True)
class Prediction:
    """What a prediction found, beside the maps in its store.

    Probabilities and entropies are of the image (over the boxes asked for);
    entropies are divided by log(K): 1 means "knows nothing". Fields that
    were not computed are None.

    Parameters
    ----------
    store
        Path of the OME-Zarr group with ``probability``, ``entropy`` and
        ``labels/mask`` (value i + 1 for the i-th ROI class where the model
        tells them apart, with ``class_probability``; otherwise 1).
    step_y, step_x
        Level-0 pixels per map pixel along y and x.
    origin_y, origin_x
        Level-0 coordinate of the maps' top-left corner (corner, not centre).
    background_probabilities
        Of each class, with the foreground hidden.
    map
        Where the probability comes from, as in ``PredictionSettings``.
    n_fields, n_top_fields
        Fields of the slide that hold enough tissue, and how many of them are
        the top ones (``inference.fields``).
    top_probabilities
        Of each class, its mean over the top fields; they need not add up to
        1. None where there are no fields.
    """

    image: str
    store: str
    model: str
    model_hash: str
    classes: tuple[str, ...]
    roi_classes: tuple[str, ...]
    class_probabilities: tuple[float, ...] | None
    entropy_image: float | None
    entropy_foreground: float | None
    entropy_background: float | None
    foreground_fraction: float
    foreground_mm2: float | None
    tissue_fraction: float | None
    threshold: float
    mpp: float | None
    mpp_source: str
    model_mpp: float | None
    step_y: float
    step_x: float
    origin_y: float
    origin_x: float
    device: str
    precision: str
    seconds: float
    megapixels: float
    notes: tuple[str, ...] = ()
    background_probabilities: tuple[float, ...] | None = None
    map: MapChoice = 'localizer'
    n_fields: int = 0
    n_top_fields: int = 0
    top_probabilities: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Begun:
    """The store of a run is there and fills from now on.

    ``prediction`` holds what is known before the run: figures are missing,
    areas are 0.
    """

    prediction: Prediction
