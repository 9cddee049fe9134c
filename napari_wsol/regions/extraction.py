"""From the maps of a run to its regions, whatever their size."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np
from scipy import ndimage

from napari_wsol.inference.pace import Pace
from napari_wsol.inference.settings import Progress
from napari_wsol.regions import measuring
from napari_wsol.regions.corners import Corners, corners, rings, together
from napari_wsol.regions.labelling import SIDE, Block, Seams, cut, marked
from napari_wsol.regions.measuring import Tally, merged, tally
from napari_wsol.regions.outlines import Outlines, outlined
from napari_wsol.regions.region import Frame, RegionTable
from napari_wsol.regions.stored import Maps, open_result, read_block

Extraction = Generator[Progress, None, tuple[RegionTable, Outlines]]


def extract_result(card: Path, threshold: float | None = None) -> Extraction:
    """The regions of a stored prediction.

    Parameters
    ----------
    card
        The result card; its store lies beside it.
    threshold
        ROI probability; None takes that of the prediction.

    Raises
    ------
    BadInputError
        Where the card or the store is missing or damaged.
    """
    result = open_result(card)
    if threshold is None:
        threshold = result.prediction.threshold
    return extract(
        result.maps, threshold, result.frame, result.prediction.roi_classes
    )


def extract(
    maps: Maps,
    threshold: float,
    frame: Frame,
    roi_classes: tuple[str, ...],
    *,
    side: int = SIDE,
) -> Extraction:
    """Find, measure and outline the regions of maps of any size.

    A region is a set of pixels that touch along their edges and whose ROI
    probability is at least ``threshold``, whatever their class. The result
    does not depend on how the maps are cut. Memory holds a block of the
    maps, the table and the outlines. Closing the generator stops the work.

    Parameters
    ----------
    roi_classes
        Names, in the order of ``maps.class_probability``.
    side
        Least side of a block in map pixels.

    Yields
    ------
    Progress
        In megapixels of the map; then in regions, as they are outlined.

    Returns
    -------
    table, outlines
        Stain and relevance are NaN; see ``stain`` and ``relevance``.

    Raises
    ------
    BadInputError
        Where a chunk of the maps is damaged.
    """
    height, width = maps.shape
    seams = Seams(maps.shape)
    tallies: list[Tally] = []
    found: list[Corners] = []
    pace = Pace(height * width / 1e6, 'MP', 'finding regions')
    done = 0
    for block in cut(maps.shape, maps.chunks, side):
        added, turns = _block(maps, threshold, block, seams)
        tallies.append(added)
        found.append(turns)
        done += block.pixels
        yield pace(done / 1e6)
    first = np.concatenate([each.least[0] for each in tallies])
    number = seams.numbers(first)
    whole = merged(tallies, number)
    count = len(whole.highest)
    turns = together(found, number)
    found.clear()
    pace = Pace(count, 'regions', 'outlining regions')
    parts = []
    for part in rings(turns, count):
        parts.append(part)
        yield pace(int(part.owner[-1]))
    del turns
    outlines = outlined(parts, count, frame)
    return measuring.table(whole, width, outlines, roi_classes), outlines


def _block(
    maps: Maps, threshold: float, block: Block, seams: Seams
) -> tuple[Tally, Corners]:
    """What a block adds to its regions, and where their outlines turn."""
    probability = read_block(maps.probability, block)
    values = [probability, read_block(maps.entropy, block)]
    if maps.class_probability is not None:
        values.extend(read_block(maps.class_probability, block))
    labels, count = ndimage.label(
        marked(probability, threshold), output=np.int32
    )
    around = seams.join(block, labels, count)
    return (
        tally(block, maps.shape[1], labels, count, values),
        corners(around, block.top, block.left),
    )
