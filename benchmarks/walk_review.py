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
import time
from pathlib import Path

import numpy as np
from correct_false_positives import share_true
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication
from screenshots import wait
from walk import MPP, Walk, until

from napari_wsol.projects.project import Project
from napari_wsol.widgets.flying import fly_to_layer

LABEL = 'normal'
MOST = 12
"""Regions that the reviewer looks at."""


class ReviewWalk(Walk):
    """Its pictures are of the whole screen."""

    def picture(self, name: str) -> None:
        """What the screen shows now."""
        self._count += 1
        path = self._output / f'review-{self._count}-{name}.png'
        self.viewer.screenshot(str(path), canvas_only=False, flash=False)


def main() -> None:
    """Take the walk that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('ebhi', type=Path)
    parser.add_argument('output', type=Path)
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    image, mask = chosen(given.ebhi)
    walk = ReviewWalk(given.output)
    with walk.step('mark the image'):
        localize = walk.open_form('Localize')
        (layer,) = walk.viewer.open(str(image), plugin='napari')
        localize.image.enter(MPP)
        wait(0.5)
        localize.run()
        until(lambda: not localize.is_running, 'the model')
    with walk.step('find the regions'):
        form = walk.open_form('Review')
        until(lambda: form.reviewing.table is not None, 'regions')
        wait(1)
    review(walk, form, mask)
    explain(walk, form)
    compare(walk, form, layer, mask)
    feed_back(walk, form, given.output, image)
    report(walk, form, given.output)
    walk.end()


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


def review(walk: ReviewWalk, form, mask: Path) -> None:
    """Decide by keys on the regions that are looked at first."""
    with Image.open(mask) as opened:
        truth = np.asarray(opened.convert('L')) > 0
    form.window().activateWindow()
    until(lambda: QApplication.activeWindow() is not None, 'an active window')
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


def explain(walk: ReviewWalk, form) -> None:
    """Ask why the model fired at the most suspicious region."""
    form.regions.go_to(int(form.reviewing.suspicion.order[0]))
    with walk.step('why did it fire'):
        form.why.button.click()
        until(lambda: not form.why.button.is_running, 'the explanation')
    walk.scroll(form, form.why)
    walk.picture('why')


def compare(walk: ReviewWalk, form, layer, mask: Path) -> None:
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


def feed_back(walk: ReviewWalk, form, output: Path, image: Path) -> None:
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


def report(walk: ReviewWalk, form, output: Path) -> None:
    """Write the page and the files for QuPath."""
    with walk.step('export'):
        form.export.export_report(output / 'report')
        until(lambda: 'It is in' in form.export.message.text(), 'the report')
        form.export.export_geojson(output / 'regions')
        until(
            lambda: (
                'regions.geojson' in form.export.message.text()
                and 'It is in' in form.export.message.text()
            ),
            'the export',
        )


if __name__ == '__main__':
    main()
