"""What a person said of regions: kept on disk with every key press."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import shapely

from napari_wsol.errors import BadInputError
from napari_wsol.regions.outlines import Outlines
from napari_wsol.regions.region import Floats, Integers, RegionTable

Kind = Literal['accepted', 'rejected', 'missed']

REASONS = (
    *('artefact', 'necrosis', 'fold', 'lymphocytes', 'benign gland'),
    'other',
)
"""Why a region is a false positive."""

PAUSE = 60.0
"""Seconds without a decision that no longer count as reviewing."""

OPEN = -1
"""Stands for "nothing was said of this region"."""

OURS = 0.5
"""Share of a region in an earlier outline from which on it is a piece of it.
"""


@dataclass(frozen=True)
class Decision:
    """What was said of one region, wherever a later threshold cuts it.

    Parameters
    ----------
    kind
        ``'missed'`` is a region that the model did not mark.
    y, x
        A place inside of it in level-0 pixels.
    outline
        In level-0 pixels, as WKT with x before y.
    reason
        Of a rejection, one of ``REASONS``; else empty.
    label
        Class of a missed region, where one was named.
    when
        UTC, ISO 8601.
    """

    kind: Kind
    y: float
    x: float
    outline: str
    reason: str = ''
    label: str = ''
    when: str = ''

    @property
    def polygon(self) -> shapely.Polygon:
        """Its outline."""
        return shapely.from_wkt(self.outline)


def decide(
    kind: Kind,
    polygon: shapely.Polygon,
    *,
    reason: str = '',
    label: str = '',
) -> Decision:
    """A decision of now on a region, its outline in level-0 pixels."""
    inside = polygon.representative_point()
    return Decision(
        kind,
        inside.y,
        inside.x,
        shapely.to_wkt(polygon, rounding_precision=2),
        reason,
        label,
        datetime.now(UTC).isoformat(timespec='milliseconds'),
    )


class Review:
    """The decisions on one image, in the order in which they were taken.

    Every step is on the disk before it counts; a line that a crash left
    unfinished is dropped. Not meant for two writers.

    Parameters
    ----------
    path
        A file of JSON lines, made with the first decision.

    Raises
    ------
    BadInputError
        Where the file cannot be read, or is something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._steps: list[tuple[Decision, ...]] = []
        self._read()

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Those that stand, oldest first."""
        return tuple(each for step in self._steps for each in step)

    @property
    def seconds(self) -> float:
        """Spent on reviewing; longer pauses left out."""
        times = [
            datetime.fromisoformat(step[0].when).timestamp()
            for step in self._steps
        ]
        gaps = np.diff(times)
        return float(gaps[(gaps >= 0) & (gaps <= PAUSE)].sum())

    def add(self, decisions: Sequence[Decision]) -> None:
        """Note decisions, as one step.

        Raises
        ------
        OSError
            Where they cannot be written; then they do not stand.
        """
        if decisions:
            self._append({'do': [asdict(each) for each in decisions]})
            self._steps.append(tuple(decisions))

    def undo(self) -> tuple[Decision, ...]:
        """Take the last step back; what it had decided.

        Raises
        ------
        OSError
            Where that cannot be written; then the step stands.
        """
        if not self._steps:
            return ()
        self._append({'undo': True})
        return self._steps.pop()

    def _append(self, line: dict[str, Any]) -> None:
        """Write a line, all of it or nothing."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        data = (json.dumps(line, ensure_ascii=False) + '\n').encode()
        with self._path.open('ab', buffering=0) as stream:
            whole = stream.tell()
            try:
                if stream.write(data) != len(data):
                    raise OSError(f'the disk of "{self._path}" is full')
                os.fsync(stream.fileno())
            except OSError:
                os.truncate(self._path, whole)
                raise

    def _read(self) -> None:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise BadInputError(
                f'The review "{self._path}" cannot be read: '
                f'{error.strerror or error}.'
            ) from error
        end = data.rfind(b'\n') + 1
        try:
            for line in data[:end].splitlines():
                self._take(json.loads(line))
        except (
            *(ValueError, KeyError, TypeError, IndexError),
            AttributeError,
        ) as error:
            raise BadInputError(
                f'The review "{self._path}" is damaged ({error}). Move it '
                'away to begin anew; it is left as it is.'
            ) from error
        if end < len(data):
            os.truncate(self._path, end)

    def _take(self, told: dict[str, Any]) -> None:
        if told.get('undo') is True:
            self._steps.pop()
        else:
            self._steps.append(tuple(Decision(**each) for each in told['do']))


def decisions_on(
    table: RegionTable, outlines: Outlines, decisions: Sequence[Decision]
) -> Integers:
    """Which decision stands for each region of a table.

    A region is the one that was meant if it covers the decision's place (at a
    lower threshold), or lies for the most part inside of what was decided
    on (a piece of it, at a higher one).

    Returns
    -------
    array
        ``(N,)`` places in ``decisions``, ``OPEN`` where nothing was said. A
        later decision on the same region replaces an earlier one.
    """
    found = np.full(len(table), OPEN, np.int64)
    marked = np.array(
        [n for n, each in enumerate(decisions) if each.kind != 'missed'],
        np.int64,
    )
    if not (len(table) and len(marked)):
        return found
    meant = shapely.from_wkt(
        np.array([decisions[n].outline for n in marked], object)
    )
    points = shapely.points([(decisions[n].x, decisions[n].y) for n in marked])
    boxes = _boxes(table)
    which, place = shapely.STRtree(boxes).query(meant)
    has_room = shapely.area(meant)[which] > OURS * _areas(table)[place]
    has_point = shapely.covers(boxes[place], points[which])
    near = has_point | has_room
    which, place, has_room = which[near], place[near], has_room[near]
    regions = np.empty(len(table), object)
    for each in np.unique(place):
        regions[each] = outlines.polygon(int(table.number[each]))
    shapely.prepare(meant)
    shapely.prepare(regions)
    hit = shapely.covers(regions[place], points[which])
    left = np.flatnonzero(has_room & ~hit)
    hit[left] = shapely.covers(meant[which[left]], regions[place[left]])
    left = left[~hit[left]]
    left = left[shapely.intersects(meant[which[left]], regions[place[left]])]
    for pair in left:
        region, other = regions[place[pair]], meant[which[pair]]
        hit[pair] = share_covered(region, [other]) > OURS
    np.maximum.at(found, place[hit], marked[which[hit]])
    return found


def share_covered(
    polygon: shapely.Geometry, others: Iterable[shapely.Geometry]
) -> float:
    """Share of a polygon's area that others cover, 0-1."""
    parts = [polygon.intersection(other) for other in others]
    return float(shapely.union_all(parts).area / polygon.area)


def _areas(table: RegionTable) -> Floats:
    """In square level-0 pixels."""
    pixel = table.frame.step_y * table.frame.step_x
    return np.asarray(table.pixels * pixel, np.float64)


def _boxes(table: RegionTable) -> Any:
    """Bounding boxes in level-0 pixels."""
    frame = table.frame
    return shapely.box(
        frame.origin_x + table.left * frame.step_x,
        frame.origin_y + table.top * frame.step_y,
        frame.origin_x + table.right * frame.step_x,
        frame.origin_y + table.bottom * frame.step_y,
    )
