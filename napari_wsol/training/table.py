"""A data set as a table: images, fields, labels, masks, groups, splits."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_wsol.errors import BadInputError
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.pixel_size import PLAUSIBLE_MPP
from napari_wsol.training.fold_lists import Fold, read_fold

COLUMNS = ('image', 'label', 'mask', 'group', 'split', 'field', 'mpp')
IMAGE_SUFFIXES = {
    '.bif', '.bmp', '.jpeg', '.jpg', '.mrxs', '.ndpi', '.png', '.scn',
    '.svs', '.tif', '.tiff', '.vms', '.zarr',
}  # fmt: skip
SHOWN_PROBLEMS = 20

PROJECT_FILE = 'project.json'
"""What makes a folder a project (``projects``)."""

PROJECT_LABELS = 'labels.csv'
"""The table of a project's labels."""


@dataclass(frozen=True)
class Row:
    """One labelled image, or one labelled field of an image.

    Parameters
    ----------
    field
        The rectangle the label speaks of, in level-0 pixels; None where it
        speaks of the whole image.
    group
        Patient, case or slide; never on both sides of a split.
    mpp
        µm per pixel, where the table states it.
    line
        Where it stands in the table, for messages.
    """

    image: Path
    label: str
    mask: Path | None = None
    group: str = ''
    split: str = ''
    field: Box | None = None
    mpp: float | None = None
    line: int = 0


@dataclass(frozen=True)
class DataTable:
    """Validated rows of one data set, and where they came from."""

    source: Path
    rows: tuple[Row, ...]

    def split(self, name: str) -> tuple[Row, ...]:
        """The rows of one split."""
        return tuple(row for row in self.rows if row.split == name)

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, in order of appearance, without ''."""
        return tuple(dict.fromkeys(r.split for r in self.rows if r.split))

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, sorted."""
        return tuple(sorted({row.label for row in self.rows}))

    @property
    def digest(self) -> str:
        """SHA-256 over what the rows say (not over pixels)."""
        told = hashlib.sha256()
        for row in self.rows:
            parts = (row.image.name, row.label, row.group, row.split)
            told.update(repr((*parts, row.field, row.mpp)).encode())
        return told.hexdigest()


def read_table(source: Path, root: Path | None = None) -> DataTable:
    """Read a data set: a CSV, a project, a folder of classes, or a fold.

    A CSV has the columns ``image,label[,mask,group,split,field,mpp]``, where
    ``field`` is ``y,x,height,width`` in level-0 pixels, quoted. A project
    (``projects``) holds such a table. A folder of classes has one sub-folder
    per class. Folds are those of the public code (``training.fold_lists``).
    Paths are relative to ``root``, where it is given, else to the CSV, the
    project's or the fold's folder.

    Raises
    ------
    BadInputError
        Listing every bad row by its line, before anything runs.
    """
    if not source.exists():
        raise BadInputError(f'There is no data set at "{source}".')
    if root is not None and not root.is_dir():
        raise BadInputError(f'There is no folder of images at "{root}".')
    home = root or (source if source.is_dir() else source.parent)
    fold = read_fold(source, IMAGE_SUFFIXES)
    if (source / PROJECT_FILE).is_file():
        rows, problems = _csv_rows(source / PROJECT_LABELS, home)
    elif fold is not None:
        rows, problems = _fold_rows(fold, home)
    elif source.is_dir():
        rows, problems = list(_folder_rows(source)), []
        if not rows:
            problems = [f'no images in the sub-folders of "{source}"']
    else:
        rows, problems = _csv_rows(source, home)
    problems += _straddling_groups(rows)
    if not problems and not rows:
        problems = ['it holds no rows']
    if problems:
        raise BadInputError(_listing(source, problems))
    return DataTable(source, tuple(rows))


def _fold_rows(fold: Fold, home: Path) -> tuple[list[Row], list[str]]:
    rows, problems = list[Row](), list(fold.problems)
    for listed in fold.rows:
        try:
            image = _existing(home, 'image', listed.image)
            if image is None:
                raise ValueError('no image')
            if not listed.label:
                raise ValueError(f'no class of "{listed.image}"')
            mask = _existing(home, 'mask', listed.mask)
        except ValueError as error:
            problems.append(f'{listed.where}: {error}')
            continue
        rows.append(
            Row(
                image,
                listed.label,
                mask,
                split=listed.split,
                line=listed.line,
            )
        )
    if problems and not rows:
        problems.insert(
            0,
            f'none of its images is in "{home}" (say where they are with '
            '--images)',
        )
    return rows, problems


def _folder_rows(folder: Path) -> Iterator[Row]:
    for sub in sorted(p for p in folder.iterdir() if p.is_dir()):
        for image in sorted(sub.iterdir()):
            if image.suffix.lower() in IMAGE_SUFFIXES:
                yield Row(image, sub.name)


def _csv_rows(source: Path, home: Path) -> tuple[list[Row], list[str]]:
    rows: list[Row] = []
    problems: list[str] = []
    try:
        with source.open(newline='', encoding='utf-8-sig') as file:
            reader = csv.DictReader(file)
            names = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = names
            if not {'image', 'label'} <= set(names):
                raise BadInputError(
                    f'"{source}" needs the columns "image" and "label" in '
                    f'its first line; it has: {", ".join(names) or "none"}.'
                )
            for cells in reader:
                try:
                    rows.append(_row(home, cells, reader.line_num))
                except ValueError as error:
                    problems.append(f'line {reader.line_num}: {error}')
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInputError(
            f'"{source}" is not a CSV text file ({error}).'
        ) from error
    return rows, problems


def _row(home: Path, cells: dict[str, str | None], line: int) -> Row:
    text = {key: (cells.get(key) or '').strip() for key in COLUMNS}
    if not text['image']:
        raise ValueError('no image')
    if not text['label']:
        raise ValueError('no label')
    image = _existing(home, 'image', text['image'])
    assert image is not None
    return Row(
        image,
        text['label'],
        _existing(home, 'mask', text['mask']),
        text['group'],
        text['split'],
        field_of(text['field']),
        mpp_of(text['mpp']),
        line,
    )


def _existing(home: Path, kind: str, name: str) -> Path | None:
    """The file of that name, None where there is no name."""
    if not name:
        return None
    path = home / name
    if not path.exists():
        raise ValueError(f'{kind} "{name}" does not exist')
    return path


def field_of(text: str) -> Box | None:
    """The rectangle in ``y,x,height,width``; None where there is no text.

    Raises
    ------
    ValueError
        Saying that it is no such rectangle.
    """
    if not text:
        return None
    try:
        y, x, height, width = (float(part) for part in text.split(','))
        return Box(y, x, height, width)
    except ValueError:
        raise ValueError(
            f'field "{text}" is not "y,x,height,width" in pixels'
        ) from None


def mpp_of(text: str) -> float | None:
    """The µm per pixel in a text; None where there is no text.

    Raises
    ------
    ValueError
        Saying that it is no believable number.
    """
    if not text:
        return None
    low, high = PLAUSIBLE_MPP
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not low <= value <= high:
        raise ValueError(
            f'mpp "{text}" is not a number between {low:g} and {high:g}'
        )
    return value


def _straddling_groups(rows: list[Row]) -> list[str]:
    seen: dict[str, set[str]] = {}
    for row in rows:
        if row.group and row.split:
            seen.setdefault(row.group, set()).add(row.split)
    return [
        f'group "{group}" is in the splits {", ".join(sorted(splits))}: '
        'a patient must be in one only'
        for group, splits in seen.items()
        if len(splits) > 1
    ]


def _listing(source: Path, problems: list[str]) -> str:
    shown = problems[:SHOWN_PROBLEMS]
    rest = len(problems) - len(shown)
    if rest:
        shown.append(f'and {rest} more')
    return f'The data set "{source}" cannot be used: ' + '; '.join(shown) + '.'
