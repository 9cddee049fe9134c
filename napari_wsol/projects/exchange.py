"""Labels from and to other places: tables, class folders, GeoJSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from napari_wsol.errors import BadInputError
from napari_wsol.projects.files import KeptFile
from napari_wsol.projects.geojson import collection_text, read_fields
from napari_wsol.projects.groups import guess_group
from napari_wsol.projects.items import Item, absolute
from napari_wsol.projects.settings import ProjectSettings, Side
from napari_wsol.projects.tables import table_text
from napari_wsol.slides.opening import open_slide
from napari_wsol.training.splitting import VALIDATION_NAMES
from napari_wsol.training.table import Row, read_table

_SIDES: dict[str, Side] = {
    '': 'train',
    'train': 'train',
    **dict.fromkeys(VALIDATION_NAMES, 'val'),
}


def table_items(source: Path) -> tuple[list[Item], dict[str, Side]]:
    """The items of a data set, without keys, and the sides that it states.

    Rows of other splits (``test``) stay out, so that they can still test.
    Where guessed groups would straddle the stated splits, each image is its
    own group.

    Raises
    ------
    BadInputError
        Where ``read_table`` does, or every row is for testing.
    """
    rows = [row for row in read_table(source).rows if row.split in _SIDES]
    if not rows:
        raise BadInputError(
            f'All rows of "{source}" are for testing: a project learns from '
            'splits "train" and "val" only.'
        )
    guesses = _guessed(rows)
    items: list[Item] = []
    sides: dict[str, Side] = {}
    for row in rows:
        group = row.group or guesses[row.image]
        if row.split:
            sides[group] = _SIDES[row.split]
        items.append(
            Item(
                '',
                absolute(row.image),
                row.field,
                row.label,
                group,
                row.mpp,
                absolute(row.mask) if row.mask else None,
            )
        )
    return items, sides


def geojson_items(path: Path, image: Path, mpp: float | None) -> list[Item]:
    """The fields that a GeoJSON file marks on an image, without keys.

    Raises
    ------
    BadInputError
        Where the file or the image cannot be read.
    """
    return [
        Item('', image, box, label, mpp=mpp)
        for box, label in read_fields(path, qupath_origin(image))
    ]


def write_table(
    path: Path, items: Iterable[Item], side_of: Callable[[Item], str]
) -> None:
    """Write items as a CSV with paths relative to it."""
    _write(path, table_text(items, path.parent, side_of))


def write_geojson(
    folder: Path, items: Iterable[Item], settings: ProjectSettings
) -> tuple[Path, ...]:
    """Write a file of fields per image, named after it."""
    images: dict[Path, list[Item]] = {}
    for item in items:
        if item.field is not None:
            images.setdefault(item.image, []).append(item)
    if not images:
        raise BadInputError('There are no fields to export.')
    written: list[Path] = []
    for image, fields in images.items():
        path = folder / f'{image.stem}.geojson'
        number = 1
        while path in written:
            number += 1
            path = folder / f'{image.stem}-{number}.geojson'
        text = collection_text(fields, settings, folder, qupath_origin(image))
        _write(path, text)
        written.append(path)
    return tuple(written)


def _guessed(rows: Iterable[Row]) -> dict[Path, str]:
    """A group for each image; of their own where guesses would straddle."""
    guesses = {row.image: guess_group(row.image) for row in rows}
    splits: dict[str, set[str]] = {}
    for row in rows:
        if not row.group:
            splits.setdefault(guesses[row.image], set()).add(row.split)
    return {
        image: f'{image.parent.name}/{image.name}'
        if len(splits.get(guess, ())) > 1
        else guess
        for image, guess in guesses.items()
    }


def qupath_origin(image: Path) -> tuple[float, float]:
    """``(y, x)`` where QuPath's image begins: it crops to the bounds."""
    slide = open_slide(image)
    try:
        return (slide.bounds.y, slide.bounds.x) if slide.bounds else (0, 0)
    finally:
        slide.close()


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        KeptFile(path).write(text)
    except OSError as error:
        raise BadInputError(
            f'"{path}" cannot be written: {error.strerror or error}. Choose '
            'another place.'
        ) from error
