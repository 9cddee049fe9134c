"""How soon the field in view is answered on a whole slide.

    python benchmarks/view_first.py --folder runs/slides --side 40000

A real viewer shows a pyramidal TIFF of painted tissue (made once, as by
`whole_slides.py`), one slide pixel per screen pixel in a canvas of some 1024 x
768. Localize is run on the whole slide with the engine warm; then the view
jumps to places where nothing was computed yet. Prints the seconds until what
is shown there is complete, and how late the event loop is meanwhile. Needs a
display; without one, run it under ``xvfb-run -a``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import napari
import numpy as np
from event_loop import Late, run_loop
from made_slides import MPP, made_slide_file

from napari_wsol.inference.settings import ChunkDone
from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.localize import LocalizeWidget

CANVAS = 1024, 768
LONGEST = 120.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--folder', type=Path, required=True)
    parser.add_argument('--side', type=int, default=40_000)
    parser.add_argument('--jumps', type=int, default=5)
    parser.add_argument('--model', help='else the bundled one')
    parser.add_argument('--screenshots', type=Path)
    given = parser.parse_args()
    path = made_slide_file(given.folder, given.side)
    with tempfile.TemporaryDirectory() as cache:
        os.environ['NAPARI_WSOL_CACHE'] = cache
        show(path, given)


def show(path: Path, given: argparse.Namespace) -> None:
    """Open the slide, run, jump around."""
    viewer = napari.Viewer(show=True)
    began = time.perf_counter()
    viewer.open(path, plugin='napari-wsol')
    print(f'opened in {time.perf_counter() - began:.2f} s')
    widget = LocalizeWidget(viewer)
    viewer.window.add_dock_widget(widget, name='Localize')
    if given.model is not None:
        widget.model.use(given.model)
    width, height = viewer.canvas.size[::-1]
    window = viewer.window._qt_window
    run_loop(lambda: False, 1)
    height, width = viewer.canvas.size
    viewer.window.resize(
        window.width() + CANVAS[0] - width,
        window.height() + CANVAS[1] - height,
    )
    run_loop(lambda: False, 1)
    # The form has told the engine by then what may be run.
    run_loop(lambda: False, 12)
    go_to(viewer, given.side * 0.3, given.side * 0.3)
    run_loop(lambda: False, 3)
    print(f'canvas {viewer.canvas.size}, zoom {viewer.scene.camera.zoom:.2f}')
    watch = Watch(viewer, widget)
    with Late() as late:
        began = time.perf_counter()
        widget.run()
        first, whole = watch.until_first(began), watch.until_whole(began)
        print(f'Run to the first overlay {first:.2f} s, whole {whole:.2f} s')
        save(viewer, given, 'first')
        waits = []
        generator = np.random.default_rng(0)
        for number in range(given.jumps):
            y, x = generator.uniform(0.1, 0.95, 2) * given.side
            began = time.perf_counter()
            go_to(viewer, y, x)
            waits.append(watch.until_whole(began))
            save(viewer, given, f'jump-{number}')
        print(
            f'jump to an unseen place: median {statistics.median(waits):.2f} '
            f's, longest {max(waits):.2f} s of {len(waits)}'
        )
        pan(viewer)
        save(viewer, given, 'panned')
        viewer.reset_view()
        run_loop(lambda: False, 3)
        save(viewer, given, 'whole')
    print(f'event loop, running     {late}')
    widget.cancel()
    run_loop(lambda: not widget.is_running, 30)
    go_to(viewer, given.side * 0.3, given.side * 0.3)
    with Late() as late:
        pan(viewer)
    print(f'panning, nothing runs   {late}')
    viewer.close()
    run_loop(lambda: False, 1)


def pan(viewer: napari.Viewer) -> None:
    """As a hand would, for ten seconds."""
    for _ in range(200):
        _, y, x = viewer.scene.camera.center
        viewer.scene.camera.center = (0, y, x + 12 * MPP)
        run_loop(lambda: False, 0.05)


def go_to(viewer: napari.Viewer, y: float, x: float) -> None:
    """One slide pixel per screen pixel, around a place in pixels."""
    viewer.scene.camera.zoom = 1 / MPP
    viewer.scene.camera.center = (0, y * MPP, x * MPP)


class Watch:
    """Knows what of the view was computed and shown."""

    def __init__(self, viewer: napari.Viewer, widget: LocalizeWidget) -> None:
        self._viewer, self._widget = viewer, widget
        self._boxes: list[Box] = []
        take = widget._take_event

        def taken(event: Any) -> None:
            if isinstance(event, ChunkDone):
                self._boxes.append(event.box)
            take(event)

        widget._take_event = taken

    def until_whole(self, began: float) -> float:
        """Seconds until all that is in view was computed and drawn."""
        end = time.perf_counter() + LONGEST
        while not self._is_whole() and time.perf_counter() < end:
            run_loop(lambda: False, 0.05)
        return time.perf_counter() - began

    def until_first(self, began: float) -> float:
        """Seconds until something of what is in view was drawn."""
        end = time.perf_counter() + LONGEST
        while (
            not self._boxes or self._widget._renewal.is_due
        ) and time.perf_counter() < end:
            run_loop(lambda: False, 0.02)
        return time.perf_counter() - began

    def _is_whole(self) -> bool:
        seen = self._widget._follow.box
        if seen is None or self._widget._renewal.is_due:
            return False
        inner = np.linspace(0.02, 0.98, 9)
        return all(
            any(
                box.y <= y < box.bottom and box.x <= x < box.right
                for box in self._boxes
            )
            for y in seen.y + inner * seen.height
            for x in seen.x + inner * seen.width
        )


def save(viewer: napari.Viewer, given: argparse.Namespace, name: str) -> None:
    """Keep what the window shows."""
    if given.screenshots is not None:
        given.screenshots.mkdir(parents=True, exist_ok=True)
        viewer.screenshot(
            str(given.screenshots / f'{name}.png'), canvas_only=False
        )


if __name__ == '__main__':
    main()
