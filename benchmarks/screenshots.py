"""Pictures of the Localize widget for the documentation.

    python benchmarks/screenshots.py OUTPUT IMAGE... [--model NAME]

Each image is opened as a user would, the model is run over it, and the
viewer is photographed with the mask, the probability and the uncertainty.
Needs a display; without one, run it under ``xvfb-run -a``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import napari
from event_loop import run_loop

from napari_wsol.widgets.localize import LocalizeWidget

SIZE = 1366, 768


def main() -> None:
    """Take the pictures that the command line asks for."""
    arguments = _arguments()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for image in arguments.images:
        photograph(image, arguments)


def photograph(image: Path, arguments: argparse.Namespace) -> None:
    """Run the widget over an image and save its pictures."""
    model, mpp, output = arguments.model, arguments.mpp, arguments.output
    viewer = napari.Viewer(title='napari', show=True)
    viewer.theme = arguments.theme
    viewer.window.resize(*SIZE)
    plugin = None if image.suffix in {'.jpg', '.png'} else 'napari-wsol'
    viewer.open(image, plugin=plugin)
    widget = LocalizeWidget(viewer)
    viewer.window.add_dock_widget(
        widget, name='Localize (Weakly supervised localization)'
    )
    viewer.reset_view()
    if model is not None:
        widget.model.use(model)
    wait(1)
    if mpp is not None and widget.image.pixel_size is None:
        save(viewer, output / f'{image.stem}-asks.png')
        widget.image.enter(str(mpp))
    save(viewer, output / f'{image.stem}-before.png')
    widget.run()
    wait(0.3)
    save(viewer, output / f'{image.stem}-running.png')
    started = time.perf_counter()
    while widget.is_running:
        wait(0.1)
    print(f'{image.name}: {time.perf_counter() - started:.1f} s')
    for role in ('mask', 'probability', 'entropy'):
        widget.result.show_only(role)
        wait(0.5)
        save(viewer, output / f'{image.stem}-{role}.png')
    viewer.close()
    wait(0.5)


def save(viewer: napari.Viewer, path: Path) -> None:
    """Photograph the whole window."""
    viewer.window.screenshot(path, canvas_only=False, flash=False)
    print(path)


def wait(seconds: float) -> None:
    """Let the viewer work for a while."""
    run_loop(lambda: False, seconds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('output', type=Path)
    parser.add_argument('images', type=Path, nargs='+')
    parser.add_argument('--model', help='name or folder; else the bundled')
    parser.add_argument(
        '--mpp', type=float, help='µm per pixel of images that state none'
    )
    parser.add_argument('--theme', default='dark', help='dark or light')
    return parser.parse_args()


if __name__ == '__main__':
    main()
