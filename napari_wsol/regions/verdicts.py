"""What a person said of the regions of one result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

Missed = tuple[Any, str | None]
"""A shapely (multi)polygon in level-0 pixels ``(x, y)``, and its class."""


@dataclass(frozen=True)
class Verdicts:
    """Which regions were accepted or rejected, and what the model missed.

    Parameters
    ----------
    accepted
        Numbers of regions that are what the model says.
    rejected
        Number of each false positive, and the reason; empty where none was
        given.
    missed
        Areas that the model should have marked.
    """

    accepted: frozenset[int] = frozenset()
    rejected: Mapping[int, str] = field(
        default_factory=lambda: MappingProxyType({})
    )
    missed: tuple[Missed, ...] = ()

    def of(self, number: int) -> str:
        """``'accepted'``, ``'rejected'``, or empty where undecided."""
        if number in self.rejected:
            return 'rejected'
        return 'accepted' if number in self.accepted else ''
