"""What a retrained model made of the regions that were reviewed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from napari_wsol.regions.decisions import Decision, share_covered
from napari_wsol.regions.outlines import Outlines
from napari_wsol.regions.region import Integers, RegionTable

GONE = 0.1
"""Share of a region that may still be marked when it counts as gone."""

Marked = tuple[RegionTable, Outlines]


@dataclass(frozen=True)
class Changes:
    """Before a retraining and after it.

    Parameters
    ----------
    gone, remaining
        Rejected regions that are no longer marked, and those that are.
    found, still_missed
        Missed regions that are marked now, and those that are not.
    lost
        Accepted regions that are no longer marked.
    new
        Places in the new table of regions that touch no old one.
    """

    gone: tuple[Decision, ...]
    remaining: tuple[Decision, ...]
    found: tuple[Decision, ...]
    still_missed: tuple[Decision, ...]
    lost: tuple[Decision, ...]
    new: Integers

    @property
    def sentence(self) -> str:
        """What happened, in words."""
        rejected = len(self.gone) + len(self.remaining)
        parts = []
        if rejected:
            parts.append(
                f'{len(self.gone)} of {rejected} rejected regions are gone'
            )
        if missed := len(self.found) + len(self.still_missed):
            parts.append(
                f'{len(self.found)} of {missed} missed ones are found'
            )
        if self.lost:
            parts.append(f'{len(self.lost)} accepted ones are lost')
        parts.append(f'{len(self.new)} are new')
        text = ', '.join(parts)
        return f'{text[:1].upper()}{text[1:]}.'


def changes(
    decisions: Sequence[Decision], before: Marked, after: Marked
) -> Changes:
    """Compare the regions of two models of one image.

    Parameters
    ----------
    decisions
        What was said of the regions of ``before``.
    """
    table, outlines = after
    polygons = _polygons(table, outlines)
    tree = shapely.STRtree(polygons)

    def is_marked(decision: Decision) -> bool:
        polygon = decision.polygon
        near = [polygons[place] for place in tree.query(polygon)]
        return share_covered(polygon, near) > GONE

    sides: dict[tuple[str, bool], list[Decision]] = {}
    for each in decisions:
        sides.setdefault((each.kind, is_marked(each)), []).append(each)

    def side(kind: str, marked: bool) -> tuple[Decision, ...]:
        return tuple(sides.get((kind, marked), ()))

    return Changes(
        gone=side('rejected', False),
        remaining=side('rejected', True),
        found=side('missed', True),
        still_missed=side('missed', False),
        lost=side('accepted', False),
        new=_touching_none(polygons, _polygons(*before)),
    )


def _polygons(table: RegionTable, outlines: Outlines) -> list[shapely.Polygon]:
    return [outlines.polygon(int(number)) for number in table.number]


def _touching_none(
    polygons: list[shapely.Polygon], old: list[shapely.Polygon]
) -> Integers:
    """Places of the polygons that overlap none of the old ones."""
    alone = np.ones(len(polygons), bool)
    if old and polygons:
        places, _ = shapely.STRtree(old).query(polygons, 'intersects')
        alone[places] = False
    return np.flatnonzero(alone).astype(np.int64)
