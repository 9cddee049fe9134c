"""The mask against the truth, in a real viewer."""

from __future__ import annotations

import numpy as np
import pytest
import zarr

from napari_wsol.regions import truth
from napari_wsol.regions.extraction import extract
from napari_wsol.regions.region import Frame
from napari_wsol.regions.stored import open_maps
from napari_wsol.regions.truth import (
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    TRUE_POSITIVE,
)
from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.localize import LocalizeWidget
from napari_wsol.widgets.overlays import METADATA, is_overlay
from napari_wsol.widgets.reviewing import Reviewing
from napari_wsol.widgets.session import session_of
from napari_wsol.widgets.truth_section import TruthSection
from napari_wsol.widgets.truth_wording import COLOURS

from .conftest import MAP_SHAPE, ramp

pytestmark = pytest.mark.viewer

MICRONS = {'scale': (0.5, 0.5), 'units': 'um'}


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def localize(viewer, client, own_model, qtbot):
    widget = LocalizeWidget(viewer, client)
    viewer.window.add_dock_widget(widget, name='Localize')
    widget.model.use('tiny')
    qtbot.waitUntil(lambda: widget.panel._device.count() > 1)
    return widget


@pytest.fixture
def image(viewer, localize, tissue):
    """An image of 40 x 60 px, marked where the ramp reaches a half."""
    return viewer.add_image(tissue, name='tissue', **MICRONS)


@pytest.fixture
def finish(localize, qtbot):
    def run_and_wait() -> None:
        localize.run()
        qtbot.waitUntil(lambda: not localize.is_running)

    return run_and_wait


@pytest.fixture
def session(viewer, localize):
    return session_of(viewer)


@pytest.fixture
def reviewing(image, finish, session):
    """The review of what the model marked in the image."""
    finish()
    reviewing = Reviewing()
    reviewing.set_result(session.results.of(image))
    return reviewing


@pytest.fixture
def section(viewer, session, reviewing, qtbot):
    section = TruthSection(viewer, session, reviewing)
    qtbot.addWidget(section)
    yield section
    section.let_go()


@pytest.fixture
def gland(viewer, section):
    """Labels that say: there is ROI from the fifth map column on."""
    values = np.zeros((40, 60), np.int32)
    values[:, 20:] = 3
    return viewer.add_labels(values, name='gland', **MICRONS)


@pytest.fixture
def judged(section, gland, qtbot):
    """The section, with its figures shown."""
    section.choose(gland)
    wait_for_figures(section, qtbot)
    return section


@pytest.fixture
def ticked(viewer, judged, qtbot):
    """The section, with the errors on the canvas."""
    judged._wrong.setChecked(True)
    qtbot.waitUntil(lambda: errors_of(viewer) is not None)
    return judged


def wait_for_figures(section, qtbot):
    qtbot.waitUntil(lambda: not section._figures.isHidden())


def told(section):
    return section._figures.text()


def errors_of(viewer):
    """The layer with the errors."""
    return next(
        (
            layer
            for layer in viewer.layers
            if layer.metadata.get(METADATA, {}).get('role') == 'truth'
        ),
        None,
    )


def expected_errors(threshold, truth=None):
    marked = ramp().astype(np.float32) >= np.float32(threshold)
    if truth is None:
        truth = np.zeros(MAP_SHAPE, bool)
        truth[:, 5:] = True
    errors = np.zeros(MAP_SHAPE, np.uint8)
    errors[marked & truth] = TRUE_POSITIVE
    errors[marked & ~truth] = FALSE_POSITIVE
    errors[~marked & truth] = FALSE_NEGATIVE
    return errors


def f1(errors):
    right, *wrong = (np.count_nonzero(errors == value) for value in (1, 2, 3))
    return 200 * right / (2 * right + sum(wrong))


def choices(section):
    combo = section._combo
    return [combo.itemText(index) for index in range(combo.count())]


def test_without_a_layer_for_the_truth_there_is_nothing_to_see(
    viewer, section
):
    assert section.isHidden()
    shapes = viewer.add_shapes(name='drawn')
    assert not section.isHidden()
    viewer.layers.remove(shapes)
    assert section.isHidden()


def test_without_a_result_there_is_nothing_to_see(section, gland, reviewing):
    assert not section.isHidden()
    reviewing.set_result(None)
    assert section.isHidden()


def test_the_user_s_labels_and_shapes_can_be_chosen(viewer, section, gland):
    viewer.add_shapes(name='drawn')
    viewer.add_points(name='points', ndim=2)
    assert choices(section) == ['None', 'drawn', 'gland']
    assert section.layer is None
    gland.name = 'all glands'
    assert choices(section) == ['None', 'drawn', 'all glands']


def test_figures_are_those_of_the_mask(judged):
    errors = expected_errors(0.5)
    right = np.count_nonzero(errors == TRUE_POSITIVE)
    missed = np.count_nonzero(errors == FALSE_NEGATIVE)
    assert f'F1+ {f1(errors):.1f}' in told(judged)
    assert 'PxAP 100.0' in told(judged)
    assert f'found {100 * right / (right + missed):.1f}%' in (
        judged._legend.text()
    )
    assert 'wrongly marked 0.0%' in judged._legend.text()
    for colour in ('#009e73', '#d55e00', '#0072b2'):
        assert colour in judged._legend.text()


@pytest.mark.parametrize('threshold', [0.1, 0.35, 0.9])
def test_figures_follow_the_threshold_at_once(
    judged, session, image, threshold
):
    session.results.cut(image, threshold)
    assert f'F1+ {f1(expected_errors(threshold)):.1f}' in told(judged)
    assert 'PxAP 100.0' in told(judged)


def test_figures_follow_what_is_painted_and_taken_back(judged, gland, qtbot):
    before = told(judged)
    gland.data_setitem(tuple(np.indices((40, 20)).reshape(2, -1)), 1)
    qtbot.waitUntil(lambda: told(judged) != before)
    all_true = np.ones(MAP_SHAPE, bool)
    assert f'F1+ {f1(expected_errors(0.5, all_true)):.1f}' in told(judged)
    gland.undo()
    qtbot.waitUntil(lambda: told(judged) == before)


def test_figures_follow_a_layer_that_is_moved(judged, gland, qtbot):
    gland.translate = (0, 10)
    qtbot.waitUntil(lambda: '67%' in judged.message.text())
    # What lies to the left of the layer is not known, and does not count.
    truth = np.zeros(MAP_SHAPE, bool)
    truth[:, 10:] = True
    errors = expected_errors(0.5, truth)[:, 5:]
    assert f'F1+ {f1(errors):.1f}' in told(judged)


def test_shapes_are_the_truth_as_well(viewer, section, qtbot):
    drawn = viewer.add_shapes(name='drawn', **MICRONS)
    section.choose(drawn)
    assert 'no areas yet' in section.message.text()
    box = np.array([(-0.5, 19.5), (-0.5, 59.5), (39.5, 59.5), (39.5, 19.5)])
    drawn.add_rectangles([box])
    wait_for_figures(section, qtbot)
    assert f'F1+ {f1(expected_errors(0.5)):.1f}' in told(section)
    assert section.message.isHidden()


def test_a_layer_elsewhere_is_said_to_be_elsewhere(viewer, section, qtbot):
    far = viewer.add_labels(
        np.ones((9, 9), int), name='far', translate=(900, 900)
    )
    section.choose(far)
    qtbot.waitUntil(lambda: 'does not lie over' in section.message.text())
    assert section._figures.isHidden()


def test_only_where_the_model_looked_counts(
    viewer, image, localize, session, reviewing, section, gland, qtbot
):
    settings = session.results.of(image).overlays.layer('mask')
    box = Box(0.0, 0.0, 40.0, 36.0)
    settings.metadata[METADATA]['settings']['boxes'] = ({**vars(box)},)
    section.choose(gland)
    wait_for_figures(section, qtbot)
    errors = expected_errors(0.5)[:, :9]
    assert f'F1+ {f1(errors):.1f}' in told(section)
    assert section.message.isHidden()


def test_a_large_map_is_said_to_be_coarser(section, gland, qtbot, monkeypatch):
    assert 'coarser' not in section._figures.toolTip()
    monkeypatch.setattr(truth, 'MOST_PIXELS', 40)
    maps = section._reviewing.shown.maps
    halved = maps.probability[0][::2, ::2]
    object.__setattr__(maps, 'probability', (*maps.probability, halved))
    section.choose(gland)
    wait_for_figures(section, qtbot)
    assert '2 times coarser' in section._figures.toolTip()
    assert section._against.judged.frame == Frame(8.0, 8.0)


def test_errors_lie_over_the_image_in_three_colours(viewer, image, ticked):
    layer = errors_of(viewer)
    np.testing.assert_array_equal(layer.data, expected_errors(0.5))
    assert layer.name == 'Right and wrong: tissue'
    assert is_overlay(layer)
    assert layer.metadata[METADATA]['source_id'] == str(image.unique_id)
    np.testing.assert_allclose(layer.scale, (2, 2))
    np.testing.assert_allclose(layer.translate, (0.75, 0.75))
    assert layer.units == image.units
    for value, colour in COLOURS.items():
        expected = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        found = layer.colormap.map(np.array([value]))[0]
        np.testing.assert_allclose(found, [*expected, 1], atol=1e-6)
    assert layer.colormap.map(np.array([0]))[0][3] == 0
    assert 'Right and wrong: tissue' not in choices(ticked)


def test_errors_follow_the_threshold(viewer, ticked, session, image, qtbot):
    layer = errors_of(viewer)
    for threshold in (0.2, 0.3, 0.8):
        session.results.cut(image, threshold)
    expected = expected_errors(0.8)
    qtbot.waitUntil(lambda: np.array_equal(layer.data, expected))
    assert errors_of(viewer) is layer


def test_the_mask_gives_way_to_the_errors_and_comes_back(
    ticked, viewer, session, image
):
    mask = session.results.of(image).overlays.layer('mask')
    assert not mask.visible
    ticked._wrong.setChecked(False)
    assert errors_of(viewer) is None
    assert mask.visible


def test_errors_that_the_user_removes_are_not_shown_any_more(viewer, ticked):
    viewer.layers.remove(errors_of(viewer))
    assert not ticked._wrong.isChecked()


def test_the_layer_in_hand_stays_in_hand(viewer, judged, image, qtbot):
    viewer.layers.selection.active = image
    judged._wrong.setChecked(True)
    qtbot.waitUntil(lambda: errors_of(viewer) is not None)
    assert viewer.layers.selection.active is image


def test_another_result_removes_the_errors_of_the_one_before(
    viewer, ticked, reviewing, session, image, finish, qtbot
):
    layer = errors_of(viewer)
    finish()
    reviewing.set_result(session.results.of(image))
    assert layer not in viewer.layers
    qtbot.waitUntil(lambda: errors_of(viewer) is not None)
    reviewing.set_result(None)
    assert errors_of(viewer) is None


def test_the_truth_of_one_image_is_not_that_of_another(
    viewer, tissue, localize, finish, judged, gland, image, session, reviewing
):
    other = viewer.add_image(tissue, name='other', **MICRONS)
    localize.image.choose(other)
    finish()
    reviewing.set_result(session.results.of(other))
    assert judged.layer is None
    assert judged._figures.isHidden()
    reviewing.set_result(session.results.of(image))
    assert judged.layer is gland


def test_a_truth_that_is_removed_says_nothing_any_more(viewer, ticked, gland):
    viewer.layers.remove(gland)
    assert ticked.isHidden()
    assert ticked._figures.isHidden()
    assert errors_of(viewer) is None


def test_letting_go_removes_the_layer_and_follows_no_more(viewer, ticked):
    ticked.let_go()
    assert errors_of(viewer) is None
    before = choices(ticked)
    viewer.add_shapes(name='drawn')
    assert choices(ticked) == before


def test_a_truth_that_cannot_be_read_is_said(section, gland, qtbot):
    class Broken:
        shape, dtype, ndim = (40, 60), np.dtype(int), 2

        def __getitem__(self, place):
            raise OSError('the disk is gone')

    gland._data = Broken()
    section.choose(gland)
    qtbot.waitUntil(lambda: 'the disk is gone' in section.message.text())


def with_regions(reviewing):
    """Let the regions at the threshold be found."""
    shown = reviewing.shown
    group = zarr.open_group(shown.result.store, mode='r')
    assert 'probability' in group
    maps = open_maps(shown.result.store)
    work = extract(maps, shown.threshold, Frame(4.0, 4.0), ('gland',))
    while True:
        try:
            next(work)
        except StopIteration as stop:
            reviewing.set_regions(*stop.value, None)
            return


def test_a_region_s_overlap_is_its_share_of_truth(
    section, gland, reviewing, session, image, qtbot
):
    with_regions(reviewing)
    assert section.overlap(0) is None
    with qtbot.waitSignal(section.overlaps_changed):
        section.choose(gland)
    assert section.overlap(0) == 1
    session.results.cut(image, 0.2)
    with qtbot.waitSignals([section.overlaps_changed] * 2):
        with_regions(reviewing)
    marked = expected_errors(0.2) > 0
    share = (expected_errors(0.2) == TRUE_POSITIVE).sum() / (
        (expected_errors(0.2) == TRUE_POSITIVE).sum()
        + (expected_errors(0.2) == FALSE_POSITIVE).sum()
    )
    assert marked.any()
    assert section.overlap(0) == pytest.approx(share)
    section.choose(None)
    assert section.overlap(0) is None
