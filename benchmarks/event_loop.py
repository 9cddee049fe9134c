"""How long the viewer's event loop is held up while an engine computes.

    python benchmarks/event_loop.py [--model NAME] [--size PIXELS]
    python benchmarks/event_loop.py --job train [--set KEY=VALUE ...]

A real viewer shows a large synthetic image. A timer that should fire every
few milliseconds tells how late it fires: while the viewer is idle, while
the view is panned, and while it is panned and the engine predicts, or trains
quickly in a small project with live curves and a preview and then looks with
both models. The aim is a 99th percentile below 50 ms. Needs a display;
without one, run it under ``xvfb-run -a``. The model is the bundled one, or
any of the models folder.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from made_project import MPP as PROJECT_MPP
from made_project import made_project
from qtpy.QtCore import QCoreApplication, QEvent, Qt, QTimer

from napari_wsol.widgets.fine_tune import FineTuneWidget
from napari_wsol.widgets.localize import LocalizeWidget

INTERVAL_MS = 5
PAN_MS = 50
MPP = 1.0

LONGEST = 1800
"""Seconds that a training may take."""


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1366, 768)
    levels = synthetic_pyramid(arguments.size)
    viewer.add_image(
        levels[0] if arguments.single_scale else levels,
        rgb=True,
        multiscale=not arguments.single_scale,
        name='synthetic',
        scale=(MPP, MPP),
        units='um',
    )
    cores = len(os.sched_getaffinity(0))
    print(
        f'{arguments.size} x {arguments.size} px, {cores} cores, other work '
        f'keeps {os.getloadavg()[0]:.1f} of them busy'
    )
    if arguments.job == 'predict':
        while_predicting(viewer, arguments)
    else:
        with tempfile.TemporaryDirectory() as folder:
            while_training(viewer, arguments, Path(folder))
    viewer.close()
    run_loop(until=lambda: False, at_most=1)


def while_predicting(
    viewer: napari.Viewer, arguments: argparse.Namespace
) -> None:
    """Measure with the Localize widget."""
    widget = LocalizeWidget(viewer)
    viewer.window.add_dock_widget(widget, name='Localize')
    if arguments.model is not None and not widget.model.use(arguments.model):
        raise SystemExit(f'There is no model "{arguments.model}".')
    widget.panel.tissue_only = False
    run_loop(until=lambda: widget.engine_is_ready, at_most=180)
    measure('idle', arguments.seconds)
    with Panning(viewer):
        measure('panning', arguments.seconds)
        widget.run()
        run_loop(until=lambda: widget.panel.progress > 0, at_most=180)
        measure(
            'panning while predicting',
            arguments.seconds,
            lambda: not widget.is_running,
        )
    if not widget.is_running:
        print('(the prediction ended before the measurement)')
    widget.cancel()
    run_loop(until=lambda: not widget.is_running, at_most=30)


def while_training(
    viewer: napari.Viewer, arguments: argparse.Namespace, folder: Path
) -> None:
    """Measure with the Fine-tune widget, from Train to both masks."""
    project = made_project(folder)
    widget = FineTuneWidget(viewer)
    viewer.window.add_dock_widget(widget, name='Fine-tune')
    _, y, x = viewer.scene.camera.center
    viewer.open(
        next(iter(project.items.values())).image,
        plugin='napari',
        scale=(PROJECT_MPP, PROJECT_MPP),
        units='um',
        translate=(y, x),
    )
    widget.labelling.set_project(project)
    for layer in viewer.layers:
        layer.visible = True
    panel = widget.training
    panel.setup.choose_speed('quick')
    for pair in arguments.set:
        panel.setup.form.enter(*pair.split('=', 1))
    run_loop(until=lambda: False, at_most=5)
    measure('idle', arguments.seconds)
    with Panning(viewer):
        measure('panning', arguments.seconds)
        panel.train()
        measure(
            'panning while training', LONGEST, lambda: not panel.is_training
        )
        if not panel.promotion.is_open:
            raise SystemExit(panel.outcome.text)
        measure(
            'panning, before and after',
            arguments.seconds,
            lambda: not panel.is_looking,
        )
    panel.promotion.discard()
    project.close()


def measure(
    name: str, seconds: float, ended: Callable[[], bool] = lambda: False
) -> None:
    """Print how late a timer fires for some time."""
    with Late() as late:
        run_loop(until=ended, at_most=seconds)
    print(f'{name:27} {late}', flush=True)


class Late:
    """How late a timer fires while this is entered, in milliseconds."""

    def __init__(self) -> None:
        self._late: list[float] = []
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def __enter__(self) -> Late:
        self._last = time.perf_counter()
        self._timer.start(INTERVAL_MS)
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.stop()

    def __str__(self) -> str:
        middle, high = np.percentile(self._late, (50, 99))
        return (
            f'p50 {middle:6.1f}  p99 {high:6.1f}  '
            f'max {max(self._late):6.1f} ms  ({len(self._late)} ticks)'
        )

    def _tick(self) -> None:
        now = time.perf_counter()
        self._late.append(1000 * (now - self._last) - INTERVAL_MS)
        self._last = now


class Panning:
    """Moves the camera to and fro as a hand would, while it is entered."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self._camera = viewer.scene.camera
        self._camera.zoom *= 6
        _, y, x = self._camera.center
        reach = 200 * MPP
        angles = np.linspace(0, 2 * np.pi, 120, endpoint=False)
        self._centers = itertools.cycle(
            [
                (0.0, y + reach * np.sin(angle), x + reach * np.cos(angle))
                for angle in angles
            ]
        )
        self._timer = QTimer()
        self._timer.timeout.connect(self._step)

    def __enter__(self) -> None:
        self._timer.start(PAN_MS)

    def __exit__(self, *error: object) -> None:
        self._timer.stop()

    def _step(self) -> None:
        self._camera.center = next(self._centers)


def synthetic_pyramid(size: int) -> list[np.ndarray]:
    """Coloured blocks in memory, levels ``(H, W, 3)``, finest first."""
    block = 16
    generator = np.random.default_rng(0)
    blocks = generator.integers(90, 240, (512 // block,) * 2 + (3,), np.uint8)
    field = np.kron(blocks, np.ones((block, block, 1), np.uint8))
    levels = [np.tile(field, (size // 512, size // 512, 1))]
    while max(levels[-1].shape) > 2048:
        levels.append(np.ascontiguousarray(levels[-1][::2, ::2]))
    return levels


def run_loop(until: Callable[[], bool], at_most: float) -> None:
    """Let Qt work until something is so, or for some seconds."""
    end = time.perf_counter() + at_most
    while time.perf_counter() < end and not until():
        QCoreApplication.processEvents()
        # As Qt's own loop does. Without it napari's progress bars outlive
        # their work, and their spinner has the window drawn without end.
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        time.sleep(0.001)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--job', choices=('predict', 'train'), default='predict'
    )
    parser.add_argument('--model', help='name or folder; else the bundled')
    parser.add_argument(
        '--single-scale', action='store_true', help='show one level only'
    )
    parser.add_argument('--size', type=int, default=8192, help='pixels')
    parser.add_argument('--seconds', type=float, default=15)
    parser.add_argument(
        '--set',
        nargs='*',
        default=[],
        metavar='KEY=VALUE',
        help='settings of the training',
    )
    return parser.parse_args()


if __name__ == '__main__':
    main()
