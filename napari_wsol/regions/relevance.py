"""Whether regions matter to what the classifier says of the image."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.special import entr

from napari_wsol.inference.pace import Pace
from napari_wsol.inference.settings import Progress
from napari_wsol.regions.labelling import SIDE, cut
from napari_wsol.regions.outlines import Outlines
from napari_wsol.regions.painting import painted
from napari_wsol.regions.region import Floats, Integers, RegionTable

Cells = npt.NDArray[np.float32]
Classify = Callable[[Cells], Floats]
"""From cells ``(C, n)`` to the probabilities ``(K,)`` of an image of them."""

AT_ONCE = 100
"""Regions between two reports of progress."""


def weighed(
    table: RegionTable,
    outlines: Outlines,
    scores: Cells,
    cell_step: tuple[float, float],
    classify: Classify,
    *,
    most: int | None = None,
) -> Generator[Progress, None, RegionTable]:
    """Ask the classifier about regions alone, and the image without them.

    A region's cells are those whose centre lies in it, or else the one that
    its centroid lies in. Each set of cells costs two questions, one of them
    about all other cells. With 100,000 cells that takes about a millisecond
    where the classifier averages, some 30 where it sorts them (WILDCAT), so
    10 s or 10 minutes for 20,000 regions; ``most`` bounds it.

    Parameters
    ----------
    scores
        ``(C, hc, wc)`` class maps of the whole image (the first of the
        store's three), NaN where they do not count. The first cell begins
        at level-0 coordinate 0.
    cell_step
        Level-0 pixels per cell along y and x.
    most
        How many regions to ask about, the largest ones; None asks about all.

    Yields
    ------
    Progress
        In regions.

    Returns
    -------
    table
        With ``class_alone`` and ``entropy_without`` told, NaN where not
        asked, or where the region has no cell that counts, or the image has
        no other (``entropy_without``).
    """
    chosen = np.argsort(-table.pixels, kind='stable')[:most]
    alone = np.full(len(table), np.nan)
    without = np.full(len(table), np.nan)
    counts = ~np.isnan(scores).any(0).ravel()
    flat = scores.reshape(len(scores), -1)
    if counts.any() and len(chosen):
        cells = _cells_of(
            table.chosen(chosen), outlines, scores.shape[1:], cell_step
        )
        ask = _Question(flat, counts, classify)
        pace = Pace(len(chosen), 'regions', 'asking the classifier')
        for done, (index, covered) in enumerate(
            zip(chosen, cells, strict=True), start=1
        ):
            alone[index], without[index] = ask(covered)
            if done % AT_ONCE == 0 or done == len(chosen):
                yield pace(done)
    return replace(table, class_alone=alone, entropy_without=without)


class _Question:
    """Asks about each set of cells once."""

    def __init__(
        self, scores: Cells, counts: npt.NDArray[np.bool_], classify: Classify
    ) -> None:
        self._scores = scores
        self._counts = counts
        self._classify = classify
        self._known: dict[bytes, tuple[float, float]] = {}
        whole = classify(scores[:, counts])
        self._likeliest = int(whole.argmax())
        self._entropy = _entropy(whole)

    def __call__(self, cells: Integers) -> tuple[float, float]:
        """Probability of the image's class, and change of entropy."""
        key = cells.tobytes()
        if key not in self._known:
            self._known[key] = self._answer(cells[self._counts[cells]])
        return self._known[key]

    def _answer(self, cells: Integers) -> tuple[float, float]:
        if not len(cells):
            return np.nan, np.nan
        alone = float(self._classify(self._scores[:, cells])[self._likeliest])
        others = self._counts.copy()
        others[cells] = False
        if not others.any():
            return alone, np.nan
        rest = self._classify(np.compress(others, self._scores, axis=1))
        return alone, _entropy(rest) - self._entropy


def _cells_of(
    table: RegionTable,
    outlines: Outlines,
    shape: tuple[int, ...],
    cell_step: tuple[float, float],
) -> list[Integers]:
    """Places of each region's cells among all, counted row by row."""
    frame, count = table.frame, len(table)
    place = np.zeros(len(outlines), np.int32)
    place[table.number - 1] = np.arange(1, count + 1)
    high, wide = (
        np.floor(((np.arange(n) + 0.5) * cell - origin) / step).astype(int)
        for n, cell, origin, step in zip(
            shape,
            cell_step,
            (frame.origin_y, frame.origin_x),
            (frame.step_y, frame.step_x),
            strict=True,
        )
    )
    owners, cells = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
    extent = int(table.bottom.max()), int(table.right.max())
    for block, labels in painted(outlines, place, cut(extent, (SIDE, SIDE))):
        y = np.flatnonzero((high >= block.top) & (high < block.bottom))
        x = np.flatnonzero((wide >= block.left) & (wide < block.right))
        held = labels[np.ix_(high[y] - block.top, wide[x] - block.left)]
        rows, columns = np.nonzero(held)
        owners.append(held[rows, columns])
        cells.append(y[rows] * shape[1] + x[columns])
    owner, cell = np.concatenate(owners), np.concatenate(cells)
    order = np.lexsort((cell, owner))
    ends = np.searchsorted(owner[order], np.arange(2, count + 1))
    found = np.split(cell[order], ends)
    centres = zip(table.centre_y, table.centre_x, strict=True)
    for index, (y, x) in enumerate(centres):
        if not len(found[index]):
            row = min(int(y / cell_step[0]), shape[0] - 1)
            column = min(int(x / cell_step[1]), shape[1] - 1)
            found[index] = np.array([row * shape[1] + column])
    return found


def _entropy(probabilities: Floats) -> float:
    """Divided by log(K): 1 knows nothing."""
    return float(entr(probabilities).sum() / np.log(len(probabilities)))
