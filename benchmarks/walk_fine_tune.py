"""A walk through the Fine-tune widget, with pictures of every step.

    python benchmarks/walk_fine_tune.py EBHI OUTPUT [--speed quick]

EBHI is the folder of EBHI-Seg with its ``labels.csv``. A script sits at the
screen: it opens images of different cases, makes a project from the bundled
model, labels images and fields with keys and clicks, asks what to label
next, trains, holds the old mask against the new one, keeps the new model and
runs it in the Localize widget. Widgets, engine and model are the real ones.
The masks of the data set decide only what the annotator says.

The seconds of each step are printed and written to ``walk.json``. Needs a
display; without one, run it under
``xvfb-run -a -s '-screen 0 1400x900x24'``.
"""

from __future__ import annotations

import argparse
import csv
import random
from pathlib import Path

import numpy as np
from annotate_fields import pure_squares, spread
from PIL import Image
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QPushButton, QWidget
from screenshots import wait
from walk import MPP, Walk, until

from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.fine_tune import FineTuneWidget
from napari_wsol.widgets.localize import LocalizeWidget
from napari_wsol.widgets.new_project import NewProjectDialog

MALIGNANT = ('high_grade_in', 'adenocarcinoma')
WANTED = ('normal', 'adenocarcinoma', 'polyp', 'high_grade_in') * 2
"""Histology of the images that are opened."""

KEYS = {
    'benign': Qt.Key.Key_1,
    'malignant': Qt.Key.Key_2,
    'background': Qt.Key.Key_N,
}

PROJECT = 'Colon biopsies'
FIELD = 48
"""Side of a field in µm, and here in pixels too."""


def main() -> None:
    """Take the walk that the command line asks for."""
    arguments = _arguments()
    arguments.output.mkdir(parents=True, exist_ok=True)
    annotator = Annotator(arguments.ebhi, arguments.images)
    walk = FineTuneWalk(arguments.output)
    open_images(walk, annotator)
    make_project(walk, annotator, arguments.place)
    label(walk, annotator)
    suggest(walk, annotator)
    train(walk, annotator, arguments.speed)
    judge(walk, annotator)
    localize(walk, annotator)
    walk.end()


class FineTuneWalk(Walk):
    """Opens the form, clicks, and takes pictures of dialogs too."""

    def __init__(self, output: Path) -> None:
        super().__init__(output)
        with self.step('open the widget'):
            self.form = self.open_form('Fine-tune')
        assert isinstance(self.form, FineTuneWidget)

    def show(self, part: QWidget) -> None:
        """Scroll until a part of the form begins at its top."""
        self.scroll(self.form, part)

    def photograph(self, name: str, part: QWidget | None = None) -> None:
        """Save a picture of the window, or of a dialog."""
        self._count += 1
        path = self._output / f'{self._count:02}-{name}.png'
        wait(0.4)
        if part is not None:
            part.grab().save(str(path))
        else:
            self.viewer.window.screenshot(path, canvas_only=False, flash=False)
        print(f'  {path.name}', flush=True)

    def click(self, y: float, x: float) -> None:
        """Click on a place of the image in hand, in its pixels."""
        camera = self.viewer.scene.camera
        height, width = self.viewer.canvas.size
        _, middle_y, middle_x = camera.center
        place = QPoint(
            round(width / 2 + (x - middle_x) * camera.zoom),
            round(height / 2 + (y - middle_y) * camera.zoom),
        )
        QTest.mouseMove(self.canvas, place)
        QTest.mouseClick(self.canvas, Qt.MouseButton.LeftButton, pos=place)
        wait(0.05)


class Annotator:
    """Knows what is to be seen, from the masks.

    Parameters
    ----------
    folder
        Of EBHI-Seg.
    count
        How many images to open, each of another case.
    """

    def __init__(self, folder: Path, count: int) -> None:
        with (folder / 'labels.csv').open(newline='') as file:
            rows = [
                row for row in csv.DictReader(file) if row['split'] == 'val'
            ]
        self._random = random.Random(1)
        self._rows: dict[Path, dict[str, str]] = {}
        self._folder = folder
        cases: set[str] = set()
        for wanted in WANTED[:count]:
            row = next(
                row
                for row in rows
                if row['label'] == wanted
                and row['group'] not in cases
                and all(self._squares(row))
            )
            cases.add(row['group'])
            self._rows[folder / row['image']] = row
        self.images = tuple(self._rows)

    def label(self, image: Path) -> str:
        """The class of an image."""
        is_malignant = self._rows[image]['label'] in MALIGNANT
        return 'malignant' if is_malignant else 'benign'

    def clicks(self, image: Path) -> list[tuple[float, float, str]]:
        """Row, column and class of three fields of either kind."""
        inside, outside = self._squares(self._rows[image])
        return [
            (y + FIELD / 2, x + FIELD / 2, name)
            for corners, name in (
                (inside, self.label(image)),
                (outside, 'background'),
            )
            for y, x in corners
        ]

    def answer(self, image: Path, box: Box) -> str | None:
        """The class of a field; None where it shows both."""
        mask = self._mask(self._rows[image])
        share = mask[
            round(box.y) : round(box.bottom), round(box.x) : round(box.right)
        ].mean()
        if 0.2 < share < 0.5:
            return None
        return self.label(image) if share > 0.5 else 'background'

    def _mask(self, row: dict[str, str]) -> np.ndarray:
        with Image.open(self._folder / row['mask']) as opened:
            return np.asarray(opened.convert('L')) > 0

    def _squares(self, row: dict[str, str]) -> tuple[list, list]:
        return tuple(
            spread(corners, 2 * FIELD, 3, random.Random(0))
            for corners in pure_squares(self._mask(row), FIELD, FIELD // 4)
        )


def open_images(walk: FineTuneWalk, annotator: Annotator) -> None:
    """Open the images."""
    with walk.step('open the images'):
        for path in annotator.images:
            walk.viewer.open(path, plugin='napari')
            wait(0.05)
        walk.viewer.reset_view()
    walk.photograph('opened')


def make_project(walk: FineTuneWalk, annotator: Annotator, place: str) -> None:
    """Press *New...*, fill in the form that comes, take up the images."""
    taken = Path(place).expanduser() / PROJECT
    if taken.exists():
        raise SystemExit(f'"{taken}" is there already: remove it first.')

    def fill() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, NewProjectDialog)
        dialog.name.setText(PROJECT)
        dialog.place.setText(place)
        dialog.side.setValue(FIELD)
        walk.photograph('new-project', dialog)
        QTimer.singleShot(0, dialog.make)

    QTimer.singleShot(300, fill)
    press_button(walk.form.project, 'New...')
    until(lambda: walk.form.labelling.can_write, 'the project')
    walk.form.exchange.add_open_images()
    walk.form.fly(annotator.images[0], None)
    wait(0.3)
    walk.photograph('project')


def label(walk: FineTuneWalk, annotator: Annotator) -> None:
    """Label every image whole, with a digit, and fields with the stamp."""
    form = walk.form
    clicks = 0
    with walk.step('label'):
        for number, path in enumerate(annotator.images):
            form.fly(path, None)
            wait(0.2)
            press_button(form.labels, 'Whole image')
            if not number:
                form.image.chooser.enter(MPP)
            wait(0.2)
            walk.press(KEYS[annotator.label(path)])
            clicks += 1
            if not number:
                walk.photograph('whole-image')
                press_button(form, f'Use {float(MPP):g} µm', starts=True)
                until(form.pixel_sizes.isHidden, 'the pixel sizes')
            press_button(form.labels, 'Stamp')
            name = None
            for y, x, wanted in annotator.clicks(path):
                if wanted != name:
                    walk.press(KEYS[wanted])
                    name = wanted
                walk.click(y, x)
                clicks += 1
            if number == 1:
                walk.show(form.labels)
                walk.photograph('stamped')
    labelled = len(form.labelling.project.labelled())
    print(f'  {clicks} clicks, {labelled} labels', flush=True)
    assert labelled == clicks, labels_of(form)
    walk.show(form.items)
    walk.photograph('items')


def suggest(walk: FineTuneWalk, annotator: Annotator) -> None:
    """Ask what to label next, and answer what can be answered."""
    form = walk.form
    panel = form.suggest
    panel._where.setCurrentIndex(panel._where.findData('project'))
    panel._count.setValue(12)
    walk.show(panel)
    with walk.step('suggest'):
        press_button(panel, 'Suggest')
        until(lambda: not panel.is_running, 'suggestions')
    if not panel.suggestions:
        raise SystemExit(panel.message.text())
    panel._list.setCurrentRow(0)
    walk.show(panel)
    walk.photograph('suggested')
    answered = 0
    with walk.step('answer suggestions'):
        for row in reversed(range(len(panel.suggestions))):
            panel._list.setCurrentRow(row)
            wait(0.1)
            suggestion = panel.current
            name = annotator.answer(Path(suggestion.image), suggestion.box)
            if name is not None:
                walk.press(KEYS[name])
                answered += 1
    print(f'  {answered} answered', flush=True)


def train(walk: FineTuneWalk, annotator: Annotator, speed: str) -> None:
    """Train, and watch."""
    form = walk.form
    panel = form.training
    form.fly(annotator.images[0], None)
    panel.setup.choose_speed(speed)
    until(panel.setup._start.isEnabled, 'the checks')
    walk.show(panel)
    walk.photograph('before-training')
    with walk.step(f'train ({speed})'):
        press_button(panel.setup, 'Train')
        until(
            lambda: panel.learning.curves.names or not panel.is_training,
            'the first epoch',
        )
        epochs = 0
        while panel.is_training:
            wait(0.1)
            names = panel.learning.curves.names
            now = len(panel.learning.curves.values(names[0])) if names else 0
            if now > epochs:
                epochs = now
                if epochs in (1, 6):
                    walk.show(panel)
                    walk.photograph(f'epoch-{epochs}')
    print(f'  {panel.outcome.text}', flush=True)
    if not panel.promotion.is_open:
        raise SystemExit('No model came of it.')
    with walk.step('run both models over the image'):
        until(lambda: not panel.is_looking, 'the masks')


def judge(walk: FineTuneWalk, annotator: Annotator) -> None:
    """Hold both masks against each other and keep the new model."""
    form = walk.form
    panel = form.training
    walk.show(panel)
    walk.photograph('verdict')
    print(f'  {panel.candidate._verdict.text()}')
    for row in panel.candidate._table.rows:
        print('  ', *row)
    if 'swipe' in panel.promotion.look.masks.views:
        panel.candidate.set_view('swipe')
        panel.candidate._slider.setValue(450)
        walk.photograph('swipe')
    form.fly(annotator.images[1], None)
    with walk.step('look at another image'):
        panel.promotion.compare()
        until(lambda: not panel.is_looking, 'the masks')
    panel.candidate.set_view('swipe')
    walk.photograph('swipe-another')
    press_button(panel.candidate, 'Keep...')
    walk.show(panel.candidate)
    walk.photograph('keep-asks')
    naming = panel.candidate._naming
    naming._entry.setText('Colon biopsies, first')
    with walk.step('keep'):
        naming._button.click()
        until(lambda: not panel.promotion.is_open, 'the model to be kept')
    until(panel.setup._start.isEnabled, 'the checks')
    walk.show(panel)
    walk.photograph('kept')
    walk.show(panel.versions)
    walk.photograph('versions')
    with walk.step('predict the items'):
        press_button(form.items, 'Predict')
        until(lambda: not form.items.is_running, 'the predictions')
    walk.show(form.items)
    walk.photograph('predicted')


def localize(walk: FineTuneWalk, annotator: Annotator) -> None:
    """Run the new model in the Localize widget."""
    model = walk.form.labelling.project.parent
    widget = walk.open_form('Localize')
    assert isinstance(widget, LocalizeWidget)
    widget.parentWidget().raise_()
    wait(0.5)
    walk.photograph('localize-opened')
    combo = widget.model._combo
    offered = [combo.itemData(row).path for row in range(combo.count())]
    combo.setCurrentIndex(offered.index(model))
    if widget.image.pixel_size is None:
        widget.image.enter(MPP)
    with walk.step('localize'):
        widget.run()
        until(lambda: not widget.is_running, 'the result')
    wait(0.5)
    walk.photograph('localize')


def press_button(part: QWidget, text: str, starts: bool = False) -> None:
    """Press the button that says something."""
    for button in part.findChildren(QPushButton):
        said = button.text()
        fits = said.startswith(text) if starts else said == text
        if fits and button.isVisible() and button.isEnabled():
            QTest.mouseClick(button, Qt.MouseButton.LeftButton)
            wait(0.05)
            return
    raise SystemExit(f'There is no button "{text}" to press.')


def labels_of(form: FineTuneWidget) -> list[tuple[str, str | None]]:
    """What was labelled, to tell what lacks."""
    return [
        (item.image.name, item.label) for item in form.labelling.items.values()
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('ebhi', type=Path, help='folder of EBHI-Seg')
    parser.add_argument('output', type=Path, help='folder for the pictures')
    parser.add_argument('--images', type=int, default=6, help='5 to 8')
    parser.add_argument('--place', default='~', help='of the project')
    parser.add_argument('--speed', default='quick', help='quick or full')
    return parser.parse_args()


if __name__ == '__main__':
    main()
