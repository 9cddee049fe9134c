"""An item: one whole image or one field, labelled or not yet."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from napari_wsol.slides.geometry import Box
from napari_wsol.training.table import field_of, mpp_of

COLUMNS = (
    *('image', 'label', 'mask', 'group', 'split'),
    *('field', 'mpp', 'key', 'when'),
)
"""Of ``labels.csv`` and ``images.csv``; ``read_table`` knows the first."""

UPWARDS = 2
"""How many folders a relative path may climb before it is told in full."""


@dataclass(frozen=True)
class Item:
    """One image, or one field of it, and what was said about it.

    Parameters
    ----------
    key
        Names the item within its project, for good.
    image
        Absolute path.
    field
        The rectangle in level-0 pixels; None where it is the whole image.
    label
        None where nothing was said yet.
    group
        Patient or slide; all its items are on one side of the split.
    mpp
        µm per pixel, where the file does not state it.
    mask
        Drawn regions to measure with, where there are any.
    when
        UTC of the last labelling, ISO 8601; empty where there was none.
    """

    key: str
    image: Path
    field: Box | None = None
    label: str | None = None
    group: str = ''
    mpp: float | None = None
    mask: Path | None = None
    when: str = ''

    @property
    def place(self) -> tuple[Path, Box | None]:
        """What the item speaks of; no two items of a project share it."""
        return self.image, self.field


class Key(NamedTuple):
    """An item's key as a number: later items have higher ones."""

    number: int

    @classmethod
    def read(cls, text: str) -> Key | None:
        """The key in a text such as ``i17``; None where it is none."""
        digits = text.removeprefix('i')
        if text == digits or not (digits.isascii() and digits.isdigit()):
            return None
        return cls(int(digits))

    def __str__(self) -> str:
        return f'i{self.number}'


def last_number(keys: Iterable[str]) -> int:
    """The highest number of some keys; 0 where there is none."""
    return max(
        (key.number for text in keys if (key := Key.read(text))), default=0
    )


def now() -> str:
    """UTC in ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec='seconds')


def cells_of(item: Item, folder: Path) -> dict[str, str]:
    """The item as cells of a table that lies in ``folder``."""
    box = item.field
    return {
        'key': item.key,
        'image': told_path(item.image, folder),
        'label': item.label or '',
        'mask': told_path(item.mask, folder) if item.mask else '',
        'group': item.group,
        'field': ','.join(
            repr(float(value)).removesuffix('.0')
            for value in (box.y, box.x, box.height, box.width)
        )
        if box
        else '',
        'mpp': repr(item.mpp) if item.mpp else '',
        'when': item.when,
    }


def item_of(cells: Mapping[str, str], folder: Path) -> Item:
    """The item in the cells of a table that lies in ``folder``.

    Raises
    ------
    ValueError
        Naming the first cell that makes no sense.
    """
    if not cells.get('image'):
        raise ValueError('no image')
    mask = cells.get('mask')
    return Item(
        cells.get('key', ''),
        meant_path(cells['image'], folder),
        field_of(cells.get('field', '')),
        cells.get('label') or None,
        cells.get('group', ''),
        mpp_of(cells.get('mpp', '')),
        meant_path(mask, folder) if mask else None,
        cells.get('when', ''),
    )


@lru_cache(maxsize=1 << 16)
def told_path(path: Path, folder: Path) -> str:
    """A path as a project writes it: relative where both may move together.

    That is inside the folder, or beside it or its parent; anything else is
    told in full.
    """
    try:
        relative = Path(os.path.relpath(path, folder))
    except ValueError:  # another drive
        return path.as_posix()
    climbs = relative.parts.count('..')
    shared = folder.parents[climbs - 1] if climbs else folder
    if climbs > UPWARDS or shared == Path(shared.anchor):
        return path.as_posix()
    return relative.as_posix()


def meant_path(text: str, folder: Path) -> Path:
    """The absolute path that ``told_path`` told."""
    return absolute(folder / text)


def absolute(path: Path | str) -> Path:
    """The path from the root, without ``..``; links stay as they are."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve follows links
