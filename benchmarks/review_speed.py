"""How fast a review of 20,000 regions is, in the real viewer.

    python benchmarks/review_speed.py FOLDER [--seconds 10] [--decisions 100]

Makes a slide of 10,000 x 10,000 px as a pyramidal TIFF and a result over it
(once; kept in FOLDER), opens both with the real Review form, a project and
the real engine, and prints: the seconds to regions and to the gallery, how
late the event loop is while both views are scrolled and the threshold is
dragged, the time of filters and orders, and a review by keys alone: from a
key to the next region on the canvas. Then the same with 2,000 decisions on
the disk. Needs a display; without one, run it under
``xvfb-run -a -s '-screen 0 1600x1000x24'``.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import napari
import numpy as np
import psutil
import zarr
from event_loop import measure, run_loop
from napari.utils import resize_dask_cache
from qtpy.QtCore import QEvent, QObject, QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractItemView, QApplication, QWidget
from regions import MPP, ROI_CLASSES, make

from napari_wsol.projects.project import Project
from napari_wsol.regions.decisions import Review, decide
from napari_wsol.regions.stored import open_result
from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.slides.tiff_writer import write_pyramidal_tiff
from napari_wsol.widgets.labelling import Labelling
from napari_wsol.widgets.localize import LocalizeWidget
from napari_wsol.widgets.maps import open_maps
from napari_wsol.widgets.overlays import Overlays
from napari_wsol.widgets.regions_model import SHOWN, SORTED, TILE
from napari_wsol.widgets.review import ReviewWidget
from napari_wsol.widgets.reviewing import review_file
from napari_wsol.widgets.session import session_of
from napari_wsol.widgets.shown_results import ShownResult

SIDE = 10_000
GRAIN = 6.0
"""Makes some 20,000 regions at a threshold of 0.5."""

SIZE = 1500, 950
PATIENCE = 300
MISSED = 20
"""One of so many decisions names a missed region."""

WHEEL = 1200
"""Pixels per second of a gallery that is scrolled with a wheel."""

KEYS = (
    *(Qt.Key.Key_A, Qt.Key.Key_R, Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_3),
    *(Qt.Key.Key_4, Qt.Key.Key_5, Qt.Key.Key_6, Qt.Key.Key_N),
)


def _is_another(form: ReviewWidget, before: object) -> bool:
    return form.reviewing.table is not before


def main() -> None:
    arguments = _arguments()
    folder = arguments.folder.resolve()
    if not (folder / 'made.ome.tif').exists():
        # In a process of its own, so that its memory is not counted.
        making = multiprocessing.get_context('spawn').Process(
            target=make_all, args=(folder,)
        )
        making.start()
        making.join()
        if making.exitcode:
            raise SystemExit('the slide could not be made')
    cores = len(os.sched_getaffinity(0))
    print(
        f'{cores} cores, other work keeps {os.getloadavg()[0]:.1f} of them '
        'busy',
        flush=True,
    )
    with tempfile.TemporaryDirectory() as temporary:
        os.environ['NAPARI_WSOL_REVIEWS'] = temporary
        os.environ['NAPARI_WSOL_CACHE'] = str(Path(temporary) / 'cache')
        session = ReviewSession(folder, Path(temporary))
        measure_all(session, arguments)
        session.close()


def measure_all(session: ReviewSession, arguments: argparse.Namespace) -> None:
    """Measure with an empty review, then with one that is long."""
    seconds = arguments.seconds
    measure('idle', 3)
    session.find()
    for name, view in session.views():
        scroll(session, f'{name}, top to bottom', view, seconds)
        scroll(session, f'{name}, by the wheel', view, seconds, WHEEL)
    session.show_view('Gallery')
    drag_threshold(session, seconds)
    ask(session)
    review_by_keys(session, arguments.decisions)
    session.remember(arguments.many)
    session.find()
    ask(session)
    review_by_keys(session, arguments.decisions)


class ReviewSession:
    """The viewer with slide, result, project and forms.

    Parameters
    ----------
    folder
        As ``make_all`` filled it.
    temporary
        For the project.
    """

    def __init__(self, folder: Path, temporary: Path) -> None:
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(*SIZE)
        (self.source,) = self.viewer.open(
            str(folder / 'made.ome.tif'), plugin='napari-wsol'
        )
        session = session_of(self.viewer)
        self._open_project(temporary)
        localize = LocalizeWidget(self.viewer)
        self.viewer.window.add_dock_widget(localize, name='Localize')
        self.form = ReviewWidget(self.viewer)
        self.viewer.window.add_dock_widget(
            self.form, name='Review', tabify=True
        )
        self.form.parentWidget().raise_()
        self.draws = 0
        canvas = self.viewer.window._qt_viewer.canvas
        self.canvas: QWidget = canvas.native
        canvas._scene_canvas.events.draw.connect(
            self._count_draw, position='last'
        )
        until(lambda: localize.engine_is_ready, 'the engine')
        run_loop(until=lambda: False, at_most=2)
        result = open_result(folder / 'made.json').prediction
        maps = open_maps(result.store)
        self.results = session.results
        self.shown = ShownResult(
            self.source,
            result,
            maps,
            Overlays(self.viewer, self.source, result, maps, {}),
            folder,
            PixelSize(MPP, MPP, 'made'),
        )
        self.viewer.layers.selection.active = self.source
        tell_memory()

    def find(self) -> None:
        """Ask the engine for the regions, and open the gallery."""
        form = self.form
        found: list[Any] = []
        form.finding.found.disconnect(form._take_regions)
        take = form.finding.found.connect(lambda *each: found.extend(each))
        with timed('from asking to regions (engine)'):
            self.results.put(self.shown)
            until(lambda: found, 'the regions')
        form.finding.found.disconnect(take)
        form.finding.found.connect(form._take_regions)
        painted = Painted(form.regions.gallery)
        began = time.perf_counter()
        form._take_regions(*found)
        tell('regions ranked and matched', time.perf_counter() - began)
        until(lambda: painted.seen, 'the gallery')
        tell('gallery painted', time.perf_counter() - began)
        until(self.has_pictures, 'the pictures')
        tell('all visible pictures there', time.perf_counter() - began)
        print(f'{form.reviewing.count:,} regions')
        tell_memory()

    def has_pictures(self) -> bool:
        """Whether every region that the gallery shows has its picture."""
        gallery, model = self.form.regions.gallery, self.form.model
        inside = gallery.viewport().rect()
        first = gallery.indexAt(QPoint(TILE.width() // 2, 0)).row()
        for row in range(first, model.rowCount()):
            if not gallery.visualRect(model.index(row, 0)).intersects(inside):
                return True
            place = int(model.places[row])
            if model._picture(place) is model._waiting:
                return False
        return True

    def views(self) -> Iterator[tuple[str, QAbstractItemView]]:
        """Gallery and table, each shown when it comes."""
        regions = self.form.regions
        for name, view in (
            ('Gallery', regions.gallery),
            ('Table', regions.table),
        ):
            self.show_view(name)
            yield name, view

    def show_view(self, name: str) -> None:
        """Show gallery or table."""
        for button in self.form.regions._kinds.buttons():
            if button.text() == name:
                button.click()
        run_loop(until=lambda: False, at_most=0.5)

    def remember(self, count: int) -> None:
        """Put decisions into the file, as if they were of another day."""
        reviewing = self.form.reviewing
        review = Review(review_file(self.shown))
        kinds = itertools.cycle(('accepted', 'rejected', 'rejected'))
        with timed(f'{count:,} decisions written'):
            for place in range(count):
                missed = place % MISSED == MISSED - 1
                kind = 'missed' if missed else next(kinds)
                reason = 'fold' if kind == 'rejected' else ''
                polygon = reviewing.polygon(place)
                if missed:
                    polygon = polygon.envelope
                review.add([decide(kind, polygon, reason=reason)])

    def close(self) -> None:
        """Close the viewer, and wait for the engine to end."""
        tell_memory()
        session_of(self.viewer).share_labelling(None)
        self.viewer.close()
        run_loop(until=lambda: False, at_most=2)

    def _open_project(self, folder: Path) -> None:
        project = Project.create(
            folder / 'project', classes=ROI_CLASSES, negative_class='normal'
        )
        project.add_images([self.source.source.path])
        self._labelling = Labelling()
        self._labelling.set_project(project)
        session_of(self.viewer).share_labelling(self._labelling)

    def _count_draw(self, event: Any) -> None:
        self.draws += 1


def scroll(
    session: ReviewSession,
    name: str,
    view: QAbstractItemView,
    seconds: float,
    speed: float | None = None,
) -> None:
    """Scroll a view down, all of it where no speed is given."""
    bar = view.verticalScrollBar()
    bar.setValue(0)
    run_loop(until=lambda: False, at_most=1)
    reach = bar.maximum()
    if speed is not None:
        pixels = view.verticalScrollMode() == view.ScrollMode.ScrollPerPixel
        row = 1 if pixels else view.sizeHintForRow(0)
        reach = min(reach, speed * seconds / row)
    began = time.perf_counter()
    timer = QTimer()
    timer.timeout.connect(
        lambda: bar.setValue(
            round(reach * (time.perf_counter() - began) / seconds)
        )
    )
    timer.start(16)
    measure(name, seconds)
    timer.stop()


def drag_threshold(session: ReviewSession, seconds: float) -> None:
    """Drag the slider for a while, then see how soon regions follow."""
    form = session.form
    slider = form.cut._slider
    values = itertools.cycle(
        [*np.arange(0.5, 0.7, 0.01), *np.arange(0.7, 0.5, -0.01)]
    )
    timer = QTimer()
    timer.timeout.connect(lambda: slider.setValue(next(values)))
    timer.start(100)
    measure('dragging the threshold', seconds)
    timer.stop()
    until(lambda: form.finding.running.job is None, 'the regions')
    for value in (0.6, 0.5):
        before = form.reviewing.table
        with timed(f'regions follow the threshold to {value}'):
            slider.setValue(value)
            until(partial(_is_another, form, before), 'the regions')
            run_loop(until=session.has_pictures, at_most=PATIENCE)


def ask(session: ReviewSession) -> None:
    """Ask for all filters and orders."""
    regions = session.form.regions
    painted = Painted(regions.gallery)
    for what, choose, default in (
        (SHOWN, regions.show_only, 'all'),
        (SORTED, regions.sort_by, 'suspicion'),
    ):
        for key in (*reversed(what), default):
            painted.seen = False
            began = time.perf_counter()
            choose(key)
            until(lambda: painted.seen, key)
            tell(f'asked for "{what[key]}"', time.perf_counter() - began)


def review_by_keys(session: ReviewSession, count: int) -> None:
    """Decide with keys alone, waiting for each region to be seen."""
    form = session.form
    form.window().activateWindow()
    until(QApplication.activeWindow, 'an active window')
    form.regions.show_only('open')
    form.regions.sort_by('suspicion')
    flown: list[int] = []
    form.regions.chosen.connect(lambda place: flown.append(session.draws))

    def press(key: Qt.Key) -> float:
        flown.clear()
        began = time.perf_counter()
        session.canvas.setFocus()
        QTest.keyClick(session.canvas, key)
        until(
            lambda: flown and session.draws > flown[-1], 'the next region', 20
        )
        return time.perf_counter() - began

    press(Qt.Key.Key_N)
    decided = len(form.reviewing.decisions)
    spent: dict[bool, list[float]] = {True: [], False: []}
    began = time.perf_counter()
    keys = itertools.cycle(KEYS)
    while len(spent[True]) < count:
        key = next(keys)
        spent[key != Qt.Key.Key_N].append(press(key))
    minutes = (time.perf_counter() - began) / 60
    assert len(form.reviewing.decisions) == decided + count
    tell_all('a decision, to the next region', spent[True])
    tell_all('N, to the next region', spent[False])
    print(f'{count / minutes:.0f} regions a minute')
    undone = []
    for _ in range(20):
        began = time.perf_counter()
        session.canvas.setFocus()
        QTest.keyClick(session.canvas, Qt.Key.Key_U)
        run_loop(until=lambda: True, at_most=1)
        undone.append(time.perf_counter() - began)
    assert len(form.reviewing.decisions) == decided + count - 20
    tell_all('undo', undone)
    measure('idle afterwards', 2)
    tell_memory()


class Painted(QObject):
    """Sees when a view is painted."""

    def __init__(self, view: QAbstractItemView) -> None:
        super().__init__(view)
        self.seen = False
        view.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Note it once the event has been dealt with."""
        if event.type() == QEvent.Type.Paint:
            QTimer.singleShot(0, self._note)
        return False

    def _note(self) -> None:
        self.seen = True


def make_all(folder: Path) -> None:
    """A slide, and a result over it with its levels."""
    make(folder, SIDE, 1024, GRAIN)
    group = zarr.open_group(str(folder / 'made.zarr'))
    # Which regions matter to an answer is measured in regions.py.
    shutil.rmtree(folder / 'made.zarr' / 'classifier')
    for name in ('probability', 'entropy', 'class_probability'):
        levels = group[name]
        for number in range(1, len(list(levels.array_keys()))):
            finer = levels[str(number - 1)][...]
            levels[str(number)][...] = halved(
                finer, levels[str(number)].shape[-2:]
            )
    pixels: Any = zarr.open_array(folder / 'slide.zarr', mode='r')
    slide = ArraySlide('made', [pixels], PixelSize(MPP, MPP, 'made'))
    partial = folder / 'part.ome.tif'
    write_pyramidal_tiff(partial, slide)
    partial.rename(folder / 'made.ome.tif')


def halved(finer: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Means of 2 x 2 pixels of ``(..., H, W)``."""
    extra = [
        (0, 2 * short - long)
        for short, long in zip(shape, finer.shape[-2:], strict=True)
    ]
    none = [(0, 0)] * (finer.ndim - 2)
    even = np.pad(finer, [*none, *extra], mode='edge')
    return sum(
        even[..., y::2, x::2] / 4 for y, x in itertools.product((0, 1), (0, 1))
    )


@contextmanager
def timed(name: str) -> Iterator[None]:
    """Print how long something takes."""
    began = time.perf_counter()
    yield
    tell(name, time.perf_counter() - began)


def tell(name: str, seconds: float) -> None:
    """Print seconds."""
    print(f'{name:42} {seconds:7.3f} s', flush=True)


def tell_all(name: str, seconds: Sequence[float]) -> None:
    """Print what many of a kind took."""
    print(
        f'{name:42} median {1000 * statistics.median(seconds):5.0f}  '
        f'p99 {1000 * np.percentile(seconds, 99):5.0f}  '
        f'max {1000 * max(seconds):5.0f} ms  ({len(seconds)})',
        flush=True,
    )


def tell_memory() -> None:
    """Print how much memory the viewer's process holds."""
    held = psutil.Process().memory_info().rss / 2**20
    cached = resize_dask_cache().cache.total_bytes / 2**20
    print(
        f'{held:.0f} MiB in the viewer, {cached:.0f} of them what napari '
        'keeps of the pixels seen',
        flush=True,
    )


def until(
    condition: Callable[[], object], what: str, at_most: float = PATIENCE
) -> None:
    """Let the viewer work until something is so."""
    run_loop(until=lambda: bool(condition()), at_most=at_most)
    if not condition():
        raise SystemExit(f'Waited in vain for {what}.')


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('folder', type=Path, help='to keep the slide in')
    parser.add_argument('--seconds', type=float, default=10)
    parser.add_argument('--decisions', type=int, default=100)
    parser.add_argument('--many', type=int, default=2000)
    return parser.parse_args()


if __name__ == '__main__':
    main()
