"""Which groups are held out: decided once per group, then fixed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping

from napari_wsol.projects.settings import Side


def assign_sides(
    labelled: Iterable[tuple[str, str]],
    known: Mapping[str, Side],
    *,
    share: float,
    seed: int,
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
        Sides decided earlier; they never change.
    """
    groups: dict[str, Counter[str]] = {}
    for group, label in labelled:
        groups.setdefault(group, Counter())[label] += 1
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
