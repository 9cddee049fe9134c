"""Intervals of figures, by drawing whole groups again and again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Figures = dict[str, Floats]

LEVEL = 0.95
RESAMPLES = 1000

_NUMBERS_AT_ONCE = 4_000_000


def intervals(
    figures: Callable[[Floats], Figures],
    groups: int,
    *,
    size: int = 1,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """The middle 95 % of each figure over resamples of the groups.

    Images of one patient resemble each other, so groups are drawn, with
    replacement, each with all of its images (cluster bootstrap; Davison and
    Hinkley 1997, section 3.8).

    Parameters
    ----------
    figures
        Gives figures ``(R,)`` for ``(R, G)``: how often each group counts in
        each resample; NaN where one cannot be told.
    size
        Numbers that ``figures`` holds per resample, to bound its memory.

    Returns
    -------
    dict
        Lower and upper end by figure; without those that most resamples
        cannot tell. Empty with fewer than two groups.
    """
    if groups < 2 or resamples < 1:
        return {}
    rng = np.random.default_rng(seed)
    chances = np.full(groups, 1 / groups)
    at_once = max(1, _NUMBERS_AT_ONCE // max(size, groups))
    drawn: dict[str, list[Floats]] = {}
    for start in range(0, resamples, at_once):
        count = min(at_once, resamples - start)
        weights = rng.multinomial(groups, chances, size=count).astype(float)
        for name, values in figures(weights).items():
            drawn.setdefault(name, []).append(values)
    ends = 50 * (1 - LEVEL), 100 - 50 * (1 - LEVEL)
    found = {}
    for name, parts in drawn.items():
        values = np.concatenate(parts)
        known = values[~np.isnan(values)]
        if 2 * len(known) > resamples:
            low, high = np.percentile(known, ends)
            found[name] = float(low), float(high)
    return found
