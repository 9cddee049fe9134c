"""What a model gains from image labels through a project, and how soon.

    python benchmarks/image_labels.py GLAS/labels.csv --output runs/images

The images of the split ``train`` teach by their labels alone, those of
``val`` are held out; masks measure. Prints the figures of the model to start
from, after a quick training, after the same with its features kept on the
disk already, and after a full one. What is done is kept in the output folder.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from methods_table import spread
from taught import HEADINGS, SHOWN, figures_of, settings_of, train

from napari_wsol.evaluation.run import choose_rows
from napari_wsol.models.library import DEFAULT_MODEL, find_model
from napari_wsol.projects.project import Project
from napari_wsol.projects.runs import discard
from napari_wsol.training.recipes import Speed
from napari_wsol.training.table import Row, read_table

AGAIN = 'quick, features kept'


def measure(
    given: argparse.Namespace, seed: int, rows: tuple[Row, ...]
) -> dict[str, dict[str, Any]]:
    """The figures of each line, for one seed."""
    path = given.output / f'image-labels-{seed}.json'
    lines = json.loads(path.read_text()) if path.exists() else {}
    model = find_model(given.start).path

    def note(line: str, figures: dict[str, Any]) -> None:
        lines[line] = figures
        path.write_text(json.dumps(lines, indent=2))
        print(line, seed, [figures[name] for name in SHOWN], flush=True)

    if 'before' not in lines:
        note('before', figures_of(model, rows))
    speeds: tuple[tuple[str, Speed], ...] = (
        ('quick', 'quick'),
        (AGAIN, 'quick'),
        ('full', 'full'),
    )
    wanted = [pair for pair in speeds if pair[1] in given.speeds]
    for line, speed in wanted:
        if line in lines:
            continue
        folder = given.output / f'project-{seed}'
        if line != AGAIN:
            shutil.rmtree(folder, ignore_errors=True)
        with opened(folder, model, given.source, seed) as project:
            stated = settings_of(given.set)
            if line == AGAIN and not (folder / 'features').exists():
                discard(project, train(project, speed, stated, rows[0]).run)
            found = train(project, speed, stated, rows[0])
            figures = {
                'seconds': found.seconds,
                'seconds_to_mask': found.seconds_to_mask,
                **figures_of(found.model, rows),
            }
            discard(project, found.run)
        note(line, figures)
    return lines


def opened(folder: Path, model: Path, source: Path, seed: int) -> Project:
    """The project with the table's labels, made where there is none."""
    if folder.exists():
        return Project.open(folder)
    project = Project.create(folder, parent=model, seed=seed)
    project.import_table(source)
    return project


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', type=Path, help='CSV with masks and splits')
    parser.add_argument('--output', type=Path, required=True)
    parser.add_argument('--start', default=DEFAULT_MODEL, help='model')
    parser.add_argument('--speeds', nargs='+', default=['quick', 'full'])
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument(
        '--set', nargs='*', default=[], metavar='KEY=VALUE', help='settings'
    )
    parser.add_argument(
        '--only', type=int, help='validation images, for a rehearsal'
    )
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    rows = choose_rows(read_table(given.source), 'val')[: given.only]
    runs = [measure(given, seed, rows) for seed in given.seeds]
    print(f'| image labels | {" | ".join(HEADINGS)} | seconds | to mask |')
    print('|---|---|---|---|---|---|---|')
    for line in runs[0]:
        cells = [spread([run[line][name] for run in runs]) for name in SHOWN]
        for name in ('seconds', 'seconds_to_mask'):
            times = [run[line].get(name) for run in runs]
            cells.append('-' if None in times else spread(times))
        print(f'| {line} | {" | ".join(cells)} |')


if __name__ == '__main__':
    main()
