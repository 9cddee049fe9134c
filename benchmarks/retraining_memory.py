"""Whether memory stays flat over many quick retrainings in the viewer.

    python benchmarks/retraining_memory.py [--times 50] [--set KEY=VALUE ...]

A real viewer, the Fine-tune widget and its engines: a small project of
painted tissue is trained, the image looked at with both models, and the new
model discarded, again and again. Prints the memory of the viewer's process
and of both engines after each time, with the viewer's Qt widgets and threads,
and whether each grows: by a straight line through all but the first times.
Needs a display; without one, run it under ``xvfb-run -a``.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
import psutil
from event_loop import run_loop
from made_project import made_project
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from napari_wsol.widgets.fine_tune import FineTuneWidget
from napari_wsol.widgets.session import session_of
from napari_wsol.widgets.training_panel import TrainingPanel

PATIENCE = 1800
"""Seconds that one training may take."""

MB = 'viewer MB', 'engine MB', 'trainer MB'
COUNTED = 'widgets', 'viewer threads', 'trainer threads'

FEWEST = 8
"""Times that count, below which nothing can be said."""

GROWTH = 0.02
"""Of the mean, in ``PER`` trainings, from which on it is not flat."""

PER = 50
"""So that the answer does not depend on how many were done."""


def main() -> None:
    """Measure and print."""
    given = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        rows = retrain(Path(folder), given)
    if given.output is not None:
        given.output.write_text(json.dumps(rows, indent=2))
    print(f'\n| | first | last | per training, ±2 SE | in {PER} | |')
    print('|---|---|---|---|---|---|')
    for name in (*MB, *COUNTED):
        print(line_of(name, [row[name] for row in rows], given.warm_up))


def retrain(folder: Path, given: argparse.Namespace) -> list[dict[str, float]]:
    """What is in use after each training."""
    project = made_project(folder, given.images, given.side)
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1366, 768)
    viewer.open(next(iter(project.items.values())).image, plugin='napari')
    widget = FineTuneWidget(viewer)
    viewer.window.add_dock_widget(widget, name='Fine-tune')
    widget.labelling.set_project(project)
    panel = widget.training
    panel.setup.choose_speed('quick')
    for pair in given.set:
        panel.setup.form.enter(*pair.split('=', 1))
    crew = session_of(viewer).client
    rows: list[dict[str, float]] = []
    print(f'| time | seconds | {" | ".join((*MB, *COUNTED))} |')
    print('|' + '---|' * (2 + len(MB) + len(COUNTED)))
    for number in range(1, given.times + 1):
        seconds = train_once(panel)
        gc.collect()
        rows.append(in_use(crew.at_hand.pid, crew.trainer.pid))
        cells = [f'{rows[-1][name]:.0f}' for name in (*MB, *COUNTED)]
        print(
            f'| {number} | {seconds:.1f} | {" | ".join(cells)} |', flush=True
        )
    viewer.close()
    run_loop(until=lambda: False, at_most=3)
    project.close()
    return rows


def train_once(panel: TrainingPanel) -> float:
    """Train, look at both models, discard; the seconds it took."""
    began = time.perf_counter()

    def wait(until: Callable[[], bool]) -> None:
        run_loop(until=until, at_most=PATIENCE)
        if not until():
            raise SystemExit(f'It took too long: {panel.outcome.text}')

    panel.train()
    wait(lambda: not panel.is_training)
    if not panel.promotion.is_open:
        raise SystemExit(panel.outcome.text)
    wait(lambda: not panel.is_looking)
    panel.promotion.discard()
    run_loop(until=lambda: False, at_most=1)
    # Done by a running event loop only, which there is none here.
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    return time.perf_counter() - began


def in_use(*engines: int) -> dict[str, float]:
    """Memory in MB, widgets and threads."""
    found = [psutil.Process(), *map(psutil.Process, engines)]
    memory = [process.memory_info().rss / 1e6 for process in found]
    return {
        **dict(zip(MB, memory, strict=True)),
        'widgets': len(QApplication.allWidgets()),
        'viewer threads': found[0].num_threads(),
        'trainer threads': found[-1].num_threads(),
    }


def line_of(name: str, values: list[float], warm_up: int) -> str:
    """A line of the table: whether some numbers grow."""
    counted = np.array(values[warm_up:])
    if len(counted) < FEWEST:
        first, last = values[0], values[-1]
        return f'| {name} | {first:.0f} | {last:.0f} | - | - | too few |'
    times = np.arange(len(counted))
    (slope, start), covariance = np.polyfit(times, counted, 1, cov='unscaled')
    rest = counted - (slope * times + start)
    error = np.sqrt(covariance[0, 0] * (rest**2).sum() / (len(counted) - 2))
    grown = slope * PER
    is_flat = slope <= 2 * error or grown < GROWTH * counted.mean()
    return (
        f'| {name} | {counted[0]:.0f} | {counted[-1]:.0f} '
        f'| {slope:+.3f} ±{2 * error:.3f} | {grown:+.1f} '
        f'| {"flat" if is_flat else "GROWS"} |'
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--times', type=int, default=50)
    parser.add_argument(
        '--warm-up', type=int, default=5, help='first times, not counted'
    )
    parser.add_argument('--images', type=int, default=8)
    parser.add_argument('--side', type=int, default=256, help='of images, px')
    parser.add_argument('--output', type=Path, help='JSON')
    parser.add_argument(
        '--set', nargs='*', default=[], metavar='KEY=VALUE', help='settings'
    )
    return parser.parse_args()


if __name__ == '__main__':
    main()
