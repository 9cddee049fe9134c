"""Why a region was marked: values that travel from engine to viewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_wsol.slides.geometry import Box

FloatMap = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PartSeen:
    """What the classifier says of a crop, or of a part of it alone.

    Parameters
    ----------
    probabilities
        Of each class.
    entropy
        Of these, divided by log(K): 1 knows nothing.
    """

    probabilities: tuple[float, ...]
    entropy: float


@dataclass(frozen=True)
class Curves:
    """A class's probability while a crop is hidden or shown step by step.

    Each has the same number of points; ``shares`` rise from 0 to 1.

    Parameters
    ----------
    shares
        Of the crop's pixels.
    deletion
        With this share hidden, what the localizer marks most surely first.
    insertion
        With only this share shown, in the same order.
    random
        With only this share shown, blocks in random order, averaged over a
        few; seen from its end, the same orders hide them.

    Notes
    -----
    Petsiuk et al., RISE, BMVC 2018: a good map has a small area under the
    deletion curve and a large one under the insertion curve.
    """

    shares: tuple[float, ...]
    deletion: tuple[float, ...]
    insertion: tuple[float, ...]
    random: tuple[float, ...]

    @property
    def deletion_area(self) -> float:
        """Under the deletion curve, 0-1."""
        return _area(self.shares, self.deletion)

    @property
    def insertion_area(self) -> float:
        """Under the insertion curve, 0-1."""
        return _area(self.shares, self.insertion)

    @property
    def random_area(self) -> float:
        """Under the curve of random blocks, hidden or shown, 0-1."""
        return _area(self.shares, self.random)


@dataclass(frozen=True)
class NearField:
    """A labelled field or image that looks like a region to the encoder.

    Parameters
    ----------
    box
        In level-0 pixels; None is the whole image.
    similarity
        Cosine of the two mean features, at most 1.
    """

    image: str
    box: Box | None
    label: str
    similarity: float


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a model marked a region.

    Parameters
    ----------
    classes
        Names, in the order of all probabilities.
    negative_class
        The one without any region of interest; None where there is none.
    target
        Whose evidence maps and curves are about: the crop's likeliest class
        that has regions of interest.
    crop
        What was looked at, in level-0 pixels.
    is_whole
        Whether all of the region lies in the crop.
    whole, alone, without
        The crop; the region with everything else of the crop hidden; the
        crop with the region hidden.
    maps
        Kind -> ``(h, w)`` in [0, 1], stretched over the crop, which its
        pixels share evenly.
    nearest
        Labelled fields, the most similar first.
    compared, labelled
        How many fields were looked at for that, and how many there are.
    """

    classes: tuple[str, ...]
    negative_class: str | None
    target: str
    crop: Box
    is_whole: bool
    whole: PartSeen
    alone: PartSeen
    without: PartSeen
    maps: tuple[tuple[str, FloatMap], ...]
    curves: Curves
    nearest: tuple[NearField, ...] = ()
    compared: int = 0
    labelled: int = 0

    def step(self, values: FloatMap) -> tuple[float, float]:
        """Level-0 pixels per pixel of one of the maps, along y and x."""
        height, width = values.shape
        return self.crop.height / height, self.crop.width / width


def _area(shares: Sequence[float], values: Sequence[float]) -> float:
    """By the trapezoidal rule."""
    heights = np.asarray(values)
    return float(np.diff(shares) @ (heights[1:] + heights[:-1]) / 2)
