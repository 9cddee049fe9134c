"""What rejecting regions is worth: false positives before and after.

    python benchmarks/correct_false_positives.py GLAS/labels.csv \
        --output runs/fp
    python benchmarks/correct_false_positives.py CAMELYON/patches_256.csv \
        --negative normal --groups tumor_064 tumor_073 \
        --also CAMELYON/patches_512.csv --output runs/fp-camelyon

A reviewer looks at the regions that a model marks on images to learn from,
most suspicious first over all images, and rejects those that lie mostly
outside of the truth (on fully negative images: all) until she has rejected
``--rejected`` of them; what she passes on the way is accepted. Rejected
regions become fully negative fields of a project, accepted ones fields of
their image's class, as the Review form does it; the images carry their labels,
too. A quick training follows. The area of false
positives and F1 on other images (another split, or other groups) are told
before and after, and what became of the rejected regions. Regions smaller
than ``--least`` µm² are left out: crumbs teach nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from PIL import Image
from scipy.stats import rankdata
from taught import end_of, figures_of, settings_of, train

from napari_wsol.inference.predicting import predict
from napari_wsol.inference.settings import PredictionSettings
from napari_wsol.inference.summary import class_probabilities
from napari_wsol.models.folder import read_folder
from napari_wsol.models.library import DEFAULT_MODEL, find_model
from napari_wsol.models.loading import LoadedModel, load_model
from napari_wsol.projects.project import Project
from napari_wsol.regions.changes import Marked, changes
from napari_wsol.regions.decisions import Decision, decide
from napari_wsol.regions.extraction import extract
from napari_wsol.regions.feedback import labelled_fields
from napari_wsol.regions.relevance import weighed
from napari_wsol.regions.stored import stored_result
from napari_wsol.regions.suspicion import suspicion
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.opening import open_slide
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.training.table import Row, read_table

NEGATIVE = 'background'
FALSE = 0.5
"""Share of a region outside of the truth from which on it is rejected."""

TOLD = 'fp', 'f1_foreground', 'f1_background', 'pxap', 'negative_foreground'


@dataclass(frozen=True)
class Seen:
    """A region as the reviewer sees it."""

    row: Row
    score: float
    polygon: shapely.Polygon
    is_false: bool

    @property
    def area_um2(self) -> float:
        """In µm², or level-0 pixels where their size is not known."""
        return self.polygon.area * (self.row.mpp or 1.0) ** 2


def auroc(seen: list[Seen]) -> float:
    """How well suspicion tells false regions from true ones."""
    ranks = rankdata([each.score for each in seen])
    false = np.array([each.is_false for each in seen])
    n = int(false.sum())
    if n in (0, len(seen)):
        return float('nan')
    over = ranks[false].sum() - n * (n + 1) / 2
    return float(over / (n * (len(seen) - n)))


def marked(row: Row, model: LoadedModel, store: Path) -> tuple[Marked, Any]:
    """The regions that a model marks in an image, and their suspicion."""
    shutil.rmtree(store, ignore_errors=True)
    size = PixelSize(row.mpp, row.mpp, 'data table') if row.mpp else None
    with closing(open_slide(row.image, size)) as slide:
        found = end_of(
            predict(slide, model, store, PredictionSettings(tissue_only=False))
        )
    result = stored_result(found)
    table, outlines = end_of(
        extract(result.maps, found.threshold, result.frame, found.roi_classes)
    )
    if result.maps.scores is not None:
        table = end_of(
            weighed(
                table,
                outlines,
                np.asarray(result.maps.scores[0]),
                result.cell_step,
                lambda cells: class_probabilities(cells, model),
            )
        )
    return (table, outlines), suspicion(table)


def truth_of(row: Row) -> np.ndarray:
    """Whether each level-0 pixel is ROI; none is where there is no mask."""
    if row.mask is None:
        with Image.open(row.image) as opened:
            return np.zeros((opened.height, opened.width), bool)
    with Image.open(row.mask) as opened:
        return np.asarray(opened.convert('L')) > 0


def share_true(polygon: shapely.Polygon, truth: np.ndarray) -> float:
    """Share of a polygon's pixels that are ROI."""
    left, top, right, bottom = (round(each) for each in polygon.bounds)
    ys, xs = np.mgrid[top:bottom, left:right]
    ys, xs = ys.ravel(), xs.ravel()
    inside = shapely.contains_xy(polygon, xs + 0.5, ys + 0.5)
    inside &= (ys < truth.shape[0]) & (xs < truth.shape[1])
    return float(truth[ys[inside], xs[inside]].mean()) if inside.any() else 0.0


def seen_regions(
    rows: list[Row], model: LoadedModel, folder: Path, negative: str
) -> Iterator[Seen]:
    """All regions of the images of which the truth is known."""
    for row in rows:
        if row.mask is None and row.label != negative:
            continue
        (table, outlines), ranked = marked(row, model, folder / 'store.zarr')
        truth = truth_of(row)
        for place in range(len(table)):
            polygon = outlines.polygon(int(table.number[place]))
            yield Seen(
                row,
                float(ranked.score[place]),
                polygon,
                1 - share_true(polygon, truth) >= FALSE,
            )


def review(seen: list[Seen], wanted: int) -> list[tuple[Seen, Decision]]:
    """Decide on the most suspicious ones until enough are rejected."""
    told: list[tuple[Seen, Decision]] = []
    rejected = 0
    for each in sorted(seen, key=lambda each: -each.score):
        if rejected == wanted:
            break
        rejected += each.is_false
        kind = 'rejected' if each.is_false else 'accepted'
        reason = 'other' if each.is_false else ''
        told.append((each, decide(kind, each.polygon, reason=reason)))
    return told


def teach(
    project: Project, told: list[tuple[Seen, Decision]], negative: str
) -> int:
    """Put the fields that follow from decisions into a project."""
    count = 0
    for row in dict.fromkeys(each.row for each, _ in told):
        decisions = [d for each, d in told if each.row is row]
        with Image.open(row.image) as opened:
            bounds = Box(0, 0, opened.height, opened.width)
        side = project.settings.field_side_um / (row.mpp or 1.0)
        label = None if row.label == negative else row.label
        fields = labelled_fields(
            decisions, (side, side), bounds, NEGATIVE, label
        )
        if fields:
            project.add_fields(row.image, fields, mpp=row.mpp)
            count += len(fields)
    return count


def split(source: Path, groups: list[str]) -> tuple[list[Row], list[Row]]:
    """Images to review, and others to measure on: by group or as told."""
    rows = [row for row in read_table(source).rows if row.field is None]
    first = [
        row.group in groups if groups else row.split == 'train' for row in rows
    ]
    return (
        [row for row, of_it in zip(rows, first, strict=True) if of_it],
        [row for row, of_it in zip(rows, first, strict=True) if not of_it],
    )


def main() -> None:
    """Parse the command line, review, teach, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', type=Path, help='CSV with masks')
    parser.add_argument('--output', type=Path, required=True)
    parser.add_argument('--start', default=DEFAULT_MODEL, help='model')
    parser.add_argument('--rejected', type=int, default=20)
    parser.add_argument(
        '--least', type=float, default=288, help='µm²: half a field'
    )
    parser.add_argument('--negative', default='', help='fully negative label')
    parser.add_argument('--groups', nargs='+', default=[], help='to review')
    parser.add_argument('--also', type=Path, help='CSV: measured, too')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument('--set', nargs='*', default=[], metavar='KEY=VALUE')
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    parent = find_model(given.start).path
    model = load_model(read_folder(parent))
    learn, other = split(given.source, given.groups)
    whole = list(seen_regions(learn, model, given.output, given.negative))
    seen = [each for each in whole if each.area_um2 >= given.least]
    false = sum(each.is_false for each in seen)
    print(f'suspicion: AUROC {auroc(whole):.2f} of all {len(whole)} regions,')
    print(f'{auroc(seen):.2f} of the {len(seen)} that are large enough')
    told = review(seen, given.rejected)
    rejected = sum(d.kind == 'rejected' for _, d in told)
    print(
        f'{len(seen)} regions on {len(learn)} images, {false} of them false; '
        f'{len(told)} looked at, {rejected} rejected '
        f'({false / max(1, len(seen)):.0%} false at random order)'
    )
    if given.also is not None:
        other += read_table(given.also).rows
    measured = renamed(other, given)
    lines = {'before': figures_of(parent, measured)}
    for seed in given.seeds:
        folder = given.output / f'project-{seed}'
        shutil.rmtree(folder, ignore_errors=True)
        with Project.create(
            folder, parent=parent, seed=seed, negative_class=NEGATIVE
        ) as project:
            for name in {row.label for row in learn} - {given.negative}:
                if name not in project.settings.class_names:
                    project.add_class(name)
            for label in {row.label for row in learn}:
                images = [row.image for row in learn if row.label == label]
                name = NEGATIVE if label == given.negative else label
                project.add_images(images, mpp=learn[0].mpp, label=name)
            fields = teach(project, told, given.negative)
            began = time.perf_counter()
            found = train(project, 'quick', settings_of(given.set), learn[0])
            seconds = time.perf_counter() - began
            after = load_model(read_folder(found.model))
        lines[f'after, seed {seed}'] = figures_of(found.model, measured)
        print(f'{fields} fields; trained in {seconds:.0f} s;', end=' ')
        print(fate(told, model, after, given.output))
    names = [n for n in TOLD if lines['before'].get(n) is not None]
    print(f'| other images ({len(measured)}) | {" | ".join(names)} |')
    print('|---|' + '---|' * len(names))
    for line, figures in lines.items():
        cells = ' | '.join(f'{figures[name]:.1f}' for name in names)
        print(f'| {line} | {cells} |')
    path = given.output / 'correct-false-positives.json'
    path.write_text(json.dumps(lines, indent=2, default=str))


def renamed(rows: list[Row], given: argparse.Namespace) -> list[Row]:
    """Fully negative images bear the model's own name for that."""
    return [
        replace(row, label=NEGATIVE) if row.label == given.negative else row
        for row in rows
    ]


def fate(
    told: list[tuple[Seen, Decision]],
    before: LoadedModel,
    after: LoadedModel,
    folder: Path,
) -> str:
    """What became of the rejected regions, over all reviewed images."""
    gone = remaining = new = 0
    for row in dict.fromkeys(each.row for each, _ in told):
        decisions = [d for each, d in told if each.row is row]
        old, _ = marked(row, before, folder / 'store.zarr')
        now, _ = marked(row, after, folder / 'store.zarr')
        found = changes(decisions, old, now)
        gone += len(found.gone)
        remaining += len(found.remaining)
        new += len(found.new)
    return f'{gone} of {gone + remaining} rejected are gone, {new} are new'


if __name__ == '__main__':
    main()
