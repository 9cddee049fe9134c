"""Held-out images, by group, fixed by a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from napari_wsol.errors import BadInputError
from napari_wsol.training.table import DataTable, Row

VALIDATION_NAMES = ('val', 'valid', 'validation')


def training_and_validation(
    table: DataTable, *, share: float = 0.2, seed: int = 0
) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """The rows to learn from and those held out.

    Where the table states splits, ``train`` and ``val`` are taken; else whole
    groups (an image without a group is its own) are held out, of every label
    about ``share``.

    Raises
    ------
    BadInputError
        Where either side would be empty, a class would have no training
        image, or validation fewer than two labels.
    """
    if table.splits:
        held_out = next(
            (name for name in VALIDATION_NAMES if name in table.splits), ''
        )
        train = table.split('train')
        validation = table.split(held_out) if held_out else ()
        if not train:
            raise BadInputError(
                f'"{table.source}" has a column "split" but no row says '
                f'"train"; it says: {", ".join(table.splits)}.'
            )
        if not validation:
            train, validation = hold_out(train, share=share, seed=seed)
    else:
        train, validation = hold_out(table.rows, share=share, seed=seed)
    if missing := _labels_missing_from(train, table):
        raise BadInputError(
            f'No training image of "{table.source}" is labelled '
            f'{", ".join(missing)}: the model could never learn it. Label '
            'some for training, or leave out the rows of that class.'
        )
    if len({row.label for row in validation}) < min(2, len(table.labels)):
        known = sorted({row.label for row in validation})
        raise BadInputError(
            f'The validation part of "{table.source}" has images of '
            f'{", ".join(known) or "no label"} only. Give it at least two '
            'labels, from different groups.'
        )
    return train, validation


def untested_labels(
    table: DataTable, validation: Sequence[Row]
) -> tuple[str, ...]:
    """The labels that no held-out image carries, so that none tests them."""
    return _labels_missing_from(validation, table)


def _labels_missing_from(
    rows: Sequence[Row], table: DataTable
) -> tuple[str, ...]:
    known = {row.label for row in rows}
    return tuple(label for label in table.labels if label not in known)


def hold_out(
    rows: tuple[Row, ...], *, share: float, seed: int
) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Hold out whole groups until every label has about ``share`` out."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group or str(row.image), []).append(row)
    labels = sorted({row.label for row in rows})
    wanted = {
        label: max(1, round(share * sum(r.label == label for r in rows)))
        for label in labels
    }
    names = sorted(groups)
    random.Random(seed).shuffle(names)
    out: set[str] = set()
    held = dict.fromkeys(labels, 0)
    for label in sorted(labels, key=lambda name: wanted[name]):
        for name in names:
            if held[label] >= wanted[label]:
                break
            group = groups[name]
            if name in out or not any(r.label == label for r in group):
                continue
            if _leaves_some(rows, groups, out | {name}, label):
                out.add(name)
                for row in group:
                    held[row.label] += 1
    kept = tuple(r for r in rows if (r.group or str(r.image)) not in out)
    gone = tuple(r for r in rows if (r.group or str(r.image)) in out)
    if not gone or not kept:
        raise BadInputError(
            'There are too few groups (patients, slides) to hold some out '
            'for validation: label images of at least two groups per class, '
            'or state a "split" column.'
        )
    return tuple(replace(r, split='train') for r in kept), tuple(
        replace(r, split='val') for r in gone
    )


def _leaves_some(
    rows: tuple[Row, ...],
    groups: dict[str, list[Row]],
    out: set[str],
    label: str,
) -> bool:
    gone = {id(row) for name in out for row in groups[name]}
    return any(r.label == label and id(r) not in gone for r in rows)
