"""Connected regions of a mask, and what was measured of each."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wsol.slides.geometry import Box

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Frame:
    """Where the pixels of a map lie on the slide.

    Parameters
    ----------
    step_y, step_x
        Level-0 pixels per map pixel.
    origin_y, origin_x
        Level-0 coordinate of the map's top-left corner.
    mpp_y, mpp_x
        µm per level-0 pixel; None where unknown.
    """

    step_y: float
    step_x: float
    origin_y: float = 0.0
    origin_x: float = 0.0
    mpp_y: float | None = None
    mpp_x: float | None = None

    @property
    def pixel_um2(self) -> float | None:
        """Area of a map pixel; None where the pixel size is unknown."""
        if self.mpp_y is None or self.mpp_x is None:
            return None
        return self.step_y * self.mpp_y * self.step_x * self.mpp_x

    def box(self, top: int, left: int, bottom: int, right: int) -> Box:
        """The level-0 rectangle of map pixels ``[top, bottom)`` and so on."""
        return Box(
            self.origin_y + top * self.step_y,
            self.origin_x + left * self.step_x,
            (bottom - top) * self.step_y,
            (right - left) * self.step_x,
        )


@dataclass(frozen=True)
class RegionTable:
    """N regions, ordered by their first pixel, row by row.

    A region is a set of marked map pixels that touch along their edges
    (4-connected). All arrays have N entries; what was not measured is NaN.

    Parameters
    ----------
    number
        From 1 on; the region's value in a label image.
    top, left, bottom, right
        Bounding box in map pixels, half open.
    pixels
        Map pixels in the region.
    centre_y, centre_x
        Centroid of its pixels, in level-0 pixels.
    mean_probability, max_probability
        ROI probability over its pixels.
    mean_entropy
        Pixel entropy over its pixels, 0-1.
    roi_class
        Index into ``roi_classes`` of the likeliest class, its mean
        probability over the region being the highest.
    perimeter
        Length of its outline, holes included, along pixel edges: in µm, or
        in level-0 pixels where the pixel size is unknown.
    major_axis, minor_axis
        Of the ellipse with the same second moments; unit as ``perimeter``.
    haematoxylin, eosin
        Mean stain intensity (optical density) over its pixels.
    class_alone
        Classifier's probability of the image's class, from the region alone.
    entropy_without
        Image entropy of what is left without the region, minus that of the
        whole image: about 0 where the region does not matter.
    frame
        Where the map lies.
    roi_classes
        Names.
    """

    number: Integers
    top: Integers
    left: Integers
    bottom: Integers
    right: Integers
    pixels: Integers
    centre_y: Floats
    centre_x: Floats
    mean_probability: Floats
    max_probability: Floats
    mean_entropy: Floats
    roi_class: Integers
    perimeter: Floats
    major_axis: Floats
    minor_axis: Floats
    haematoxylin: Floats
    eosin: Floats
    class_alone: Floats
    entropy_without: Floats
    frame: Frame
    roi_classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.number)

    @property
    def area(self) -> Floats:
        """In µm², or in level-0 pixels where the pixel size is unknown."""
        frame = self.frame
        unit = frame.pixel_um2 or frame.step_y * frame.step_x
        return np.asarray(self.pixels * unit, np.float64)

    @property
    def circularity(self) -> Floats:
        """Four pi times area over squared perimeter, at most pi / 4."""
        return np.asarray(4 * np.pi * self.area / self.perimeter**2)

    @property
    def unit(self) -> str:
        """Of lengths: ``'µm'`` or ``'px'``."""
        return 'px' if self.frame.pixel_um2 is None else 'µm'

    def box(self, index: int) -> Box:
        """Bounding box of the region at a place of the table, level-0."""
        corners = (self.top, self.left, self.bottom, self.right)
        return self.frame.box(*(int(corner[index]) for corner in corners))

    def chosen(self, which: npt.NDArray[Any]) -> RegionTable:
        """The regions at some places (indices or a boolean mask)."""
        columns = {column: getattr(self, column)[which] for column in COLUMNS}
        return RegionTable(
            **columns, frame=self.frame, roi_classes=self.roi_classes
        )


COLUMNS = tuple(
    field.name
    for field in fields(RegionTable)
    if field.name not in ('frame', 'roi_classes')
)
