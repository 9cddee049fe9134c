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

import napari
import numpy as np
from event_loop import Late, run_loop
from made_slides import MPP, made_slide_file

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
    window.resize(
        window.width() + CANVAS[0] - width,
        window.height() + CANVAS[1] - height,
    )
    run_loop(lambda: widget.engine_is_ready, 180)
    # The model is loaded by a run on another place, whose result is thrown
    # away: what is measured is a viewer in use.
    go_to(viewer, given.side * 0.9, given.side * 0.9)
    widget.panel._where.setCurrentIndex(widget.panel._where.findData('view'))
    widget.run()
    run_loop(lambda: not widget.is_running, LONGEST)
    widget.panel._where.setCurrentIndex(widget.panel._where.findData('image'))
    go_to(viewer, given.side * 0.3, given.side * 0.3)
    run_loop(lambda: False, 3)
    print(f'canvas {viewer.canvas.size}, zoom {viewer.scene.camera.zoom:.2f}')
    with Late() as late:
        began = time.perf_counter()
        widget.run()
        first = until_whole(viewer, began)
        print(f'Run to the first whole view: {first:.2f} s')
        save(viewer, given, 'first')
        waits = []
        generator = np.random.default_rng(0)
        for number in range(given.jumps):
            y, x = generator.uniform(0.1, 0.95, 2) * given.side
            began = time.perf_counter()
            go_to(viewer, y, x)
            waits.append(until_whole(viewer, began))
            save(viewer, given, f'jump-{number}')
        print(
            f'jump to an unseen place: median {statistics.median(waits):.2f} '
            f's, longest {max(waits):.2f} s of {len(waits)}'
        )
        for _ in range(200):  # a slow pan at one place a step
            _, y, x = viewer.scene.camera.center
            viewer.scene.camera.center = (0, y, x + 12 * MPP)
            run_loop(lambda: False, 0.05)
        save(viewer, given, 'panned')
        viewer.reset_view()
        run_loop(lambda: False, 3)
        save(viewer, given, 'whole')
    print(late)
    widget.cancel()
    run_loop(lambda: not widget.is_running, 30)
    viewer.close()
    run_loop(lambda: False, 1)


def go_to(viewer: napari.Viewer, y: float, x: float) -> None:
    """One slide pixel per screen pixel, around a place in pixels."""
    viewer.scene.camera.zoom = 1 / MPP
    viewer.scene.camera.center = (0, y * MPP, x * MPP)


def until_whole(viewer: napari.Viewer, began: float) -> float:
    """Seconds until the view holds no pixel that was not computed."""
    run_loop(lambda: shown_share(viewer) > 0.999, LONGEST)
    return time.perf_counter() - began


def shown_share(viewer: napari.Viewer) -> float:
    """Share of the uncertainty map's pixels in view that were computed.

    Pixel entropy is 0 only where nothing was computed, or where the model
    has no doubt at all.
    """
    for layer in viewer.layers:
        if layer.name.startswith('ROI probability'):
            layer.visible = True
            shown = np.asarray(layer._slice.image.raw)
            return float((shown > 0).mean()) if shown.size else 0.0
    return 0.0


def save(viewer: napari.Viewer, given: argparse.Namespace, name: str) -> None:
    """Keep what the window shows."""
    if given.screenshots is not None:
        given.screenshots.mkdir(parents=True, exist_ok=True)
        viewer.screenshot(
            str(given.screenshots / f'{name}.png'), canvas_only=False
        )


if __name__ == '__main__':
    main()
