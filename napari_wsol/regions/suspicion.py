"""Which regions look most like false positives, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from napari_wsol.regions.region import Floats, Integers, RegionTable

WEIGHTS = {
    'negative': 4.0,
    'entropy': 1.0,
    'small': 1.0,
    'lonely': 0.5,
    'irrelevant': 1.0,
}
"""How much each kind of evidence counts."""

FEW = 8
"""Regions below which none is called smaller or farther than others."""

TELLING = 0.5
"""Evidence from which on it is named."""

WORDS = {
    'negative': 'marked where nothing should be',
    'entropy': 'the model is unsure of it',
    'small': 'smaller than most',
    'lonely': 'far from all others',
    'irrelevant': 'it does not matter to the answer',
}


@dataclass(frozen=True)
class Suspicion:
    """How suspicious each of N regions is.

    Parameters
    ----------
    score
        ``(N,)`` 0-1, the weighted mean of the evidence that is known.
    evidence
        For each kind ``(N,)`` 0-1, NaN where unknown.
    """

    score: Floats
    evidence: dict[str, Floats]

    @property
    def order(self) -> Integers:
        """Places in the table, most suspicious first."""
        return np.argsort(-self.score, kind='stable').astype(np.int64)

    def why(self, index: int) -> str:
        """Names what counts most against a region; empty for nothing."""
        told = [
            (WEIGHTS[kind] * values[index], WORDS[kind])
            for kind, values in self.evidence.items()
            if values[index] >= TELLING
        ]
        return ', '.join(words for _, words in sorted(told, reverse=True))


def suspicion(
    table: RegionTable, on_negative: npt.NDArray[np.bool_] | None = None
) -> Suspicion:
    """Weigh what speaks against each region.

    Being confident where nothing should be marked counts most; then a high
    pixel entropy, a small area and a large distance to the next region (by
    their rank among the slide's regions), and that the classifier, shown the
    region alone, does not name the image's class.

    Parameters
    ----------
    on_negative
        ``(N,)``, whether a region lies where a label says that there is
        none; None where no label says so of any.
    """
    evidence = {
        'entropy': table.mean_entropy.clip(0, 1),
        'small': 1 - _ranks(np.log(table.area)),
        'lonely': _ranks(_distances(table)),
        'irrelevant': 1 - table.class_alone.clip(0, 1),
    }
    if on_negative is not None:
        sure = table.mean_probability.clip(0, 1)
        evidence['negative'] = np.where(on_negative, 0.5 + sure / 2, 0.0)
    stacked = np.stack(list(evidence.values()))
    weights = np.array([WEIGHTS[kind] for kind in evidence])[:, None]
    known = weights * ~np.isnan(stacked)
    total = np.nansum(weights * stacked, axis=0)
    return Suspicion(total / np.maximum(known.sum(0), 1e-9), evidence)


def _ranks(values: Floats) -> Floats:
    """Share of the others that are smaller; unknown where they are few."""
    if len(values) < FEW:
        return np.full(len(values), np.nan)
    smaller = np.searchsorted(np.sort(values), values)
    return smaller / (len(values) - 1)


def _distances(table: RegionTable) -> Floats:
    """From each centre to the next one, in level-0 pixels."""
    if len(table) < 2:
        return np.zeros(len(table))
    centres = np.stack([table.centre_y, table.centre_x], 1)
    return np.asarray(cKDTree(centres).query(centres, k=2)[0][:, 1])
