"""An annotator who clicks fields and sees the truth in masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from annotate_fields import pure_squares
from PIL import Image

from napari_wsol.slides.geometry import Box
from napari_wsol.training.table import Row

BACKGROUND = 'background'

REACH = 0.5
"""Sides from a suggestion within which the annotator looks for a clear place.
"""

OVERLAP = 0.25
"""Share of a side by which two fields may overlap."""

Corners = npt.NDArray[np.int64]


class Annotator:
    """Clicks squares that are nearly all gland or nearly all background.

    The masks decide only which label a square gets, as an eye would.

    Parameters
    ----------
    rows
        Whole images with masks.
    side_um
        Of the squares.
    """

    def __init__(self, rows: Sequence[Row], side_um: float) -> None:
        self.rows = {row.image: row for row in rows}
        self._side_um = side_um
        self._found = cache(self._look)

    def side(self, image: Path) -> int:
        """Of a square, in level-0 pixels."""
        return round(self._side_um / (self.rows[image].mpp or 1.0))

    def shape(self, image: Path) -> tuple[int, int]:
        """Height and width in level-0 pixels."""
        with Image.open(image) as opened:
            return opened.height, opened.width

    def click(
        self, image: Path, wanted: Box, taken: Iterable[Box]
    ) -> tuple[Box, str] | None:
        """The clear square nearest to a place, and its label.

        None where there is none within reach that is free: she passes on.
        """
        side = self.side(image)
        near: list[tuple[float, Box, str]] = []
        used = np.array([(box.y, box.x) for box in taken]).reshape(-1, 2)
        for label, corners in self._found(image):
            far = np.abs(corners - (wanted.y, wanted.x)).max(1)
            for number in np.flatnonzero(far <= REACH * side):
                corner = corners[number]
                apart = np.abs(used - corner).max(1)
                if np.all(apart >= (1 - OVERLAP) * side):
                    y, x = map(int, corner)
                    box = Box(y, x, side, side)
                    near.append((float(far[number]), box, label))
        if not near:
            return None
        _, box, label = min(near, key=lambda each: each[0])
        return box, label

    def _look(self, image: Path) -> list[tuple[str, Corners]]:
        """All clear squares of an image, by label."""
        row, side = self.rows[image], self.side(image)
        assert row.mask is not None
        with Image.open(row.mask) as opened:
            truth = np.asarray(opened.convert('L')) > 0
        inside, outside = pure_squares(truth, side, max(2, side // 12))
        return [
            (label, np.array(corners, np.int64).reshape(-1, 2))
            for label, corners in (
                (row.label, inside),
                (BACKGROUND, outside),
            )
        ]
