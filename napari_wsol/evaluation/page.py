"""The report as one web page that needs nothing else to be shown."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO
from itertools import cycle
from pathlib import Path

from PIL import Image

from napari_wsol.errors import BadInputError
from napari_wsol.evaluation.cases import RGB, Case, Gallery
from napari_wsol.evaluation.cohort import Cohort
from napari_wsol.evaluation.figures import CLASS_F1
from napari_wsol.evaluation.page_style import SCRIPT, STYLE
from napari_wsol.evaluation.plots import plots
from napari_wsol.evaluation.report import ImageResult, Report
from napari_wsol.evaluation.wording import FIGURES
from napari_wsol.inference.colours import CLASS_COLOURS
from napari_wsol.inference.picture import INFERNO, VIRIDIS

ROWS_SHOWN = 2000
"""Images in the page's table; the CSV has all."""

_COLUMNS = (
    ('Image', ''),
    ('Label', ''),
    ('Said', ''),
    ('Sure', 'probability of the class that was said'),
    ('F1+', '%'),
    ('F1−', '%'),
    ('Marked', '% of the area'),
    ('Entropy', 'of the whole image; 1 knows nothing'),
    ('Foreground', 'entropy of the foreground alone: should be low'),
    ('Background', 'entropy of the background alone: should be high'),
)


def write_page(
    report: Report,
    rows: Sequence[ImageResult],
    cohort: Cohort,
    gallery: Gallery | None,
    path: Path,
) -> None:
    """Write the page, with all of its pictures inside.

    Raises
    ------
    BadInputError
        Where it cannot be written.
    """
    try:
        path.write_text(
            render_page(report, rows, cohort, gallery), encoding='utf-8'
        )
    except OSError as error:
        raise BadInputError(
            f'The page cannot be written to "{path}" ({error.strerror}). '
            'Choose another place, or leave it out with --no-page.'
        ) from error


def render_page(
    report: Report,
    rows: Sequence[ImageResult],
    cohort: Cohort,
    gallery: Gallery | None,
) -> str:
    """The page as HTML, without any outer resource."""
    body = [
        _head(report),
        _figures(report),
        *_charts(report, cohort),
        *_cases(gallery, cohort.roi_classes),
        *_table(rows),
    ]
    title = f'{report.model} on {report.data}'
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f'<title>{escape(title)}</title><style>{STYLE}</style></head>\n'
        f'<body><main>\n{"".join(body)}\n</main>'
        f'<script>{SCRIPT}</script></body></html>\n'
    )


def _head(report: Report) -> str:
    groups = ''
    if report.n_groups != report.n_images:
        groups = f' of {report.n_groups} groups'
    masks = f'{report.n_masks} with a mask'
    if not report.n_masks:
        masks = 'none with a mask, so nothing is said of regions'
    measured = ''
    if report.map != 'localizer':
        measured = f', its map by <b>{escape(report.map)}</b>'
    return (
        f'<header><h1>{escape(report.model)}</h1>'
        f'<p>on <b>{escape(report.data)}</b>, split '
        f'<b>{escape(report.split)}</b>: {report.n_images} images{groups}, '
        f'{masks}. Threshold {report.threshold:g}. Model '
        f'<code>{escape(report.model_hash[:12])}</code>{measured}.</p>'
        '<p class="quiet">Research use only; not for diagnosis.</p></header>'
    )


def _figures(report: Report) -> str:
    parts = []
    for title, figures in FIGURES.items():
        lines = [
            _figure_row(report, key, name, meaning, getattr(report, key))
            for key, (name, meaning) in figures.items()
            if getattr(report, key) is not None
        ]
        if title == 'Regions':
            lines += [
                _figure_row(
                    report,
                    f'{CLASS_F1}{name}',
                    f'F1 {name}',
                    'Dice of this class alone, all pixels',
                    value,
                )
                for name, value in (report.f1_classes or {}).items()
            ]
        if lines:
            parts.append(
                f'<tbody><tr><th colspan="4" scope="rowgroup">{title}</th>'
                f'</tr>{"".join(lines)}</tbody>'
            )
    note = ''
    if report.intervals:
        note = (
            '<p class="quiet">All in percent. In brackets the 95 % interval '
            f'over {report.resamples} resamples of the {report.n_groups} '
            'groups (patients, cases or slides; without groups, images).</p>'
        )
    return (
        '<section><h2>Figures</h2><table class="figures">'
        f'{"".join(parts)}</table>{note}</section>'
    )


def _figure_row(
    report: Report, key: str, name: str, meaning: str, value: float
) -> str:
    interval = (report.intervals or {}).get(key)
    ends = f'[{interval[0]:.1f}, {interval[1]:.1f}]' if interval else ''
    return (
        f'<tr><td>{escape(name)}</td><td class="number">{value:.1f}</td>'
        f'<td class="number quiet">{ends}</td>'
        f'<td class="quiet">{escape(meaning)}</td></tr>'
    )


def _charts(report: Report, cohort: Cohort) -> Iterable[str]:
    parts = [
        f'<figure><h3>{title}</h3>{svg}<figcaption>{text}</figcaption>'
        '</figure>'
        for title, svg, text in plots(cohort, report.threshold)
    ]
    if report.confusion_matrix is not None:
        parts.append(_matrix(report.classes, report.confusion_matrix))
    if parts:
        yield (
            '<section><h2>Curves</h2>'
            f'<div class="charts">{"".join(parts)}</div></section>'
        )


def _matrix(classes: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    head = ''.join(f'<th scope="col">{escape(name)}</th>' for name in classes)
    lines = []
    for name, row in zip(classes, counts, strict=True):
        cells = ''.join(_cell(count, sum(row)) for count in row)
        lines.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    return (
        '<figure><h3>Confusion of classes</h3><table class="matrix">'
        f'<tr><td class="quiet">label ↓ said →</td>{head}</tr>'
        f'{"".join(lines)}</table><figcaption>Images by their label (rows) '
        'and by what the model said (columns).</figcaption></figure>'
    )


def _cell(count: int, total: int) -> str:
    depth = 0.7 * count / max(1, total)
    return f'<td style="background:rgba(0,114,178,{depth:.2f})">{count}</td>'


def _cases(
    gallery: Gallery | None, roi_classes: Sequence[str]
) -> Iterable[str]:
    if gallery is None:
        return
    for title, cases in (
        ('Where it fails most', gallery.worst_cases()),
        ('Where it works best', gallery.best_cases()),
    ):
        if cases:
            yield (
                f'<section><h2>{title}</h2>{_legend(roi_classes)}'
                f'{"".join(map(_case, cases))}</section>'
            )


def _case(case: Case) -> str:
    pictures = ''.join(
        f'<div><span>{title}</span><img src="{_inlined(pixels)}" '
        f'alt="{title} of {escape(case.image)}"></div>'
        for title, pixels in case.panels.items()
    )
    return (
        f'<figure class="case"><figcaption><b>{escape(case.image)}</b> '
        f'{escape(case.caption)}</figcaption>'
        f'<div class="panels">{pictures}</div></figure>'
    )


def _legend(roi_classes: Sequence[str]) -> str:
    def bar(name: str, colours: Iterable[tuple[int, int, int]]) -> str:
        stops = ','.join(f'rgb({r},{g},{b})' for r, g, b in colours)
        return (
            f'<span>{name} 0 <i style="background:linear-gradient(90deg,'
            f'{stops})"></i> 1</span>'
        )

    swatches = ''.join(
        f'<span><i class="swatch" style="background:rgb({r},{g},{b})"></i> '
        f'{escape(name)}</span>'
        for name, (r, g, b) in zip(
            roi_classes or ('region of interest',),
            cycle(CLASS_COLOURS),
            strict=False,
        )
    )
    return (
        f'<p class="scales quiet">{swatches}{bar("probability", VIRIDIS)}'
        f'{bar("entropy (1: knows nothing)", INFERNO)}</p>'
    )


def _inlined(pixels: RGB) -> str:
    file = BytesIO()
    Image.fromarray(pixels).save(file, 'JPEG', quality=85, subsampling=0)
    return (
        'data:image/jpeg;base64,'
        f'{base64.b64encode(file.getvalue()).decode("ascii")}'
    )


def _table(rows: Sequence[ImageResult]) -> Iterable[str]:
    ordered = sorted(rows, key=_badness)[:ROWS_SHOWN]
    head = ''.join(
        f'<th scope="col" title="{hint}"><button>{name}</button></th>'
        for name, hint in _COLUMNS
    )
    left = len(rows) - len(ordered)
    note = f' The CSV has {left} more.' if left > 0 else ''
    yield (
        '<section><h2>Images</h2><p class="quiet">Worst first; a click on a '
        f'title sorts.{note}</p><table class="images"><thead><tr>{head}</tr>'
        f'</thead><tbody>{"".join(map(_table_row, ordered))}</tbody></table>'
        '</section>'
    )


def _table_row(row: ImageResult) -> str:
    said = escape(row.predicted or '')
    if row.correct is False:
        said = f'<b class="wrong">{said} ✗</b>'
    numbers = (
        (row.confidence, '.2f'),
        (row.f1_foreground, '.1f'),
        (row.f1_background, '.1f'),
        (row.foreground_percent, '.1f'),
        (row.entropy_image, '.2f'),
        (row.entropy_foreground, '.2f'),
        (row.entropy_background, '.2f'),
    )
    cells = ''.join(
        f'<td class="number">{"" if value is None else format(value, form)}'
        '</td>'
        for value, form in numbers
    )
    return (
        f'<tr><td>{escape(row.image)}</td><td>{escape(row.label)}</td>'
        f'<td>{said}</td>{cells}</tr>'
    )


def _badness(row: ImageResult) -> tuple[float, bool, float]:
    scores = row.f1_foreground, row.f1_background
    known = [score for score in scores if score is not None]
    mean = sum(known) / len(known) if known else 100.0
    return mean, row.correct is not False, row.confidence or 0.0
