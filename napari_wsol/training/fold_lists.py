"""Folds as the public code of the four papers lists them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml

SPLITS = {
    'train': 'train',
    'valid': 'val',
    'val': 'val',
    'valcl': 'val',
    'test': 'test',
}
"""First word of a list's name, or its folder -> our name of the split."""

IDS, LABELS, MASKS = 'image_ids.txt', 'class_labels.txt', 'localization.txt'


class Listed(NamedTuple):
    """One image as a fold lists it, nothing checked yet.

    ``image`` and ``mask`` are relative to the folder of the images; ``where``
    says file and line.
    """

    image: str
    label: str
    mask: str
    split: str
    where: str
    line: int


@dataclass(frozen=True)
class Fold:
    """All that a fold lists, and what is wrong with it."""

    rows: tuple[Listed, ...]
    problems: tuple[str, ...] = ()


def read_fold(source: Path, suffixes: set[str]) -> Fold | None:
    """What a file or a folder lists; None where it is not a public fold.

    Two formats are known by what they hold. A CSV without a header,
    ``image,mask,class`` (MM19, TMI), alone or as a folder of them named
    after their split: ``train_s_0_f_0.csv``, ``valid_...``, ``test_...``.
    And a folder with a sub-folder per split, ``train``, ``valcl``, ``test``,
    of the lists ``image_ids.txt``, ``class_labels.txt`` and
    ``localization.txt`` (NEGEV); ``valpx`` says which of ``valcl`` have
    masks. ``encoding.yaml`` names their class numbers.

    Parameters
    ----------
    suffixes
        Of images, with the dot; what a first line must show to be a row.
    """
    if source.is_file():
        return _plain_fold([source]) if _is_plain(source, suffixes) else None
    if any((source / name / IDS).is_file() for name in SPLITS):
        return _list_fold(source)
    lists = [
        path
        for path in sorted(source.glob('*.csv'))
        if _split_of(path) and _is_plain(path, suffixes)
    ]
    return _plain_fold(lists) if lists else None


def _split_of(path: Path) -> str:
    return SPLITS.get(path.stem.split('_')[0].lower(), '')


def _is_plain(path: Path, suffixes: set[str]) -> bool:
    """Whether the first line is ``image,mask,class`` already."""
    try:
        with path.open(newline='', encoding='utf-8-sig') as file:
            first = next(csv.reader(file), [])
    except (UnicodeDecodeError, csv.Error):
        return False
    return (
        len(first) == 3 and Path(first[0].strip()).suffix.lower() in suffixes
    )


def _plain_fold(paths: Sequence[Path]) -> Fold:
    rows, problems = list[Listed](), list[str]()
    for path in paths:
        for where, line, cells in _lines(path, path.name):
            if len(cells) != 3:
                problems.append(
                    f'{where}: {len(cells)} cells instead of image, mask and '
                    'class'
                )
                continue
            image, mask, label = cells
            rows.append(
                Listed(image, label, mask, _split_of(path), where, line)
            )
    return Fold(tuple(rows), tuple(problems))


def _list_fold(folder: Path) -> Fold:
    names, problems = _class_names(folder)
    masks = _masks(folder)
    rows = list[Listed]()
    for name in ('train', 'valcl', 'test'):
        if not (folder / name / IDS).is_file():
            continue
        labels = {
            image: names.get(number, number)
            for _, _, (image, number) in _cells(folder / name / LABELS, 2)
        }
        for where, line, (image,) in _cells(folder / name / IDS, 1):
            rows.append(
                Listed(
                    image,
                    labels.get(image, ''),
                    masks.get(image, ''),
                    SPLITS[name],
                    where,
                    line,
                )
            )
    return Fold(tuple(rows), tuple(problems))


def _class_names(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Class numbers -> names, from ``name: number`` beside the fold."""
    path = next(
        (
            place / 'encoding.yaml'
            for place in (folder, folder.parent)
            if (place / 'encoding.yaml').is_file()
        ),
        None,
    )
    if path is None:
        return {}, []
    try:
        told = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (yaml.YAMLError, UnicodeDecodeError):
        told = None
    if not isinstance(told, dict):
        return {}, [f'{path.name} does not list classes as "name: number"']
    return {str(number): str(name) for name, number in told.items()}, []


def _masks(folder: Path) -> dict[str, str]:
    """Image -> mask of all lists; a box (four numbers) is no mask."""
    found = {}
    for name in ('train', 'valcl', 'valpx', 'test'):
        for _, _, cells in _lines(folder / name / MASKS, f'{name}/{MASKS}'):
            if len(cells) in (2, 3) and cells[1] not in ('', 'None'):
                found[cells[0]] = cells[1]
    return found


def _cells(path: Path, count: int) -> Iterator[tuple[str, int, list[str]]]:
    """The lines of a list; the last ``count - 1`` cells are its own.

    An image's path may hold commas.
    """
    for where, line, cells in _lines(path, f'{path.parent.name}/{path.name}'):
        own = cells[len(cells) - count + 1 :]
        yield where, line, [','.join(cells[: len(cells) - count + 1]), *own]


def _lines(path: Path, name: str) -> Iterator[tuple[str, int, list[str]]]:
    """Where, line number and cells of each line that is not empty."""
    if not path.is_file():
        return
    with path.open(newline='', encoding='utf-8-sig') as file:
        reader = csv.reader(file)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield (
                    f'{name} line {reader.line_num}',
                    reader.line_num,
                    [cell.strip() for cell in cells],
                )
