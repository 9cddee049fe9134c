"""A walk through the Review widget, with pictures of every step.

    python benchmarks/walk_review.py EBHI OUTPUT

EBHI is the folder of EBHI-Seg with its ``labels.csv``. A script sits at the
screen: the bundled model marks an image of a case that it never saw, the
regions are reviewed by keys alone, most suspicious first, one is asked why
the model fired, the truth is laid beside, what was rejected goes to a
project, and a report is written. Widgets, engine and model are the real
ones. The masks of the data set decide only what the reviewer says.

The seconds of each step are printed and written to ``walk.json``. Needs a
display; without one, run it under
``xvfb-run -a -s '-screen 0 1400x900x24'``.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import napari
import numpy as np
from correct_false_positives import share_true
from PIL import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget
from screenshots import wait

from napari_wsol.projects.project import Project
from napari_wsol.widgets.flying import fly_to_layer

SIZE = 1400, 900
MPP = '1.0'
"""Their files state none; their glands have the usual size at this one."""

LABEL = 'normal'
PATIENCE = 180
MOST = 12
"""Regions that the reviewer looks at."""


class Walk:
    """The viewer, its forms, the pictures and the clock."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self._count = 0
        self.seconds: dict[str, float] = {}
        self.viewer = napari.Viewer(title='napari', show=True)
        self.viewer.theme = 'dark'
        self.viewer.window.resize(*SIZE)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a step."""
        started = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - started
        print(f'{name}: {self.seconds[name]:.1f} s', flush=True)

    def open_form(self, name: str) -> QWidget:
        """A form of the plugin, in a tab beside the others."""
        _, form = self.viewer.window.add_plugin_dock_widget(
            'napari-wsol', name, tabify=True
        )
        wait(0.5)
        return form

    def scroll(self, form: QWidget, part: QWidget) -> None:
        """Scroll until a part of a form begins at its top."""
        wait(0.3)
        top = part.mapTo(form.widget(), QPoint(0, 0)).y()
        form.verticalScrollBar().setValue(max(0, top - 6))
        wait(0.3)

    def picture(self, name: str) -> None:
        """What the screen shows now."""
        self._count += 1
        path = self._output / f'review-{self._count}-{name}.png'
        self.viewer.screenshot(str(path), canvas_only=False, flash=False)

    def press(self, key: Qt.Key) -> None:
        """Press a key over the canvas."""
        canvas = self.viewer.window._qt_viewer.canvas.native
        canvas.setFocus()
        QTest.keyClick(canvas, key)
        wait(0.05)

    def until(self, done, what: str) -> None:
        """Wait for something, or give up in words."""
        began = time.perf_counter()
        while not done():
            wait(0.1)
            if time.perf_counter() - began > PATIENCE:
                raise SystemExit(f'{what} took longer than {PATIENCE} s.')


def main() -> None:
    """Take the walk that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('ebhi', type=Path)
    parser.add_argument('output', type=Path)
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    image, mask = chosen(given.ebhi)
    walk = Walk(given.output)
    with walk.step('mark the image'):
        localize = walk.open_form('Localize')
        (layer,) = walk.viewer.open(str(image), plugin='napari')
        localize.image.enter(MPP)
        wait(0.5)
        localize.run()
        walk.until(lambda: not localize.is_running, 'The model')
    with walk.step('find the regions'):
        form = walk.open_form('Review')
        walk.until(lambda: form.reviewing.table is not None, 'Regions')
        wait(1)
    review(walk, form, mask)
    explain(walk, form)
    compare(walk, form, layer, mask)
    feed_back(walk, form, given.output, image)
    report(walk, form, given.output)
    (given.output / 'walk.json').write_text(json.dumps(walk.seconds))
    walk.viewer.close()


def chosen(folder: Path) -> tuple[Path, Path]:
    """An image of a case that the bundled model never saw, and its mask."""
    with (folder / 'labels.csv').open(newline='') as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row['split'] == 'val' and row['label'] == LABEL
        ]
    row = rows[2]
    return (folder / row['image']).resolve(), (folder / row['mask']).resolve()


def review(walk: Walk, form, mask: Path) -> None:
    """Decide by keys on the regions that are looked at first."""
    with Image.open(mask) as opened:
        truth = np.asarray(opened.convert('L')) > 0
    form.window().activateWindow()
    walk.until(lambda: QApplication.activeWindow() is not None, 'The window')
    walk.press(Qt.Key.Key_N)
    wait(0.8)
    walk.picture('gallery')
    began, decided = time.perf_counter(), 0
    with walk.step('review by keys'):
        while decided < min(MOST, form.reviewing.count):
            place = form.regions.current
            true = share_true(form.reviewing.polygon(place), truth) >= 0.5
            walk.press(Qt.Key.Key_A if true else Qt.Key.Key_6)
            decided += 1
    spent = time.perf_counter() - began
    print(f'{decided} regions, {spent / max(1, decided):.2f} s each by script')
    wait(0.5)
    walk.scroll(form, form.regions)
    walk.picture('decided')


def explain(walk: Walk, form) -> None:
    """Ask why the model fired at the most suspicious region."""
    form.regions.go_to(int(form.reviewing.suspicion.order[0]))
    with walk.step('why did it fire'):
        form.why.button.click()
        walk.until(lambda: not form.why.button.is_running, 'The explanation')
    walk.scroll(form, form.why)
    walk.picture('why')


def compare(walk: Walk, form, layer, mask: Path) -> None:
    """Lay the truth beside."""
    with Image.open(mask) as opened:
        truth = (np.asarray(opened.convert('L')) > 0).astype(np.uint8)
    labels = walk.viewer.add_labels(truth, name='truth', visible=False)
    labels.scale, labels.units = layer.scale, layer.units
    walk.viewer.layers.selection.active = layer
    fly_to_layer(walk.viewer, layer)
    with walk.step('compare with the truth'):
        form.truth.choose(labels)
        wait(1.5)
        form.truth._wrong.click()
        wait(1.5)
    walk.scroll(form, form.truth)
    walk.picture('truth')
    form.truth._wrong.click()


def feed_back(walk: Walk, form, output: Path, image: Path) -> None:
    """Put what was decided into a project."""
    tune = walk.open_form('Fine-tune')
    project = Project.create(
        output / f'project-{time.time():.0f}',
        name='False positives',
        classes=('benign', 'malignant'),
        negative_class='background',
        parent=form.reviewing.shown.model,
    )
    tune.labelling.set_project(project)
    wait(0.5)
    walk.press(Qt.Key.Key_Escape)
    with walk.step('feed back'):
        form.feedback.add_fields()
    print(form.feedback.message.text())
    dock = form.parent()
    dock.raise_()
    walk.scroll(form, form.feedback)
    walk.picture('feedback')


def report(walk: Walk, form, output: Path) -> None:
    """Write the page and the files for QuPath."""
    with walk.step('export'):
        form.export.export_report(output / 'report')
        walk.until(
            lambda: 'It is in' in form.export.message.text(), 'The report'
        )
        form.export.export_geojson(output / 'regions')
        walk.until(
            lambda: (
                'regions.geojson' in form.export.message.text()
                and 'It is in' in form.export.message.text()
            ),
            'The export',
        )


if __name__ == '__main__':
    main()
