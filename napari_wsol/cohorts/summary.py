"""The table of a cohort: a row per slide, kept up while it runs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from napari_wsol.cohorts.index_page import PAGE, is_ours, write_page
from napari_wsol.cohorts.region_files import count_regions
from napari_wsol.cohorts.results import Results
from napari_wsol.cohorts.task import (
    Event,
    SlideReport,
    SlideRow,
    SlideTask,
    Told,
)
from napari_wsol.errors import BadInputError
from napari_wsol.inference.results import read_card
from napari_wsol.regions.whole_file import whole_file

TABLE = 'summary.csv'

_FIRST = ('name', 'image', 'state', 'answer')
_FIGURES = (
    'entropy_image',
    'entropy_foreground',
    'entropy_background',
    'marked_percent',
    'marked_mm2',
    'regions',
    'tissue_percent',
    'mpp',
    'mpp_source',
    'model',
    'model_hash',
    'threshold',
    'seconds',
    'message',
)

Cell = str | float | None


class Summary:
    """The rows of a cohort, in its folder as ``summary.csv`` and a page.

    Both hold what earlier calls left in the folder, too.

    Raises
    ------
    BadInputError
        Where files of these names are there that are none of this program's,
        or they cannot be written.
    """

    def __init__(self, folder: Path, tasks: Iterable[SlideTask]) -> None:
        self._folder = folder
        _require_ours(folder)
        self._rows = {row.name: row for row in earlier_rows(folder)}
        for task in tasks:
            if task.name not in self._rows:
                row = SlideRow(task.name, task.image.name)
                self._rows[task.name] = row
        self._write()

    @property
    def rows(self) -> list[SlideRow]:
        """By name."""
        return sorted(self._rows.values(), key=lambda row: row.name.lower())

    def take(self, event: Event) -> None:
        """Keep what an event changes in the table."""
        if isinstance(event, SlideReport):
            self._keep(event.row)
        elif isinstance(event, Told):
            row = self._rows[event.name]
            if row.state != 'open':
                self._keep(SlideRow(row.name, row.image))

    def _keep(self, row: SlideRow) -> None:
        self._rows[row.name] = row
        self._write()

    def _write(self) -> None:
        rows = self.rows
        write_table(self._folder / TABLE, rows)
        write_page(self._folder / PAGE, rows)


def earlier_rows(folder: Path) -> Iterator[SlideRow]:
    """What earlier calls left in a folder, finished slides and others."""
    told = {row['name']: row for row in _told(folder / TABLE)}
    for path in sorted(folder.glob('*.json')):
        results = Results(folder, path.stem)
        try:
            prediction = read_card(path)
            regions = count_regions(results)
        except (BadInputError, OSError):
            continue
        told.pop(results.name, None)
        image = prediction.image
        yield SlideRow(results.name, image, 'done', prediction, regions)
    for row in told.values():
        failed = row['state'] == 'failed'
        yield SlideRow(
            row['name'],
            row['image'],
            'failed' if failed else 'open',
            message=row['message'],
        )


def write_table(path: Path, rows: Iterable[SlideRow]) -> None:
    """Write a row per slide; empty where something is not known.

    Raises
    ------
    BadInputError
        Where it cannot be written.
    """
    rows = list(rows)
    classes = dict.fromkeys(
        name
        for row in rows
        if row.result is not None and row.result.class_probabilities
        for name in row.result.classes
    )
    columns = [
        *_FIRST,
        *(f'p_{name}' for name in classes),
        *(f'top_{name}' for name in classes),
        *_FIGURES,
    ]
    with whole_file(path, 'utf-8-sig') as stream:
        writer = csv.DictWriter(stream, columns, restval='')
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {name: _cell(value) for name, value in _cells(row).items()}
            )


def _cells(row: SlideRow) -> dict[str, Cell]:
    cells: dict[str, Cell] = {
        'name': row.name,
        'image': row.image,
        'state': row.state,
        'message': row.message,
    }
    result = row.result
    if result is None:
        return cells
    if row.answer is not None:
        cells['answer'] = row.answer[0]
        for name, probability in zip(
            result.classes, result.class_probabilities or (), strict=True
        ):
            cells[f'p_{name}'] = probability
    if result.top_probabilities is not None:
        for name, probability in zip(
            result.classes, result.top_probabilities, strict=True
        ):
            cells[f'top_{name}'] = probability
    tissue = result.tissue_fraction
    return cells | {
        'entropy_image': result.entropy_image,
        'entropy_foreground': result.entropy_foreground,
        'entropy_background': result.entropy_background,
        'marked_percent': 100 * result.foreground_fraction,
        'marked_mm2': result.foreground_mm2,
        'regions': row.regions,
        'tissue_percent': None if tissue is None else 100 * tissue,
        'mpp': result.mpp,
        'mpp_source': result.mpp_source,
        'model': result.model,
        'model_hash': result.model_hash,
        'threshold': result.threshold,
        'seconds': result.seconds,
    }


def _cell(value: Cell) -> str:
    if value is None:
        return ''
    return value if isinstance(value, str) else f'{value:.6g}'


def _told(path: Path) -> list[dict[str, str]]:
    """The rows of an earlier table; none where it is damaged."""
    try:
        with path.open(encoding='utf-8-sig', newline='') as stream:
            rows = list(csv.DictReader(stream, restval=''))
    except (OSError, ValueError, csv.Error):
        return []
    needed = {*_FIRST, 'message'}
    return [row for row in rows if needed <= row.keys()]


def _require_ours(folder: Path) -> None:
    table, page = folder / TABLE, folder / PAGE
    begins = ','.join(_FIRST).encode()
    try:
        with table.open('rb') as stream:
            head = stream.readline().removeprefix(b'\xef\xbb\xbf')
    except FileNotFoundError:
        head = begins
    for path, ours in (
        (table, head.startswith(begins)),
        (page, is_ours(page)),
    ):
        if not ours:
            raise BadInputError(
                f'"{path}" is no table of this program, so it is left as it '
                'is. Choose another folder for the results.'
            )
