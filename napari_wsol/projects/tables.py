"""``labels.csv`` and ``images.csv``: the items of a project as tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from napari_wsol.projects.items import (
    COLUMNS,
    Item,
    Key,
    cells_of,
    item_of,
    last_number,
)
from napari_wsol.projects.settings import Side


def table_text(
    items: Iterable[Item], folder: Path, side_of: Callable[[Item], str]
) -> str:
    """The items as CSV text for a file in ``folder``."""
    lines = [_line(item, folder, side_of(item)) for item in items]
    return ','.join(COLUMNS) + '\n' + ''.join(lines)


@lru_cache(maxsize=1 << 15)
def _line(item: Item, folder: Path, side: str) -> str:
    """An item as a line; kept, since a change concerns few items of many."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator='\n')
    writer.writerow({**cells_of(item, folder), 'split': side})
    return stream.getvalue()


def read_items(text: str, folder: Path) -> tuple[list[Item], dict[str, Side]]:
    """The items of a table, and the side that it states for each group.

    Items without a key of their own (rows added by hand) have none.

    Raises
    ------
    ValueError
        Where the text is no such table, or not the whole of it; the line is
        named.
    """
    reader = csv.reader(io.StringIO(text, newline=''), strict=True)
    items: list[Item] = []
    sides: dict[str, Side] = {}
    try:
        names = [name.strip() for name in next(reader, [])]
        if not {'image', 'label', 'key'} <= set(names):
            raise ValueError('its first line does not name its columns')
        for values in reader:
            if not values:
                continue
            if len(values) != len(names):
                raise ValueError(
                    f'line {reader.line_num} has {len(values)} of '
                    f'{len(names)} cells'
                )
            stripped = (value.strip() for value in values)
            cells = dict(zip(names, stripped, strict=True))
            try:
                item = item_of(cells, folder)
                if item.when:
                    datetime.fromisoformat(item.when)
            except ValueError as error:
                raise ValueError(f'line {reader.line_num}: {error}') from None
            items.append(item)
            match cells.get('split'):
                case 'train' | 'val' as side:
                    sides.setdefault(item.group, side)
    except csv.Error as error:
        raise ValueError(
            f'line {reader.line_num} is no CSV: {error}'
        ) from error
    return items, sides


def with_keys(items: Iterable[Item], taken: set[str]) -> dict[str, Item]:
    """The items by key, those without a valid one of their own given one.

    Of several items of one key or one place the first stays.

    Parameters
    ----------
    taken
        Keys that were used before and are not given again.
    """
    given = list(items)
    last = last_number((*taken, *(item.key for item in given)))
    found: dict[str, Item] = {}
    places: set[object] = set()
    for item in given:
        if item.place in places:
            continue
        places.add(item.place)
        if Key.read(item.key) is None or item.key in found:
            last += 1
            item = replace(item, key=str(Key(last)))
        found[item.key] = item
    return in_order(found)


def in_order(items: dict[str, Item]) -> dict[str, Item]:
    """The items as they came into the project."""
    return dict(sorted(items.items(), key=lambda pair: _number(pair[0])))


def _number(text: str) -> int:
    key = Key.read(text)
    return key.number if key else 0
