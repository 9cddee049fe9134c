"""Train every method on image labels, and set it beside the published.

    python benchmarks/methods_table.py GLAS/labels.csv --output runs/methods

Trains on the split ``train``, three seeds each, and measures on ``val``;
masks are for measuring only. What is done is kept in the output folder: the
same command goes on where it was stopped. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import time
from dataclasses import asdict, dataclass, field
from math import nan
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from napari_wsol.evaluation.run import choose_rows, evaluate_model
from napari_wsol.inference.settings import PredictionSettings
from napari_wsol.models.library import find_model
from napari_wsol.models.loading import load_model
from napari_wsol.training.recipes import configure
from napari_wsol.training.runner import train
from napari_wsol.training.table import read_table

SHOWN = ('classification_error', 'f1_foreground', 'f1_background', 'pxap')
FALSE_POSITIVES = 'fp'


@dataclass(frozen=True)
class Line:
    """A line of the table: what is trained, and how its map is read."""

    title: str
    method: str
    settings: dict[str, Any] = field(default_factory=dict)
    map: str = 'localizer'
    published: str = ''

    @property
    def run(self) -> str:
        """Folder of its training; lines may share one."""
        extra = [f'{k}-{v}' for k, v in sorted(self.settings.items())]
        return '-'.join([self.method, *extra])


def _cam(title: str, pooling: str, published: str) -> Line:
    return Line(title, 'cam', {'pooling': pooling}, published=published)


LINES = (
    _cam('CAM (GAP)', 'gap', '0.0 / 66.9 / 17.9; PxAP 64.4'),
    _cam('Max', 'max', '1.3 / 66.0 / 26.3; PxAP 46.2'),
    _cam('LSE', 'lse', '1.3 / 66.1 / 27.9; PxAP 59.1'),
    _cam('WILDCAT', 'wildcat', '1.3 / 67.2 / 23.0; PxAP 60.1'),
    _cam('Deep MIL', 'attention', '2.5 / 68.5 / 41.3; PxAP 64.7'),
    Line(
        'Grad-CAM',
        'cam',
        {'pooling': 'gap'},
        'grad-cam',
        '0.0 / 66.3 / 21.3; PxAP 70.0',
    ),
    Line('Grad-CAM++', 'cam', {'pooling': 'gap'}, 'grad-cam++', 'PxAP 70.7'),
    Line('LayerCAM', 'cam', {'pooling': 'gap'}, 'layer-cam', 'PxAP 70.9'),
    Line('Min-max entropy', 'min-max-entropy'),
    Line(
        'Max-min uncertainty',
        'max-min-uncertainty',
        published='0.0 / 71.9 / 69.2; PxAP 81.2',
    ),
    Line('NEGEV', 'negev', published='PxAP 82.0'),
    Line('Pseudo-label', 'pseudo-label'),
    Line('Self-taught', 'self-taught'),
)
"""Published: error / F1+ / F1- of TMI (ResNet-18), PxAP of NEGEV's table
(ResNet-50), on the 80 test images."""


SHARED: dict[str, list[tuple[str, dict[str, Any], tuple[str, ...]]]] = {
    'pseudo-label': [('max-min-uncertainty', {}, ('localizer',))],
    'negev': [('max-min-uncertainty', {}, ('localizer',))],
    'self-taught': [('max-min-uncertainty', {}, ('localizer',))],
}
"""Lines whose first stages are all of another line: its stages' folders."""


def measure(
    line: Line, source: Path, output: Path, seed: int, threads: int | None
) -> dict[str, float]:
    """Train (or take what is there) and evaluate one line, one seed."""
    run = output / f'{line.run}-{seed}'
    result = run / f'result-{line.map}.json'
    if result.exists():
        return json.loads(result.read_text())
    seconds = train_once(line, source, run, seed, threads)
    table = read_table(source)
    report = evaluate_model(
        load_model(find_model(str(run / 'model'))),
        choose_rows(table, 'val'),
        PredictionSettings(map=line.map),
    )
    figures = {'seconds': seconds, **asdict(report)}
    result.write_text(json.dumps(figures, indent=2))
    return figures


def train_once(
    line: Line, source: Path, run: Path, seed: int, threads: int | None
) -> float:
    """Seconds of training; goes on with a run that was stopped."""
    clock = run / 'seconds.txt'
    if clock.exists():
        return float(clock.read_text())
    config = configure(
        line.method, seed=seed, threads=threads, **line.settings
    )
    began = time.perf_counter()
    resume = (run / 'config.json').exists()
    if not resume:
        next(iter(train(source, config, run)))
        shared = take_stages(line, run, seed)
    for _ in train(source, config, run, resume=True):
        pass
    seconds = shared + time.perf_counter() - began if not resume else nan
    clock.write_text(f'{seconds:.1f}')
    return seconds


def take_stages(line: Line, run: Path, seed: int) -> float:
    """Take the first stages that another line has trained just so.

    The same settings and seed give the same weights, so that they need not
    be trained twice. Gives the seconds that they took.
    """
    for method, settings, stages in SHARED.get(line.method, ()):
        other = run.with_name(f'{Line("", method, settings).run}-{seed}')
        if not (other / 'seconds.txt').exists():
            continue
        for stage in stages:
            for part in other.glob(f'{stage}*'):
                shutil.copytree(part, run / part.name)
        return float((other / 'seconds.txt').read_text())
    return 0.0


def print_table(
    results: list[tuple[Line, list[dict[str, float]]]],
) -> None:
    """Means over seeds, with their standard deviation, in Markdown."""
    print(
        '| method | error % | F1+ | F1- | PxAP | false positives % '
        '| minutes | published: error / F1+ / F1- |'
    )
    print('|---|---|---|---|---|---|---|---|')
    for line, runs in results:
        cells = [
            spread([run[name] for run in runs])
            for name in (*SHOWN, FALSE_POSITIVES)
        ]
        minutes = mean(run['seconds'] for run in runs) / 60
        print(
            f'| {line.title} | {" | ".join(cells)} | {minutes:.1f} '
            f'| {line.published or "-"} |'
        )


def spread(values: list[float]) -> str:
    """Mean, and the standard deviation where there are several."""
    if len(values) < 2:
        return f'{values[0]:.1f}'
    return f'{mean(values):.1f} ±{stdev(values):.1f}'


def fold_table(source: Path, folds: Path, fold: int, output: Path) -> Path:
    """The table with the splits of another fold."""
    with folds.open(newline='') as file:
        subset = {
            row['image']: row['subset']
            for row in csv.DictReader(file)
            if int(row['fold']) == fold
        }
    output.mkdir(parents=True, exist_ok=True)
    path = output / f'fold-{fold}.csv'
    with source.open(newline='') as file:
        rows = list(csv.DictReader(file))
    with path.open('w', newline='') as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        for row in rows:
            if row['image'] not in subset:
                continue
            split = subset[row['image']]
            writer.writerow(
                {
                    **row,
                    'image': (source.parent / row['image']).resolve(),
                    'mask': (source.parent / row['mask']).resolve(),
                    'split': 'val' if split.startswith('val') else split,
                }
            )
    return path


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', type=Path, help='CSV with masks and splits')
    parser.add_argument('--output', type=Path, required=True)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--only', nargs='+', help='titles of lines')
    parser.add_argument('--threads', type=int)
    parser.add_argument('--folds', type=Path, help='CSV: fold,subset,image')
    parser.add_argument('--fold', type=int, default=0)
    given = parser.parse_args()
    source, output = given.source, given.output
    if given.folds is not None:
        output = output / f'fold-{given.fold}'
        source = fold_table(source, given.folds, given.fold, output)
    lines = [x for x in LINES if not given.only or x.title in given.only]
    for seed in given.seeds:
        for line in lines:
            result = measure(line, source, output, seed, given.threads)
            print(line.title, seed, [result[name] for name in SHOWN])
    print_table(
        [
            (
                line,
                [
                    measure(line, source, output, seed, given.threads)
                    for seed in given.seeds
                ],
            )
            for line in lines
        ]
    )


if __name__ == '__main__':
    main()
