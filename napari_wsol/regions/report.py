"""What was found on a slide and said of it, as one page of HTML.

The page needs nothing else to be shown. It names no file unless asked to.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wsol.evaluation.page_style import STYLE
from napari_wsol.regions.drawings import Picture, bars, outlined
from napari_wsol.regions.measurements_csv import class_names
from napari_wsol.regions.outlines import Outlines
from napari_wsol.regions.region import RegionTable
from napari_wsol.regions.verdicts import Verdicts
from napari_wsol.regions.whole_file import whole_file

__all__ = ['Case', 'Picture', 'SlideReport', 'render_report', 'write_report']

Bools = npt.NDArray[np.bool_]

NAMELESS = 'Slide'

KINDS = {
    'accepted': 'Accepted',
    'rejected': 'False positive',
    'open': 'Not decided',
}
"""What a region can be, and what that is called; missed ones come beside."""

BARS = 20

_STYLE = """
.picture { border-radius: 3px; background: #eee; }
.picture path { fill: none; stroke-width: 2; stroke-linejoin: round;
  vector-effect: non-scaling-stroke; }
.picture .accepted, .key .accepted { stroke: #009e73; }
.picture .rejected, .key .rejected { stroke: #d55e00;
  stroke-dasharray: 5 3; }
.picture .open, .key .open { stroke: #0072b2; }
.picture .missed, .key .missed { stroke: #000; stroke-dasharray: 2 3; }
.key span { margin-right: 22px; white-space: nowrap; }
.key svg { width: 26px; height: 8px; display: inline; }
.key path { stroke-width: 3; fill: none; }
.bars { fill: #56b4e9; }
.top { display: grid; gap: 0 34px; align-items: start;
  grid-template-columns: minmax(0, 5fr) minmax(0, 4fr); }
.worst { display: grid; gap: 14px;
  grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); }
.areas { font-size: 13px; }
.areas th, .areas td { padding: 3px 18px 3px 0; text-align: left; }
.areas .number { text-align: right; }
@media print {
  @page { size: A4; margin: 11mm; }
  h1 { font-size: 20px; }
  h2 { font-size: 14px; margin: 12px 0 4px; }
  .figures td, .areas td { line-height: 1.25; }
  .figures td:nth-child(2) { font-size: 12px; }
  .charts svg { max-height: 110px; }
  .worst { grid-template-columns: repeat(5, 1fr); gap: 8px; }
  .worst figcaption { font-size: 9px; line-height: 1.25; }
}
"""


@dataclass(frozen=True)
class Case:
    """A region to look at: its number, its surroundings, and why."""

    number: int
    picture: Picture
    why: str = ''


@dataclass(frozen=True)
class SlideReport:
    """What the page shows.

    Parameters
    ----------
    overview
        The slide, or the part of it that was looked at.
    cases
        The worst first.
    name
        What the slide is called on the page; None names nothing.
    minutes
        Spent on the decisions.
    notes
        Sentences on how the regions were found: model, threshold, budget.
    """

    table: RegionTable
    outlines: Outlines
    overview: Picture
    verdicts: Verdicts = field(default_factory=Verdicts)
    cases: tuple[Case, ...] = ()
    name: str | None = None
    minutes: float | None = None
    notes: tuple[str, ...] = ()


def write_report(path: Path, report: SlideReport) -> None:
    """Write the page, with all of its pictures inside.

    Raises
    ------
    BadInputError
        Where it cannot be written.
    """
    with whole_file(path) as stream:
        stream.write(render_report(report))


def render_report(report: SlideReport) -> str:
    """The page as HTML, without any outer resource."""
    title = escape(report.name or NAMELESS)
    body = [
        _head(report, title),
        '<div class="top">',
        _overview(report),
        '<div>',
        _counts(report),
        _areas(report),
        '</div></div>',
        *_distributions(report.table),
        *_worst(report),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f'<title>{title}</title><style>{STYLE}{_STYLE}</style></head>\n'
        f'<body><main>\n{"".join(body)}\n</main></body></html>\n'
    )


def _head(report: SlideReport, title: str) -> str:
    notes = ''.join(f'<p>{escape(note)}</p>' for note in report.notes)
    return (
        f'<header><h1>{title}</h1>{notes}<p class="quiet">Research use only; '
        'not for diagnosis.</p></header>'
    )


def _sides(report: SlideReport) -> dict[str, Bools]:
    """For each of ``KINDS`` which regions are of it, ``(N,)``."""
    told = [report.verdicts.of(n) or 'open' for n in report.table.number]
    return {kind: np.array([t == kind for t in told], bool) for kind in KINDS}


def _overview(report: SlideReport) -> str:
    outlines: dict[str, Iterable[Any]] = {
        kind: [
            report.outlines.polygon(int(number))
            for number in report.table.number[which]
        ]
        for kind, which in reversed(_sides(report).items())
    }
    outlines['missed'] = [area for area, _ in report.verdicts.missed]
    key = ''.join(
        f'<span><svg viewBox="0 0 26 8"><path class="{kind}" d="M0 4h26"/>'
        f'</svg> {name}</span>'
        for kind, name in (*KINDS.items(), ('missed', 'Missed'))
    )
    return (
        '<section><h2>Overview</h2><figure>'
        f'{outlined(report.overview, outlines, "Regions on the slide")}'
        f'</figure><p class="key quiet">{key}</p></section>'
    )


def _counts(report: SlideReport) -> str:
    sides = {kind: int(w.sum()) for kind, w in _sides(report).items()}
    missed = len(report.verdicts.missed)
    rows = [('Regions', str(len(report.table)), 'found by the model')]
    rows += [(KINDS[kind], str(count), '') for kind, count in sides.items()]
    rows.append(('Missed', str(missed), 'added by hand'))
    if report.minutes is not None:
        rows.append(('Minutes', f'{report.minutes:.1f}', 'spent deciding'))
        decided = sides['accepted'] + sides['rejected'] + missed
        if report.minutes > 0 and decided:
            pace = f'{decided / report.minutes:.1f}'
            rows.append(('Per minute', pace, 'regions decided or added'))
    lines = ''.join(
        f'<tr><td>{name}</td><td class="number">{count}</td>'
        f'<td class="quiet">{meaning}</td></tr>'
        for name, count, meaning in rows
    )
    return (
        '<section><h2>Counts</h2>'
        f'<table class="figures"><tbody>{lines}</tbody></table></section>'
    )


def _areas(report: SlideReport) -> str:
    """Sums of areas, by decision and by class."""
    table = report.table
    known = table.unit == 'µm'
    scale, unit, small = (1e6, 'mm²', 'µm²') if known else (1, 'px²', 'px²')
    total = table.area.sum()
    groups = {'All': np.ones(len(table), bool)}
    groups |= {KINDS[kind]: which for kind, which in _sides(report).items()}
    if len(table.roi_classes) > 1:
        names = np.array(class_names(table))
        groups |= {f'Class {c}': names == c for c in table.roi_classes}
    rows = [
        (
            escape(name),
            table.area[which].sum() / scale,
            table.area[which].sum() / total if total else math.nan,
            np.median(table.area[which]) if which.any() else math.nan,
        )
        for name, which in groups.items()
    ]
    missed = np.array([area.area for area, _ in report.verdicts.missed])
    if len(missed):
        missed *= _square_um(table)
        median = float(np.median(missed))
        rows.append(('Missed', missed.sum() / scale, math.nan, median))
    lines = ''.join(
        f'<tr><td>{name}</td><td class="number">{area:.4g}</td>'
        f'<td class="number">{_known(share, ".1%")}</td>'
        f'<td class="number">{_known(median, ",.0f")}</td></tr>'
        for name, area, share, median in rows
    )
    return (
        '<section><h2>Area</h2><table class="areas"><thead><tr><th></th>'
        f'<th class="number">{unit}</th>'
        '<th class="number">Share of all</th>'
        f'<th class="number">Median region, {small}</th></tr></thead>'
        f'<tbody>{lines}</tbody></table></section>'
    )


def _square_um(table: RegionTable) -> float:
    """Area of a level-0 pixel in the table's unit."""
    frame = table.frame
    if frame.pixel_um2 is None:
        return 1.0
    return frame.pixel_um2 / (frame.step_y * frame.step_x)


def _known(value: float, form: str) -> str:
    return '' if math.isnan(value) else format(value, form)


def _distributions(table: RegionTable) -> Iterator[str]:
    if not len(table):
        return
    sure = table.mean_probability[np.isfinite(table.mean_probability)]
    counts, _ = np.histogram(sure, BARS, (0, 1))
    tenths = [(k / 5, f'{k / 5:g}') for k in range(6)]
    area = np.log10(table.area)
    first, last = math.floor(area.min()), math.floor(area.max()) + 1
    sizes, _ = np.histogram(area, BARS, (first, last))
    decades = [
        (
            (k - first) / (last - first),
            _known(10.0**k, ',.0f' if k > -1 else 'g'),
        )
        for k in range(first, last + 1)
    ]
    unit = table.unit
    yield (
        '<section><h2>Distribution</h2><div class="charts">'
        '<figure><h3>Probability</h3>'
        f'{bars(counts, tenths, "mean probability of a region", "regions")}'
        '</figure><figure><h3>Area</h3>'
        f'{bars(sizes, decades, f"area of a region ({unit}²)", "regions")}'
        '</figure></div></section>'
    )


def _worst(report: SlideReport) -> Iterator[str]:
    if not report.cases:
        return
    table = report.table
    rows = dict(zip(table.number.tolist(), range(len(table)), strict=True))
    names = class_names(table)
    figures = []
    for case in report.cases:
        row, number = rows[case.number], case.number
        kind = report.verdicts.of(number) or 'open'
        outline = {kind: [report.outlines.polygon(number)]}
        reason = report.verdicts.rejected.get(number, '')
        told = [
            names[row],
            f'{table.area[row]:,.0f} {table.unit}²',
            f'probability {table.mean_probability[row]:.2f}',
            KINDS[kind].lower() + (f' ({reason})' if reason else ''),
            *([case.why] if case.why else []),
        ]
        figures.append(
            f'<figure>{outlined(case.picture, outline, f"Region {number}")}'
            f'<figcaption><b>Region {number}</b> {escape(", ".join(told))}'
            '</figcaption></figure>'
        )
    yield (
        '<section><h2>Worst cases</h2><div class="worst">'
        f'{"".join(figures)}</div></section>'
    )
