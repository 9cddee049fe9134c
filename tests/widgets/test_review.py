"""The Review widget: from a result to decisions that are kept."""

from __future__ import annotations

import json

import numpy as np
import pytest
import shapely
import zarr
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_wsol.engine.messages import BudgetFound, BudgetRequest, Failed
from napari_wsol.projects.project import Project
from napari_wsol.regions.budget import Budget
from napari_wsol.regions.decisions import Review
from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.labelling import Labelling
from napari_wsol.widgets.localize import LocalizeWidget
from napari_wsol.widgets.overlays import METADATA
from napari_wsol.widgets.review import ReviewWidget
from napari_wsol.widgets.reviewing import review_file
from napari_wsol.widgets.session import session_of

from . import conftest

pytestmark = pytest.mark.viewer

PICTURE = Qt.ItemDataRole.DecorationRole

MICRONS = {'scale': (0.5, 0.5), 'units': 'um'}


def blobs() -> np.ndarray:
    """Three squares of 2 x 2, 3 x 3 and 4 x 4 map pixels, one of them weak."""
    probability = np.zeros(conftest.MAP_SHAPE)
    probability[1:3, 1:3] = 0.9
    probability[1:4, 5:8] = 0.6
    probability[5:9, 9:13] = 0.8
    return probability


@pytest.fixture
def localized(make_napari_viewer, client, own_model, tissue, tmp_path, qtbot):
    """A viewer with an image of a file and its result."""
    conftest_ramp, conftest.ramp = conftest.ramp, blobs
    path = tmp_path / 'tissue.png'
    Image.fromarray(tissue).save(path)
    viewer = make_napari_viewer(show=True)
    (layer,) = viewer.open(str(path), plugin='napari')
    layer.scale, layer.units = (0.5, 0.5), ('um', 'um')
    localize = LocalizeWidget(viewer, client)
    viewer.window.add_dock_widget(localize, name='Localize')
    localize.model.use('tiny')
    localize.run()
    qtbot.waitUntil(lambda: not localize.is_running)
    yield viewer, localize
    conftest.ramp = conftest_ramp


@pytest.fixture
def review(localized, client, qtbot):
    """The form with three regions."""
    viewer, _ = localized
    form = ReviewWidget(viewer, client)
    viewer.window.add_dock_widget(form, name='Review')
    form.window().activateWindow()
    qtbot.waitUntil(lambda: form.reviewing.count == 3)
    qtbot.waitUntil(lambda: QApplication.activeWindow() is not None)
    return form


def press(viewer, qtbot, *keys):
    canvas = viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    for key in keys:
        qtbot.keyClick(canvas, key)
        qtbot.wait(10)


def verdicts(form):
    return [form.reviewing.verdict(place) for place in range(3)]


def test_without_a_result_it_says_what_to_do(
    make_napari_viewer, client, own_model, qtbot
):
    viewer = make_napari_viewer()
    form = ReviewWidget(viewer, client)
    qtbot.addWidget(form)
    assert 'Localize' in form.head.text()
    assert not form.decisions.isVisibleTo(form)
    form.accept()
    form.miss_under_mouse()
    form.reviewing.undo()
    assert form.reviewing.decisions == ()


def test_it_shows_what_localize_finds(review, localized, qtbot):
    viewer, _ = localized
    assert review.model.rowCount() == 3
    assert '3 regions' in review.cut._count.text()
    table = review.reviewing.table
    assert table.pixels.tolist() == [4, 9, 16]
    assert table.area.tolist() == [16, 36, 64]
    review.regions.sort_by('large')
    review.regions.next_row()
    assert review.regions.current == 2
    (outline,) = [
        layer
        for layer in viewer.layers
        if layer.metadata.get(METADATA, {}).get('role') == 'region'
    ]
    corners = outline.data_to_world(outline.data[0].min(axis=0))
    assert np.allclose(corners, (0.5 * (20 - 0.5), 0.5 * (36 - 0.5)))
    assert np.allclose(
        viewer.scene.camera.center[-2:], (14 - 0.25, 22 - 0.25), atol=0.6
    )


def test_keys_decide_and_go_on_and_a_crash_loses_nothing(
    review, localized, qtbot
):
    viewer, _ = localized
    review.regions.sort_by('small')
    press(viewer, qtbot, Qt.Key.Key_N, Qt.Key.Key_2, Qt.Key.Key_A)
    assert verdicts(review) == ['rejected', 'accepted', 'open']
    assert review.regions.current == 2
    press(viewer, qtbot, Qt.Key.Key_R)
    assert 'Every region is decided' in review.decisions.message.text()
    shown = review.reviewing.shown
    kept = Review(review_file(shown)).decisions
    assert [(each.kind, each.reason) for each in kept] == [
        ('rejected', 'necrosis'),
        ('accepted', ''),
        ('rejected', 'other'),
    ]
    press(viewer, qtbot, Qt.Key.Key_U)
    assert verdicts(review) == ['rejected', 'accepted', 'open']
    again = ReviewWidget(viewer)
    qtbot.addWidget(again)
    qtbot.waitUntil(lambda: again.reviewing.count == 3)
    assert verdicts(again) == ['rejected', 'accepted', 'open']


def test_what_was_missed_is_marked_where_the_mouse_is(review, localized):
    viewer, _ = localized
    viewer.cursor.position = (15.0, 5.0)
    review.miss_under_mouse()
    (missed,) = review.reviewing.decisions
    assert missed.kind == 'missed'
    assert (missed.y, missed.x) == (28, 12)
    viewer.cursor.position = (-50.0, 5.0)
    review.miss_under_mouse()
    assert len(review.reviewing.decisions) == 1
    assert 'Point at' in review.decisions.message.text()


def test_the_threshold_is_one_for_both_forms(review, localized, qtbot):
    viewer, localize = localized
    review.reviewing.decide([2], 'accepted')
    review.cut.cut.emit(0.7)
    qtbot.waitUntil(lambda: review.reviewing.count == 2)
    assert localize.result.threshold == 0.7
    mask = viewer.layers['Mask: tissue']
    assert np.count_nonzero(mask.data) == 20
    assert [review.reviewing.verdict(place) for place in range(2)] == [
        'open',
        'accepted',
    ]
    localize.result.threshold_changed.emit(0.55)
    qtbot.waitUntil(lambda: review.reviewing.count == 3)
    assert review.cut.threshold == 0.55


def outline_of(viewer, role):
    (found,) = (
        layer
        for layer in viewer.layers
        if layer.metadata.get(METADATA, {}).get('role') == role
    )
    return found


def test_views_hear_only_of_the_rows_that_change(review, qtbot):
    waiting = review.model._waiting.cacheKey()
    qtbot.waitUntil(
        lambda: all(
            review.model.index(row, 0).data(PICTURE).cacheKey() != waiting
            for row in range(3)
        )
    )
    told = []
    review.model.dataChanged.connect(
        lambda first, last: told.append((first.row(), last.row()))
    )
    place = int(review.model.places[1])
    review.reviewing.decide([place], 'accepted')
    assert told == [(1, 1)]
    review.reviewing.undo()
    assert told == [(1, 1), (1, 1)]
    review.reviewing.miss(Box(0, 0, 4, 4))
    assert len(told) == 2


def test_an_outline_stays_one_layer_from_region_to_region(review, localized):
    viewer, _ = localized
    review.fly(0)
    outline = outline_of(viewer, 'region')
    small = np.ptp(outline.data[0], axis=0)
    review.fly(2)
    assert outline_of(viewer, 'region') is outline
    assert np.allclose(np.ptp(outline.data[0], axis=0), 2 * small)
    source = review.reviewing.shown.source
    holed = shapely.box(0, 0, 20, 20) - shapely.box(4, 4, 8, 8)
    review._outline.show(source, holed)
    assert len(outline.data) == 2
    assert np.allclose(outline.edge_color, 1)
    assert len(set(outline.edge_width)) == 1
    review.reviewing.miss(Box(0, 0, 4, 4))
    missed = outline_of(viewer, 'missed')
    review.reviewing.miss(Box(8, 8, 4, 4))
    assert outline_of(viewer, 'missed') is missed
    assert len(missed.data) == 2
    review.reviewing.undo()
    review.reviewing.undo()
    assert missed not in viewer.layers


def test_decisions_of_another_day_can_be_taken_back(review, localized, qtbot):
    viewer, _ = localized
    for kind in ('accepted', 'rejected', 'missed'):
        if kind == 'missed':
            review.reviewing.miss(Box(0, 0, 4, 4))
        else:
            review.reviewing.decide([0, 2], kind)
    again = ReviewWidget(viewer)
    qtbot.addWidget(again)
    qtbot.waitUntil(lambda: again.reviewing.count == 3)
    again.reviewing.undo()
    assert verdicts(again) == ['rejected', 'open', 'rejected']
    again.reviewing.undo()
    assert verdicts(again) == ['accepted', 'open', 'accepted']
    again.reviewing.undo()
    assert verdicts(again) == ['open'] * 3


def test_filters_show_what_is_asked_for(review):
    review.reviewing.decide([0], 'rejected', 'fold')
    for what, places in (
        ('rejected', [0]),
        ('accepted', []),
        ('all', [0, 1, 2]),
    ):
        review.regions.show_only(what)
        assert sorted(review.model.places) == places
    review.regions.show_only('open')
    assert sorted(review.model.places) == [1, 2]
    index = review.model.index(0, 1)
    assert index.data() == '–'


def test_on_a_fully_negative_image_every_region_is_false(
    review, localized, tmp_path, qtbot
):
    viewer, _ = localized
    project = Project.create(
        tmp_path / 'project', classes=('gland',), negative_class='stroma'
    )
    labelling = Labelling()
    labelling.set_project(project)
    path = review.reviewing.shown.source.source.path
    project.add_images([path], label='stroma')
    session_of(viewer).share_labelling(labelling)
    assert verdicts(review) == ['rejected'] * 3
    assert 'nothing should be' in review.reviewing.suspicion.why(0)
    review.reviewing.decide([1], 'accepted')
    assert verdicts(review) == ['rejected', 'accepted', 'rejected']
    labelling.undo()
    assert verdicts(review) == ['open', 'accepted', 'open']
    labelling.leave()


@pytest.fixture
def labelling(review, localized, tmp_path):
    """A project that is open in the other form."""
    viewer, _ = localized
    project = Project.create(
        tmp_path / 'project',
        classes=('benign', 'malignant'),
        negative_class='stroma',
    )
    labelling = Labelling()
    labelling.set_project(project)
    session_of(viewer).share_labelling(labelling)
    yield labelling
    labelling.leave()


def test_what_is_rejected_and_missed_becomes_fields(
    review, localized, labelling, qtbot
):
    viewer, _ = localized
    asked = []
    session_of(viewer).train_wanted.connect(lambda: asked.append(1))
    review.feedback.add_fields()
    assert 'nothing that the project' in review.feedback.message.text()
    review.reviewing.decide([2], 'rejected', 'fold')
    viewer.cursor.position = (15.0, 5.0)
    review.miss_under_mouse()
    words = review.feedback._words
    qtbot.waitUntil(lambda: '1 field without' in words.text())
    review.feedback.retrain()
    assert asked == [1]
    fields = {item.label: item.field for item in labelling.project.labelled()}
    assert set(fields) == {'stroma', 'malignant'}
    assert fields['stroma'].intersection(review.reviewing.table.box(2))
    assert (fields['malignant'].y, fields['malignant'].x) == (16, 0)
    assert '2 fields' in labelling.project.undo()


def test_a_budget_cuts_the_mask(review, localized, labelling, client, qtbot):
    _, localize = localized
    assert '0 fully negative patients' in review.budget._words.text()
    path = review.reviewing.shown.source.source.path
    boxes = [Box(y, x, 8, 8) for y in range(0, 32, 8) for x in range(0, 48, 8)]
    fields = [(box, 'stroma') for box in boxes]
    labelling.project.add_fields(path, fields, mpp=0.5)
    assert not review.budget._ask.isEnabled()
    review.budget._whose.setCurrentIndex(1)
    review.budget._share.setValue(5)
    assert '24 fully negative fields' in review.budget._words.text()
    client.automatic = False
    review.budget._ask.click()
    qtbot.waitUntil(lambda: isinstance(client.requests[-1], BudgetRequest))
    request = client.requests[-1]
    assert (request.alpha, request.by_group) == (0.05, False)
    found = Budget(0.05, 0.75, 24, 24, 0.01, 0.05)
    client.waiting.put(BudgetFound(request.job, found))
    qtbot.waitUntil(lambda: localize.result.threshold == 0.75)
    assert '24 fully negative images' in review.budget.message.text()
    client.automatic = True
    qtbot.waitUntil(lambda: review.reviewing.count == 2)


def test_another_model_is_held_against_the_decisions(
    review, localized, client, qtbot
):
    _, localize = localized
    review.reviewing.decide([0, 2], 'rejected', 'fold')
    moved = blobs()
    moved[1:3, 1:3] = 0
    moved[8:10, 1:3] = 0.9
    client.changes['model_hash'] = 'another'
    conftest.ramp = lambda: moved
    localize.run()
    qtbot.waitUntil(lambda: not localize.is_running)
    qtbot.waitUntil(lambda: review.reviewing.changes is not None)
    assert review.feedback._changes.text() == (
        '1 of 2 rejected regions are gone, 1 are new.'
    )
    review.feedback._new.click()
    assert review.model.rowCount() == 1
    assert verdicts(review).count('rejected') == 1


def test_what_is_exported_comes_back(review, tmp_path, qtbot):
    export = review.export
    review.reviewing.decide([0], 'rejected', 'fold')

    def written(name):
        qtbot.waitUntil(lambda: name in export.message.text())
        qtbot.waitUntil(lambda: 'It is in' in export.message.text())
        return tmp_path / name

    export.export_geojson(tmp_path / 'r')
    geojson = written('r.geojson')
    text = geojson.read_text()
    assert 'False positive: fold' in text
    assert 'tissue' not in text
    export.export_measurements(tmp_path / 'm')
    assert len(written('m.csv').read_text().splitlines()) == 4
    export.export_labels(tmp_path / 'l')
    labels = zarr.open_array(written('l.zarr') / 'labels/regions/0')
    assert sorted(np.unique(labels[:])) == [0, 2, 3]
    export.export_report(tmp_path / 'p')
    page = written('p.html').read_text()
    assert 'False positive' in page
    assert 'tissue' not in page
    told = json.loads(text)
    for feature in told['features']:
        if feature['properties']['classification']['name'] != (
            'False positive: fold'
        ):
            feature['properties']['classification']['name'] = (
                'False positive: necrosis'
            )
    geojson.write_text(json.dumps(told))
    export.bring_edits(geojson)
    qtbot.waitUntil(lambda: 'taken over' in export.message.text())
    assert verdicts(review) == ['rejected'] * 3
    reasons = [each.reason for each in review.reviewing.decisions]
    assert reasons == ['fold', 'necrosis', 'necrosis']
    review.reviewing.undo()
    assert verdicts(review) == ['rejected', 'open', 'open']
    (tmp_path / 'bad.geojson').write_text('no')
    export.bring_edits(tmp_path / 'bad.geojson')
    qtbot.waitUntil(lambda: 'bad.geojson' in export.message.text())


def test_a_failure_is_said_in_words(review, localized, client):
    review.finding.failed.emit('The store is gone.')
    assert review.cut.message.text() == 'The store is gone.'
    assert isinstance(Failed(1, 'x'), Failed)


def test_another_result_starts_another_review(
    review, localized, tissue, qtbot
):
    viewer, localize = localized
    review.reviewing.decide([0], 'rejected', 'fold')
    other = viewer.add_image(tissue, name='other', **MICRONS)
    localize.image.choose(other)
    localize.run()
    qtbot.waitUntil(lambda: not localize.is_running)
    qtbot.waitUntil(lambda: review.reviewing.count == 3)
    assert review.reviewing.shown.source is other
    assert verdicts(review) == ['open'] * 3
    viewer.layers.selection.active = viewer.layers['tissue']
    qtbot.waitUntil(lambda: review.reviewing.count == 3)
    assert verdicts(review) == ['rejected', 'open', 'open']
    viewer.layers.remove(viewer.layers['tissue'])
    assert review.reviewing.shown.source is other
