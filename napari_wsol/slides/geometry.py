"""Rectangles of a slide."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """A rectangle in level-0 pixels, (y, x) being its top-left corner.

    The box covers the area from ``y`` to ``y + height``: pixel ``i`` covers
    ``i`` to ``i + 1``, so a whole image is ``Box(0, 0, height, width)``.
    """

    y: float
    x: float
    height: float
    width: float

    def __post_init__(self) -> None:
        if not (self.height > 0 and self.width > 0):
            raise ValueError(f'a box needs a positive size, got {self}')

    @property
    def bottom(self) -> float:
        """The first row below the box."""
        return self.y + self.height

    @property
    def right(self) -> float:
        """The first column right of the box."""
        return self.x + self.width

    def intersection(self, other: Box) -> Box | None:
        """The rectangle common to both, or None where they do not overlap."""
        y, x = max(self.y, other.y), max(self.x, other.x)
        height = min(self.bottom, other.bottom) - y
        width = min(self.right, other.right) - x
        return Box(y, x, height, width) if height > 0 and width > 0 else None
