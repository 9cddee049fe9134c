"""A slide's way over a cluster: in one piece, or in blocks of tiles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum

from napari_wsol.cohorts.task import SlideTask, Told
from napari_wsol.inference.grid import Block
from napari_wsol.inference.pace import Pace
from napari_wsol.inference.settings import Progress


class Stage(Enum):
    """What one worker does for a slide while no other is at work on it."""

    SHARE_OUT = 'share out'
    """Say in which blocks it can be computed."""

    RESULTS = 'results'
    """All that is missing: maps, regions, pictures."""


Part = Stage | Block
"""What one task of the cluster does for a slide."""

Shares = Mapping[Block, float]
"""The blocks of a slide, and what is open in each, in megapixels."""


def priority(part: Part) -> int:
    """Slides that are begun come first, lest all end at the end."""
    if isinstance(part, Block):
        return 1
    return 2 if part is Stage.RESULTS else 0


class Course:
    """Which parts of a slide come when, and how far they are.

    Parameters
    ----------
    split
        Whether several workers share the slide.
    """

    def __init__(self, task: SlideTask, *, split: bool) -> None:
        self.task = task
        self.first = Stage.SHARE_OUT if split else Stage.RESULTS
        self._begun: Counter[Part] = Counter()
        self._shares: Shares = {}
        self._done: dict[Block, float] = {}
        self._working: dict[Block, str] = {}
        self._ended: set[Block] = set()
        self._pace = Pace(0.0, 'MP')

    def begun(self, part: Part) -> int:
        """How often a part was taken up by a worker."""
        return self._begun[part]

    def tell(
        self, part: Part, worker: str, progress: Progress, *, begins: bool
    ) -> Told:
        """Take in how far a part is; give how far the slide is."""
        self._begun[part] += begins
        if isinstance(part, Block):
            self._working[part] = worker
            fraction = progress.done / (progress.total or 1.0)
            self._done[part] = fraction * self._shares[part]
            worker = ', '.join(sorted(set(self._working.values())))
            count = f'{len(self._ended)} of {len(self._shares)} blocks'
            progress = replace(
                self._pace(sum(self._done.values())), message=count
            )
        return Told(self.task.name, worker, progress, begins)

    def after(self, part: Part, shares: Shares | None) -> Sequence[Part]:
        """The parts with which the slide goes on, now that one has ended.

        Parameters
        ----------
        shares
            Of ``Stage.SHARE_OUT``; empty where one worker is to do it all.
        """
        if shares:
            self._shares = shares
            self._pace = Pace(sum(shares.values()), 'MP')
            return tuple(shares)
        if isinstance(part, Block):
            self._ended.add(part)
            self._working.pop(part, None)
            self._done[part] = self._shares[part]
        is_over = len(self._ended) == len(self._shares)
        return (Stage.RESULTS,) if is_over else ()
