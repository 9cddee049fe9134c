"""Holds a result against the truth, beside the viewer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_wsol.regions.region import Frame
from napari_wsol.regions.truth import (
    UNKNOWN,
    Judgement,
    judge,
    level_to_judge,
    shares_of_truth,
)
from napari_wsol.regions.truth_masks import within
from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.latest_answer import LatestAnswer
from napari_wsol.widgets.truth_layers import (
    DrawnTruth,
    PaintedTruth,
    asked_boxes,
    layer_truth,
)

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_wsol.regions.outlines import Outlines
    from napari_wsol.widgets.shown_results import ShownResult

__all__ = ['AgainstTruth', 'Judged']


@dataclass(frozen=True, eq=False)
class Judged:
    """A judgement, where its pixels lie, and how much it leaves out.

    Parameters
    ----------
    coarser
        See ``truth.level_to_judge``.
    frame
        Of the judgement's pixels.
    covered
        Share of what the model looked at of which the truth speaks.
    """

    judgement: Judgement
    coarser: int
    frame: Frame
    covered: float


class AgainstTruth(QObject):
    """Counts once, then finds errors and shares of regions when asked.

    Attributes
    ----------
    judged
        The newest judgement; None while there is none.
    counted
        There is a judgement.
    painted
        The errors that were asked for, as ``Judgement.errors`` gives them.
    shares_changed
        ``share`` gives something else.
    failed
        With the error, where the truth or the map could not be read.
    """

    counted = Signal()
    painted = Signal(object)
    shares_changed = Signal()
    failed = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.judged: Judged | None = None
        self._shares: np.ndarray | None = None
        self._counting, self._painting, self._sharing = self._works = tuple(
            LatestAnswer(self) for _ in range(3)
        )
        self._counting.answered.connect(self._take)
        self._painting.answered.connect(self.painted)
        self._sharing.answered.connect(self._take_shares)
        for work in self._works:
            work.failed.connect(self.failed)

    def count(self, shown: ShownResult, layer: Layer) -> bool:
        """Count a result against a layer; false where that holds no areas.

        What was counted before stays until this is done.
        """
        level, coarser = level_to_judge(shown.maps.probability)
        result = shown.result
        frame = Frame(
            result.step_y * coarser,
            result.step_x * coarser,
            result.origin_y,
            result.origin_x,
        )
        truth = layer_truth(layer, shown.source, frame)
        if isinstance(truth, DrawnTruth) and not truth.outlines:
            self.clear()
            return False
        boxes = asked_boxes(shown)
        self._counting.ask(_judged, level, coarser, frame, truth, boxes)
        return True

    def paint(self, threshold: float) -> None:
        """Find the errors at a threshold; ``painted`` brings them."""
        if self.judged is not None:
            self._painting.ask(self.judged.judgement.errors, threshold)

    def paint_no_more(self) -> None:
        """Want no errors any more."""
        self._painting.drop()

    def look_at(
        self, outlines: Outlines | None, shape: tuple[int, int]
    ) -> None:
        """Find how much of each region is true; ``share`` tells it.

        Parameters
        ----------
        outlines
            Of the regions; None where there are none.
        shape
            Of the map that they are of.
        """
        self._forget_shares()
        if self.judged is not None and outlines is not None:
            judged = self.judged
            self._sharing.ask(
                shares_of_truth,
                outlines,
                shape,
                judged.judgement.truth,
                judged.coarser,
            )

    def share(self, number: int) -> float | None:
        """Share of a region's pixels that are true, by its number.

        None where the truth says nothing of it, or is not known yet.
        """
        if self._shares is None or number > len(self._shares):
            return None
        share = float(self._shares[number - 1])
        return None if math.isnan(share) else share

    def clear(self) -> None:
        """Know nothing, and want no answers any more."""
        for work in self._works:
            work.drop()
        self.judged = None
        self._forget_shares()

    def _take(self, judged: Judged) -> None:
        self.judged = judged
        self.counted.emit()

    def _take_shares(self, shares: np.ndarray) -> None:
        self._shares = shares
        self.shares_changed.emit()

    def _forget_shares(self) -> None:
        self._sharing.drop()
        if self._shares is not None:
            self._shares = None
            self.shares_changed.emit()


def _judged(
    level: Any,
    coarser: int,
    frame: Frame,
    truth: PaintedTruth | DrawnTruth,
    boxes: tuple[Box, ...],
) -> Judged:
    """Count a level of a map against the truth, where the model looked."""
    looked = within(boxes, frame, level.shape)
    there = truth.on_map(level.shape)
    there[~looked] = UNKNOWN
    judgement = judge(level, there)
    covered = judgement.known / max(1, int(looked.sum()))
    return Judged(judgement, coarser, frame, covered)
