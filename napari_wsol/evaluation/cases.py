"""The best and the worst images, as small pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_wsol.evaluation.pixels import Mask
from napari_wsol.evaluation.truth import (
    nearest_on_map,
    places_on_map,
    sample_map,
)
from napari_wsol.inference.maps import CLASSES, ENTROPY, PROBABILITY, Map
from napari_wsol.inference.picture import (
    INFERNO,
    VIRIDIS,
    coloured,
    overlaid,
)
from napari_wsol.inference.settings import Prediction
from napari_wsol.slides.slide import Slide

RGB = npt.NDArray[np.uint8]

PANEL = 256
"""Longer side of a picture in pixels."""


@dataclass(frozen=True)
class Case:
    """One image, and why it is shown.

    Parameters
    ----------
    score
        By which cases are ordered; high is good.
    panels
        Title -> ``(h, w, 3)``, in the order in which they are shown.
    """

    score: float
    image: str
    caption: str
    panels: dict[str, RGB]


@dataclass
class Gallery:
    """Keeps the best and the worst of what is offered, and draws no others."""

    best: int = 4
    worst: int = 8
    _kept: list[Case] = field(default_factory=list)

    def offer(self, score: float, draw: Callable[[], Case]) -> None:
        """Keep an image if it is among the best or worst so far."""
        scores = [case.score for case in self._kept]
        if len(scores) == self.best + self.worst:
            if scores[self.worst - 1] <= score <= scores[self.worst]:
                return
            is_good = score > scores[self.worst]
            del self._kept[self.worst if is_good else self.worst - 1]
        self._kept.append(draw())
        self._kept.sort(key=lambda case: case.score)

    def worst_cases(self) -> list[Case]:
        """The worst first; at most half where there are few."""
        count = len(self._kept)
        return self._kept[
            : min(self.worst, max(count - self.best, count // 2))
        ]

    def best_cases(self) -> list[Case]:
        """The best first; none that is among the worst."""
        rest = self._kept[len(self.worst_cases()) :]
        return rest[::-1][: self.best]


def draw_panels(
    slide: Slide,
    maps: dict[str, Map],
    prediction: Prediction,
    truth: Mask | None,
    roi_class: int | None = None,
) -> dict[str, RGB]:
    """Image, truth, probability, mask and entropy of a whole image.

    The mask is the one that was counted: the probability at these pixels
    against the threshold.

    Parameters
    ----------
    truth
        ``(H, W)``; None leaves its picture out.
    roi_class
        Of which ROI class the truth is, where that is known.
    """
    shrink = min(1.0, PANEL / max(slide.shape))
    height, width = (max(1, round(side * shrink)) for side in slide.shape)
    image = slide.read_resized(slide.box, height, width)
    rows = places_on_map(
        slide.shape[0], height, prediction.origin_y, prediction.step_y
    )
    columns = places_on_map(
        slide.shape[1], width, prediction.origin_x, prediction.step_x
    )

    probability, entropy = (
        sample_map(np.asarray(maps[name], np.float32), rows, columns)
        for name in (PROBABILITY, ENTROPY)
    )
    classes = np.ones(image.shape[:2], np.uint8)
    if CLASSES in maps:
        told = maps[CLASSES].argmax(0).astype(np.uint8) + np.uint8(1)
        classes = nearest_on_map(told, rows, columns).astype(np.uint8)
    found = np.where(probability >= prediction.threshold, classes, np.uint8(0))
    tissue = Image.fromarray(image)
    panels = {'image': image}
    if truth is not None:
        small = Image.fromarray(truth).resize(
            (width, height), Image.Resampling.NEAREST
        )
        value = 1
        if CLASSES in maps and roi_class is not None:
            value += roi_class
        panels['truth'] = np.asarray(
            overlaid(tissue, np.asarray(small) * np.uint8(value))
        )
    panels['probability'] = coloured(probability, VIRIDIS)
    panels['mask'] = np.asarray(overlaid(tissue, found))
    panels['entropy'] = coloured(entropy, INFERNO)
    return panels
