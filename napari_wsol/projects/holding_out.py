"""Which groups are held out, so that every label is learned and tested."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping

from napari_wsol.projects.settings import Side

Groups = Mapping[str, Counter[str]]


def assign_sides(
    labelled: Iterable[tuple[str, str]],
    known: Mapping[str, Side],
    *,
    share: float,
    seed: int,
    fixed: bool,
) -> dict[str, Side]:
    """The sides of all groups: the known ones, and those now decided.

    New groups are held out for a label while fewer than ``share`` of its
    items are, and as long as another group is left to learn it from. So the
    first group of a label teaches, the second one tests.

    Parameters
    ----------
    labelled
        ``(group, label)`` of each labelled item.
    known
        Sides decided earlier.
    fixed
        Whether a model may have learned from them, so that they never
        change. Else, where a label is learned or tested by nothing although
        it could be, all sides are decided anew.
    """
    groups: dict[str, Counter[str]] = {}
    for group, label in labelled:
        groups.setdefault(group, Counter())[label] += 1
    sides = _decided(groups, known, share, seed)
    if fixed or not _gaps(groups, sides):
        return sides
    anew = {**known, **_decided(groups, {}, share, seed)}
    return min(sides, anew, key=lambda each: _gaps(groups, each))


def _gaps(groups: Groups, sides: Mapping[str, Side]) -> int:
    """How many labels nothing teaches, and how many nothing tests."""
    found = {
        (label, sides[group])
        for group, counts in groups.items()
        for label in counts
    }
    return 2 * len({label for label, _ in found}) - len(found)


def _decided(
    groups: Groups, known: Mapping[str, Side], share: float, seed: int
) -> dict[str, Side]:
    sides = dict(known)
    new = sorted(group for group in groups if group not in sides)
    random.Random(seed).shuffle(new)
    total, held, teachers = Counter[str](), Counter[str](), Counter[str]()
    for group, counts in groups.items():
        total.update(counts)
        if sides.get(group) == 'val':
            held.update(counts)
        else:
            teachers.update(counts.keys())
    wanted = {
        label: max(1, round(share * count)) for label, count in total.items()
    }
    for label in sorted(wanted, key=lambda name: (wanted[name], name)):
        for group in new:
            if held[label] >= wanted[label]:
                break
            counts = groups[group]
            if group in sides or not counts[label]:
                continue
            if all(teachers[other] > 1 for other in counts):
                sides[group] = 'val'
                held.update(counts)
                teachers.subtract(counts.keys())
    for group in new:
        sides.setdefault(group, 'train')
    return sides
