"""What clicks teach, in the order that the plugin suggests and at random.

    python benchmarks/clicks.py GLAS/labels.csv --output runs/clicks
    python benchmarks/clicks.py GLAS/labels.csv --output runs/curve \
        --counts 10 25 50 100 200 --seeds 0 1 2 3 4

An annotator (``annotator.py``) clicks fields of the images of the split
``train`` in a project that starts from a model. She asks what to label next,
some fields at a time, or clicks anywhere; where a place is not clearly gland
or background she clicks beside it, or passes on. After each count a model is
trained; unless the verdict is "worse" she keeps it, and it suggests from then
on. A share of the clicks is held out, as always in a project. Measured on the
split ``val`` with masks, which the project never sees.

Prints the figures after each count, the seconds from the last click to the
new mask of one image (training, comparison, one prediction), and those of
asking. What is done is kept in the output folder: the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

from annotator import BACKGROUND, Annotator
from methods_table import spread
from taught import (
    HEADINGS,
    SHOWN,
    NotYet,
    end_of,
    figures_of,
    settings_of,
    train,
)

from napari_wsol.evaluation.run import choose_rows
from napari_wsol.models.folder import read_folder
from napari_wsol.models.library import DEFAULT_MODEL, find_model
from napari_wsol.models.loading import load_model
from napari_wsol.projects.lineage import keep
from napari_wsol.projects.project import Project
from napari_wsol.projects.runs import (
    candidates,
    discard,
    read_comparison,
    unfinished_runs,
)
from napari_wsol.projects.verdict import verdict
from napari_wsol.slides.geometry import Box
from napari_wsol.training.suggesting import suggest
from napari_wsol.training.table import Row, read_table

ORDERS = 'suggested', 'random'
ENCODER = 'encoder'

Place = tuple[Path, Box]


@dataclass
class Session:
    """One annotator at one project.

    Parameters
    ----------
    batch
        Fields that she asks for at a time.
    seconds_asking
        Spent on suggestions so far, of the last count.
    """

    project: Project
    annotator: Annotator
    order: str
    batch: int
    seed: int
    seconds_asking: float = 0.0

    def click_until(self, count: int) -> None:
        """Label fields until there are so many."""
        self.seconds_asking = 0.0
        passed: set[Place] = set()
        while len(self.project.labelled()) < count:
            fresh = [
                place
                for place in self._places(len(passed))
                if place not in passed
            ]
            if not fresh:
                raise SystemExit('There is nothing left to click.')
            for place in fresh:
                if len(self.project.labelled()) == count:
                    return
                if not self._click(*place):
                    passed.add(place)

    @property
    def _asks(self) -> bool:
        """Whether there is a model to ask."""
        return self.order == 'suggested' and self.project.parent is not None

    def _click(self, image: Path, wanted: Box) -> bool:
        """Label a field at or beside a place, unless nothing is clear."""
        items = self.project.labelled()
        taken = [i.field for i in items if i.image == image and i.field]
        found = self.annotator.click(image, wanted, taken)
        if found is not None:
            row = self.annotator.rows[image]
            self.project.add_field(image, *found, mpp=row.mpp)
        return found is not None

    def _places(self, passed: int) -> Iterator[Place]:
        """Where to click next."""
        rows = self.annotator.rows
        if not self._asks:
            yield from self._anywhere(passed)
            return
        began = time.perf_counter()
        suggestions = end_of(
            suggest(
                [(image, row.mpp) for image, row in rows.items()],
                self.project.labelled(),
                load_model(read_folder(self.project.parent)),
                self.batch + passed,
                side_um=self.project.settings.field_side_um,
            )
        )
        self.seconds_asking += time.perf_counter() - began
        for suggestion in suggestions:
            yield Path(suggestion.image), suggestion.box

    def _anywhere(self, passed: int) -> Iterator[Place]:
        """Places at random, the same ones where a run is gone on with."""
        labelled = len(self.project.labelled())
        rng = random.Random(f'{self.seed} {labelled} {passed}')
        images = sorted(self.annotator.rows)
        for _ in range(self.batch):
            image = rng.choice(images)
            side = self.annotator.side(image)
            height, width = self.annotator.shape(image)
            y, x = rng.uniform(0, height - side), rng.uniform(0, width - side)
            yield image, Box(y, x, side, side)


def measure(
    given: argparse.Namespace,
    order: str,
    seed: int,
    annotator: Annotator,
    rows: tuple[Row, ...],
) -> list[dict[str, Any]]:
    """The figures after each count, for one order and seed."""
    name = f'{order}-{given.speed}-{seed}'
    path = given.output / f'{name}.json'
    points = json.loads(path.read_text()) if path.exists() else []
    if [point['clicks'] for point in points] != given.counts[: len(points)]:
        raise SystemExit(f'{path} has other counts: choose another output.')
    with opened(given, given.output / name, seed, annotator) as project:
        for run in unfinished_runs(project):
            discard(project, run)
        for run in candidates(project):
            settle(project, run, points)
        session = Session(project, annotator, order, given.batch, seed)
        for count in given.counts[len(points) :]:
            session.click_until(count)
            points.append(learned(given, session, count, rows))
            path.write_text(json.dumps(points, indent=2))
            for run in candidates(project):
                settle(project, run, points)
            shown = [round(points[-1][name], 1) for name in SHOWN]
            print(name, count, shown, points[-1]['verdict'], flush=True)
    return points


def learned(
    given: argparse.Namespace,
    session: Session,
    count: int,
    rows: tuple[Row, ...],
) -> dict[str, Any]:
    """The figures after a training; of the model before, if there is none."""
    project = session.project
    labels = [item.label for item in project.labelled()]
    point = {
        'clicks': count,
        'on background': labels.count(BACKGROUND),
        'seconds_asking': session.seconds_asking,
    }
    try:
        found = train(project, given.speed, settings_of(given.set), rows[0])
    except NotYet as words:
        if project.parent is None:
            raise SystemExit(f'After {count} clicks: {words}') from words
        return {
            **point,
            'run': None,
            'verdict': str(words),
            'seconds': nan,
            'seconds_to_mask': nan,
            **figures_of(project.parent, rows),
        }
    return {
        **point,
        'run': found.run.name,
        'verdict': verdict(found.comparison).kind,
        'seconds': found.seconds,
        'seconds_to_mask': found.seconds_to_mask,
        **figures_of(found.model, rows),
    }


def settle(project: Project, run: Path, points: list[dict[str, Any]]) -> None:
    """Keep a model that was measured, unless it is worse."""
    for point in points:
        if point['run'] == run.name and point['verdict'] != 'worse':
            name = f'{point["clicks"]} clicks'
            keep(project, run, name, read_comparison(run))
            return
    discard(project, run)


def opened(
    given: argparse.Namespace, folder: Path, seed: int, annotator: Annotator
) -> Project:
    """The annotator's project, made where there is none."""
    if folder.exists():
        return Project.open(folder)
    labels = sorted({row.label for row in annotator.rows.values()})
    start = None
    if given.start != ENCODER:
        start = find_model(given.start).path
    return Project.create(
        folder,
        classes=labels,
        negative_class=BACKGROUND,
        parent=start,
        field_side_um=given.side,
        seed=seed,
    )


def print_table(runs: dict[str, list[list[dict[str, Any]]]]) -> None:
    """Means over seeds, with their standard deviation, in Markdown."""
    headings = ('clicks', 'order', *HEADINGS, 'seconds to mask', 'asking')
    print(f'| {" | ".join(headings)} |')
    print('|' + '---|' * len(headings))
    names = (*SHOWN, 'seconds_to_mask', 'seconds_asking')
    counts = [point['clicks'] for point in next(iter(runs.values()))[0]]
    for number, count in enumerate(counts):
        for order, found in runs.items():
            cells = [
                spread([points[number][name] for points in found])
                for name in names
            ]
            print(f'| {count} | {order} | {" | ".join(cells)} |')


def main() -> None:
    """Parse the command line, measure, print."""
    given = _arguments()
    given.output.mkdir(parents=True, exist_ok=True)
    table = read_table(given.source)
    rows = choose_rows(table, 'val')[: given.only]
    annotator = Annotator(
        choose_rows(table, 'train')[: given.only], given.side
    )
    if given.start != ENCODER:
        before = figures_of(find_model(given.start).path, rows)
        print('before', [round(before[name], 1) for name in SHOWN], flush=True)
    runs: dict[str, list[list[dict[str, Any]]]] = {o: [] for o in given.orders}
    for seed in given.seeds:
        for order in given.orders:
            runs[order].append(measure(given, order, seed, annotator, rows))
    print_table(runs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('source', type=Path, help='CSV with masks and splits')
    parser.add_argument('--output', type=Path, required=True)
    parser.add_argument(
        '--start', default=DEFAULT_MODEL, help=f'model, or "{ENCODER}"'
    )
    parser.add_argument('--speed', choices=('quick', 'full'), default='quick')
    parser.add_argument('--orders', nargs='+', choices=ORDERS, default=ORDERS)
    parser.add_argument(
        '--counts', type=int, nargs='+', default=[50, 100, 200]
    )
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--side', type=float, default=24.0, help='µm')
    parser.add_argument('--batch', type=int, default=20, help='asked for')
    parser.add_argument(
        '--set', nargs='*', default=[], metavar='KEY=VALUE', help='settings'
    )
    parser.add_argument(
        '--only', type=int, help='images of each split, for a rehearsal'
    )
    return parser.parse_args()


if __name__ == '__main__':
    main()
