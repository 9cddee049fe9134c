"""What is counted in each block, and what follows from it for regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wsol.regions.labelling import Block, Labels
from napari_wsol.regions.outlines import Outlines
from napari_wsol.regions.region import Floats, Integers, RegionTable


@dataclass(frozen=True)
class Tally:
    """Sums over the pixels of N parts; those of a region add up.

    Parameters
    ----------
    moments
        ``(6, N)``: pixels, sum of y, of x, of yy, of yx, of xx.
    values
        ``(2 + C, N)``: sum of probability, of entropy, of each class's share.
    highest
        ``(N,)`` largest probability.
    least
        ``(2, N)``: place of the first pixel in the map, leftmost column.
    most
        ``(2, N)``: the row below the last, the column right of the last.
    """

    moments: Integers
    values: Floats
    highest: Floats
    least: Integers
    most: Integers


def tally(
    block: Block,
    width: int,
    labels: Labels,
    count: int,
    maps: Sequence[npt.NDArray[Any]],
) -> Tally:
    """What a block adds to its parts.

    Parameters
    ----------
    width
        Of the whole map in pixels.
    labels, count
        ``(h, w)``, 1 to ``count``, 0 outside.
    maps
        ``(h, w)`` each: probability, entropy, and of each class its share.
    """
    y, x = np.nonzero(labels)
    which = labels[y, x] - 1

    def total(weights: npt.NDArray[Any] | None = None) -> npt.NDArray[Any]:
        return np.bincount(which, weights, count)

    products = (None, y, x, y * y, y * x, x * x)
    # As floating point numbers these sums are still whole and exact.
    moments = np.stack([total(each) for each in products]).astype(np.int64)
    values = np.stack([total(each[y, x]) for each in maps]).astype(np.float64)
    highest = np.zeros(count)
    np.maximum.at(highest, which, maps[0][y, x])
    y, x = y + block.top, x + block.left
    least = np.full((2, count), np.iinfo(np.int64).max)
    most = np.zeros((2, count), np.int64)
    np.minimum.at(least[0], which, y * width + x)
    np.minimum.at(least[1], which, x)
    np.maximum.at(most[0], which, y + 1)
    np.maximum.at(most[1], which, x + 1)
    moments = _moved(moments, block.top, block.left)
    return Tally(moments, values, highest, least, most)


def merged(tallies: Sequence[Tally], number: Labels) -> Tally:
    """The sums of regions from those of all their parts.

    Parameters
    ----------
    tallies
        Of all blocks, at least one, in their order.
    number
        The region's number of each part.
    """
    count = int(number.max(initial=0))
    region = number - 1
    parts = {
        name: np.concatenate([getattr(each, name) for each in tallies], -1)
        for name in ('moments', 'values', 'highest', 'least', 'most')
    }

    def gathered(name: str, how: np.ufunc, start: float) -> npt.NDArray[Any]:
        each = parts[name]
        made = np.full((*each.shape[:-1], count), start, each.dtype)
        how.at(made.T, region, each.T)
        return made

    last = np.iinfo(np.int64).max
    return Tally(
        gathered('moments', np.add, 0),
        gathered('values', np.add, 0),
        gathered('highest', np.maximum, 0),
        gathered('least', np.minimum, last),
        gathered('most', np.maximum, 0),
    )


def table(
    tally: Tally,
    width: int,
    outlines: Outlines,
    roi_classes: tuple[str, ...],
) -> RegionTable:
    """The measurements of regions; stain and relevance are NaN.

    Parameters
    ----------
    width
        Of the whole map in pixels.
    outlines
        Of the same regions.
    """
    frame = outlines.frame
    pixels = tally.moments[0]
    count = len(pixels)
    top = tally.least[0] // width
    left = tally.least[1]
    bottom, right = tally.most
    unit_y, unit_x = frame.step_y, frame.step_x
    if frame.mpp_y is not None and frame.mpp_x is not None:
        unit_y, unit_x = unit_y * frame.mpp_y, unit_x * frame.mpp_x
    major, minor = _axes(
        tally.moments, (top + bottom) // 2, (left + right) // 2, unit_y, unit_x
    )
    means = tally.values / pixels
    high, wide = outlines.lengths()
    unknown = np.full(count, np.nan)
    return RegionTable(
        number=np.arange(1, count + 1),
        top=top,
        left=left,
        bottom=bottom,
        right=right,
        pixels=pixels,
        centre_y=frame.origin_y
        + (tally.moments[1] / pixels + 0.5) * frame.step_y,
        centre_x=frame.origin_x
        + (tally.moments[2] / pixels + 0.5) * frame.step_x,
        mean_probability=means[0],
        max_probability=tally.highest,
        mean_entropy=means[1],
        roi_class=(
            means[2:].argmax(0)
            if len(means) > 2
            else np.zeros(count, np.int64)
        ),
        perimeter=high * unit_y + wide * unit_x,
        major_axis=major,
        minor_axis=minor,
        haematoxylin=unknown,
        eosin=unknown,
        class_alone=unknown,
        entropy_without=unknown,
        frame=frame,
        roi_classes=roi_classes,
    )


def _axes(
    moments: Integers,
    middle_y: Integers,
    middle_x: Integers,
    unit_y: float,
    unit_x: float,
) -> tuple[Floats, Floats]:
    """Axes of the ellipse with a region's second moments, its longer first.

    Pixels are squares, not points: each has a twelfth of its own.
    """
    pixels, y, x, yy, yx, xx = _moved(moments, -middle_y, -middle_x)
    mean_y, mean_x = y / pixels, x / pixels
    var_y = (yy / pixels - mean_y**2 + 1 / 12) * unit_y**2
    var_x = (xx / pixels - mean_x**2 + 1 / 12) * unit_x**2
    both = (yx / pixels - mean_y * mean_x) * unit_y * unit_x
    middle = (var_y + var_x) / 2
    spread = np.hypot((var_y - var_x) / 2, both)
    return (
        4 * np.sqrt(middle + spread),
        4 * np.sqrt(np.maximum(middle - spread, 0)),
    )


def _moved(
    moments: Integers, down: Integers | int, right: Integers | int
) -> Integers:
    """The moments about an origin so far up and left.

    Should a number grow beyond 64 bits on the way it wraps around, and comes
    back when it is moved to the middle of its region.
    """
    pixels, y, x, yy, yx, xx = moments
    return np.stack(
        [
            pixels,
            y + down * pixels,
            x + right * pixels,
            yy + 2 * down * y + down * down * pixels,
            yx + down * x + right * y + down * right * pixels,
            xx + 2 * right * x + right * right * pixels,
        ]
    )
