"""A cohort as one web page: each slide, what is marked on it, and links."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from napari_wsol.cohorts.results import THUMBNAILS, Results
from napari_wsol.cohorts.task import SlideRow, State
from napari_wsol.evaluation.page_style import SCRIPT, STYLE
from napari_wsol.inference.settings import Prediction
from napari_wsol.regions.whole_file import whole_file

PAGE = 'index.html'

_MARK = '<meta name="generator" content="napari-wsol">'
"""Tells a page of this program from others."""

_OWN_STYLE = """
main { max-width: 1500px; }
.images td { vertical-align: middle; }
.images th:nth-child(n + 4) { text-align: left; }
.images img { display: block; max-width: 180px; max-height: 130px;
  border-radius: 3px; }
.images td.number { padding-right: 14px; }
.links a { display: block; color: #00639a; }
.message { max-width: 420px; }
"""

_COLUMNS = (
    ('Slide', ''),
    ('Picture', ''),
    ('Marked', ''),
    ('State', ''),
    ('Says', 'the likeliest class'),
    ('Sure', 'its probability'),
    ('Marked %', 'of the area that was looked at'),
    ('mm²', 'marked'),
    ('Regions', ''),
    ('Entropy', 'of the whole image; 1 knows nothing'),
    ('Foreground', 'entropy of the foreground alone: should be low'),
    ('Background', 'entropy of the background alone: should be high'),
    ('Tissue %', ''),
    ('µm/px', ''),
    ('Seconds', ''),
    ('Files', ''),
)

_STATES: dict[State, str] = {
    'done': 'done',
    'failed': 'failed',
    'open': 'not done',
}


def write_page(path: Path, rows: Sequence[SlideRow]) -> None:
    """Write the page; it shows the small pictures beside it.

    Raises
    ------
    BadInputError
        Where it cannot be written.
    """
    head = ''.join(
        f'<th scope="col" title="{hint}"><button>{name}</button></th>'
        for name, hint in _COLUMNS
    )
    with whole_file(path) as stream:
        stream.write(
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            f'{_MARK}<meta name="viewport" content="width=device-width">'
            f'<title>Cohort</title><style>{STYLE}{_OWN_STYLE}</style></head>\n'
            f'<body><main>{_head(rows)}<table class="images"><thead><tr>'
            f'{head}</tr></thead><tbody>\n'
        )
        stream.writelines(_row(row, path.parent) for row in rows)
        stream.write(
            f'</tbody></table></main><script>{SCRIPT}</script></body></html>\n'
        )


def is_ours(path: Path) -> bool:
    """Whether a page may be replaced: it is not there, or of this program."""
    try:
        with path.open('rb') as stream:
            return _MARK.encode() in stream.read(1000)
    except FileNotFoundError:
        return True


def _head(rows: Sequence[SlideRow]) -> str:
    states = Counter(row.state for row in rows)
    counts = ', '.join(
        f'{states[state]} {words}'
        for state, words in _STATES.items()
        if states[state]
    )
    models = sorted(
        {
            (row.result.model, row.result.model_hash[:12])
            for row in rows
            if row.result is not None
        }
    )
    by = ', '.join(
        f'<b>{escape(name)}</b> <code>{escape(key)}</code>'
        for name, key in models
    )
    return (
        f'<header><h1>Cohort</h1><p>{len(rows)} slides: {counts or "none"}. '
        f'{f"Model {by}. " if by else ""}A click on a title sorts; '
        '<a href="summary.csv">summary.csv</a> has all figures.</p>'
        '<p class="quiet">Research use only; not for diagnosis.</p></header>'
    )


def _row(row: SlideRow, folder: Path) -> str:
    state = _STATES[row.state]
    if row.state == 'failed':
        state = f'<b class="wrong">{state}</b><br>{escape(row.message)}'
    state = f'<td class="message">{state}</td>'
    first = f'<tr><td>{escape(row.image)}</td>'
    if row.result is None:
        # Every cell must be there for the table to be sorted.
        rest = '<td></td>' * (len(_COLUMNS) - 4)
        return f'{first}<td></td><td></td>{state}{rest}</tr>\n'
    results = Results(folder, row.name)
    pictures = ''.join(
        f'<td><a href="{_link(results.picture)}"><img loading="lazy" '
        f'src="{THUMBNAILS}/{_link(path)}" alt="{alt}"></a></td>'
        for path, alt in (
            (results.thumbnail, escape(row.image)),
            (results.overlay, f'What is marked in {escape(row.image)}'),
        )
    )
    return (
        f'{first}{pictures}{state}{_figures(row, row.result)}'
        f'<td class="links">{_links(results)}</td></tr>\n'
    )


def _figures(row: SlideRow, result: Prediction) -> str:
    said, sure = row.answer or ('', None)
    tissue = result.tissue_fraction
    numbers: Iterable[tuple[float | None, str]] = (
        (sure, '.2f'),
        (100 * result.foreground_fraction, '.1f'),
        (result.foreground_mm2, '.3f'),
        (row.regions, 'd'),
        (result.entropy_image, '.2f'),
        (result.entropy_foreground, '.2f'),
        (result.entropy_background, '.2f'),
        (None if tissue is None else 100 * tissue, '.1f'),
        (result.mpp, '.3f'),
        (result.seconds, '.1f'),
    )
    return f'<td>{escape(said)}</td>' + ''.join(
        f'<td class="number">{"" if value is None else format(value, form)}'
        '</td>'
        for value, form in numbers
    )


def _links(results: Results) -> str:
    return ''.join(
        f'<a href="{_link(path)}{end}">{words}</a>'
        for path, words, end in (
            (results.picture, 'picture', ''),
            (results.card, 'figures', ''),
            (results.fields, 'fields', ''),
            (results.measurements, 'regions', ''),
            (results.outlines, 'GeoJSON', ''),
            (results.store, 'maps', '/'),
        )
        if path.exists()
    )


def _link(path: Path) -> str:
    """A relative address of a file in the page's folder, by its name."""
    return quote(path.name)
