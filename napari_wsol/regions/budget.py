"""A false-positive budget: the threshold that fully negative images allow.

Conformal risk control (Angelopoulos, Bates, Fisch, Lei and Schuster, ICLR
2024, arXiv 2208.02814). The loss of a fully negative image is the share of it
that is marked, so it lies in [0, 1] and never grows with the threshold. Of n
such images the smallest threshold is taken with

    n / (n + 1) * mean loss + 1 / (n + 1) <= alpha;

the expected loss of the next image from the same source is at most alpha.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_wsol.errors import BadInputError
from napari_wsol.inference.maps import GRAIN
from napari_wsol.regions.scores import Counts

Floats = npt.NDArray[np.float64]

THRESHOLDS: Floats = np.arange(GRAIN + 1) / GRAIN
"""What can be chosen: kept probabilities are multiples of 1 / GRAIN."""

SLACK = 1e-12
"""Of comparisons of a bound with the budget."""


@dataclass(frozen=True)
class Cost:
    """What a budget's threshold does to images that hold regions.

    Parameters
    ----------
    n_images
        Images that hold regions.
    threshold_before
        The one that was used until now.
    marked_before, marked_after
        Share of their area that is marked at either, mean of images.
    """

    n_images: int
    threshold_before: float
    marked_before: float
    marked_after: float

    @property
    def ratio(self) -> float:
        """Area marked after to area marked before; NaN where it was none."""
        if not self.marked_before:
            return math.nan
        return self.marked_after / self.marked_before


@dataclass(frozen=True)
class Budget:
    """A threshold, and what it promises of fully negative images.

    Parameters
    ----------
    alpha
        Largest expected share of a fully negative image that is marked.
    threshold
        ROI probability from which a pixel is marked.
    n_items, n_groups
        Fully negative images or fields behind it, and the patients or slides
        that they come from; equal where each stands for itself.
    marked
        Share of the negatives that is marked at the threshold: mean of
        groups, each the mean of its items.
    bound
        Bound of the expected share, at most ``alpha``.
    cost
        None where no image that holds regions was given.
    """

    alpha: float
    threshold: float
    n_items: int
    n_groups: int
    marked: float
    bound: float
    cost: Cost | None = None

    @property
    def sentence(self) -> str:
        """The guarantee in plain words, and what it presumes."""
        source, of_next = '', 'a new fully negative image'
        if self.n_groups != self.n_items:
            source = f' of {self.n_groups} patients or slides'
            of_next = 'the fully negative images of a new patient or slide'
        text = (
            f'From a probability of {self.threshold:.3f} on, at most '
            f'{_percent(self.alpha)} of the area of {of_next} is expected to '
            f'be marked by mistake. Behind this stand {self.n_items} fully '
            f'negative images{source}, of which {_percent(self.marked)} is '
            'marked. It holds on average, not for each image, and only where '
            'new images come from the same source as these: the same organ, '
            'staining, scanner and choice of cases.'
        )
        return text if self.cost is None else f'{text} {_told(self.cost)}'


def choose_budget(
    negatives: Sequence[Counts],
    alpha: float,
    groups: Sequence[str] | None = None,
    *,
    images: Sequence[Counts] = (),
    threshold: float = 0.5,
) -> Budget:
    """The smallest threshold that keeps a false-positive budget.

    Parameters
    ----------
    negatives
        ``scores.count_scores`` of each fully negative image or field.
    alpha
        Largest expected share of such an image that is marked, in (0, 1).
    groups
        Patient or slide of each. Items of one group resemble each other, so
        that only groups count as independent.
    images
        Counts of images that hold regions, for what the budget costs.
    threshold
        The one used until now, for comparison.

    Raises
    ------
    BadInputError
        Where ``alpha`` is out of range, there are too few negatives, or too
        much is marked on them at every threshold.
    """
    losses = marked_shares(negatives, groups)
    n = len(losses)
    _check(alpha, n, groups is not None)
    mean = losses.mean(0)
    bounds = (n * mean + 1) / (n + 1)
    (within,) = np.nonzero(bounds <= alpha + SLACK)
    if not len(within):
        raise BadInputError(
            f'Even at the highest threshold (1), {_percent(mean[-1])} of '
            f'these fully negative images is marked, so no mask keeps a '
            f'budget of {_percent(alpha)}. With these {n} the lowest that '
            f'can be promised is {_percent(bounds[-1])}: set the budget at '
            'least there, give more negatives, or teach the model that these '
            'are negative.'
        )
    first = int(within[0])
    cost = None
    if images:
        shares = marked_shares(images).mean(0)
        before = math.ceil(threshold * GRAIN)
        cost = Cost(
            len(images),
            threshold,
            float(shares[before]) if before <= GRAIN else 0.0,
            float(shares[first]),
        )
    return Budget(
        alpha=alpha,
        threshold=float(THRESHOLDS[first]),
        n_items=len(negatives),
        n_groups=n,
        marked=float(mean[first]),
        bound=float(bounds[first]),
        cost=cost,
    )


def negatives_needed(alpha: float) -> int:
    """Fewest negatives (or groups) that can promise a budget."""
    return max(1, math.ceil(1 / alpha - 1e-9) - 1)


def marked_shares(
    counts: Sequence[Counts], groups: Sequence[str] | None = None
) -> Floats:
    """Share of each item that each of ``THRESHOLDS`` marks, ``(N, T)``.

    With ``groups`` each row is the mean of the items of one group, in order
    of appearance.
    """
    rows: dict[object, list[Floats]] = {}
    names = range(len(counts)) if groups is None else groups
    for name, each in zip(names, counts, strict=True):
        marked = each[::-1].cumsum()[::-1]
        rows.setdefault(name, []).append(marked / max(1, int(marked[0])))
    means = [np.mean(items, axis=0) for items in rows.values()]
    return np.array(means, np.float64).reshape(len(means), GRAIN + 1)


def _check(alpha: float, n: int, grouped: bool) -> None:
    if not 0 < alpha < 1:
        raise BadInputError(
            f'A false-positive budget lies between 0 and 100 % of the area, '
            f'not at {_percent(alpha)}.'
        )
    needed = negatives_needed(alpha)
    if n >= needed:
        return
    what = 'fully negative images or fields'
    if grouped:
        what = 'patients or slides with fully negative images'
    least = f'The lowest that {n} can promise is {_percent(1 / (n + 1))}.'
    raise BadInputError(
        f'A budget of {_percent(alpha)} needs at least {needed} {what}; '
        f'there are {n}. {least if n else ""}'.rstrip()
    )


def _told(cost: Cost) -> str:
    if math.isnan(cost.ratio):
        return (
            f'On {cost.n_images} images that hold regions nothing was marked '
            f'from {cost.threshold_before:.3f} on.'
        )
    return (
        f'On {cost.n_images} images that hold regions it marks '
        f'{cost.ratio:.0%} of the area that was marked from '
        f'{cost.threshold_before:.3f} on.'
    )


def _percent(share: float) -> str:
    return f'{100 * share:.3g} %'
