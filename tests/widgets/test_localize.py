"""The Localize widget in a real viewer, with a stand-in for the engine."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import zarr

from napari_wsol.engine.messages import Failed
from napari_wsol.inference.settings import ChunkDone, Progress
from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.localize import LocalizeWidget
from napari_wsol.widgets.overlays import METADATA, is_overlay
from napari_wsol.widgets.session import session_of

from .conftest import MAP_SHAPE

pytestmark = pytest.mark.viewer

MICRONS = {'scale': (0.5, 0.5), 'units': 'um'}


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def widget(viewer, client, own_model, qtbot):
    """The widget in its dock, with the small model chosen."""
    widget = LocalizeWidget(viewer, client)
    viewer.window.add_dock_widget(widget, name='Localize')
    widget.model.use('tiny')
    qtbot.waitUntil(lambda: widget.panel._device.count() > 1)
    return widget


def test_it_begins_with_the_image_that_is_seen(
    viewer, client, own_model, tissue, qtbot
):
    seen, other = (viewer.add_image(tissue, **MICRONS) for _ in range(2))
    viewer.layers.selection.active = seen
    widget = LocalizeWidget(viewer, client)
    qtbot.addWidget(widget)
    assert widget.image.layer is seen
    widget.image.choose(other)
    other.visible = False
    widget.model.use('tiny')
    widget.run()
    assert (seen.visible, other.visible) == (False, True)


@pytest.fixture
def layer(viewer, widget, tissue):
    """An image of 0.5 µm per pixel, opened after the widget."""
    return viewer.add_image(tissue, name='tissue', **MICRONS)


@pytest.fixture
def finish(widget, qtbot):
    """Press Run and wait until the button says Run again."""

    def press_and_wait() -> None:
        widget.panel._button.click()
        qtbot.waitUntil(lambda: not widget.is_running)

    return press_and_wait


def overlays(viewer):
    return {
        layer.metadata[METADATA]['role']: layer
        for layer in viewer.layers
        if is_overlay(layer)
    }


def said(widget) -> str:
    return widget.panel._message.text()


def test_a_run_shows_three_layers_over_the_image(
    viewer, widget, layer, finish
):
    finish()
    found = overlays(viewer)
    assert set(found) == {'mask', 'probability', 'entropy'}
    assert viewer.layers[0] is layer
    assert viewer.layers[-1] is found['mask']
    for role in ('probability', 'entropy'):
        assert tuple(found[role].contrast_limits) == (0, 1)
    for each in found.values():
        assert each.units == layer.units
        np.testing.assert_allclose(each.scale, (2, 2))
        np.testing.assert_allclose(each.translate, (0.75, 0.75))
    np.testing.assert_array_equal(
        found['mask'].data, found['probability'].data >= 0.5
    )
    assert 'Done' in said(widget)


def test_the_result_is_told_in_words_and_figures(widget, layer, finish):
    finish()
    result = widget.result
    assert not result.isHidden()
    assert result._answer.text() == 'Malignant, 80%'
    assert '0.90' in result._sentence.text()
    assert '0.000300 mm² (50.0%' in result._area_label.text()
    assert [label.text() for label in result._figures] == [
        '0.20',
        '0.10',
        '0.90',
    ]


def test_layers_tell_where_they_come_from(viewer, widget, layer, finish):
    finish()
    facts = overlays(viewer)['mask'].metadata[METADATA]
    assert facts['model'] == 'tiny'
    assert facts['model_hash'] == 'abc'
    assert facts['mpp'] == 0.5
    assert facts['threshold'] == 0.5
    assert facts['settings']['tissue_only'] is True
    assert 'napari' in facts['versions']


def test_the_request_holds_what_the_form_says(widget, layer, client, finish):
    widget.panel._tissue.setChecked(False)
    widget.panel._device.setCurrentIndex(widget.panel._device.findData('cpu'))
    finish()
    (request,) = client.requests
    assert request.settings.device == 'cpu'
    assert request.settings.tissue_only is False
    assert request.settings.threshold is None
    assert request.settings.boxes == ()
    assert request.pixel_size.mpp == 0.5
    assert request.image.level_shapes == ((40, 60),)


def test_running_again_keeps_the_layers_and_the_user_s_choices(
    viewer, widget, layer, finish
):
    finish()
    before = overlays(viewer)
    before['mask'].opacity = 0.2
    before['entropy'].colormap = 'gray'
    before['entropy'].visible = True
    finish()
    after = overlays(viewer)
    assert len(viewer.layers) == 4
    assert all(after[role] is before[role] for role in before)
    assert after['mask'].opacity == 0.2
    assert after['entropy'].colormap.name == 'gray'
    assert after['entropy'].visible


def test_layers_fill_while_the_model_runs(
    viewer, widget, layer, client, qtbot
):
    client.automatic = False
    widget.panel._button.click()
    qtbot.waitUntil(lambda: bool(client.requests))
    store = client.begin()
    qtbot.waitUntil(lambda: len(overlays(viewer)) == 3)
    mask = overlays(viewer)['mask']
    assert not np.asarray(mask._slice.image.raw).any()
    zarr.open_array(store / 'probability/0', mode='r+')[:] = 1
    client.waiting.put(ChunkDone(Box(0, 0, 40, 60)))
    qtbot.waitUntil(lambda: np.asarray(mask._slice.image.raw).all())
    assert widget.result.isHidden()
    client.finish()
    qtbot.waitUntil(lambda: not widget.is_running)
    assert overlays(viewer)['mask'] is mask
    np.testing.assert_array_equal(
        mask.data, overlays(viewer)['probability'].data >= 0.5
    )


def test_another_run_takes_the_old_result_away_first(
    viewer, widget, layer, client, finish, qtbot
):
    finish()
    results = session_of(viewer).results
    assert results.of(layer) is not None
    client.automatic = False
    widget.panel._button.click()
    qtbot.waitUntil(lambda: len(client.requests) == 2)
    client.begin()
    qtbot.waitUntil(lambda: results.of(layer) is None)
    client.finish()
    qtbot.waitUntil(lambda: results.of(layer) is not None)


def test_the_engine_hears_where_the_user_looks(
    viewer, widget, layer, client, qtbot
):
    client.automatic = False
    viewer.reset_view()
    widget.panel._button.click()
    qtbot.waitUntil(lambda: bool(client.requests))
    assert client.requests[0].view == Box(0, 0, 40, 60)
    viewer.scene.camera.zoom *= 20
    qtbot.waitUntil(lambda: bool(client.looks))
    job, box = client.looks[-1]
    assert job == client.requests[0].job
    assert box.height < 40
    viewer.scene.camera.center = (0, 1000, 1000)
    qtbot.waitUntil(lambda: client.looks[-1] == (job, None))
    client.finish()
    qtbot.waitUntil(lambda: not widget.is_running)
    count = len(client.looks)
    viewer.reset_view()
    qtbot.wait(200)
    assert len(client.looks) == count


def test_the_whole_image_can_be_run_row_by_row(
    viewer, widget, layer, client, finish
):
    widget.panel._follow.setChecked(False)
    finish()
    assert client.requests[0].view is None
    assert not client.looks


def test_a_run_can_be_paused(widget, layer, client, qtbot):
    client.automatic = False
    assert widget.panel._pause.isHidden()
    widget.panel._button.click()
    qtbot.waitUntil(lambda: bool(client.requests))
    job = client.requests[0].job
    widget.panel._pause.click()
    assert client.steered == [(job, 'pause')]
    assert said(widget) == 'Paused.'
    client.waiting.put(Progress(1, 4, 'MP', 0.5, 6))
    qtbot.wait(100)
    assert said(widget) == 'Paused.'
    widget.panel._pause.click()
    assert client.steered[-1] == (job, 'go on')
    client.finish()
    qtbot.waitUntil(lambda: not widget.is_running)
    assert widget.panel._pause.isHidden()


def test_a_run_silences_the_question_for_earlier_results(
    viewer, widget, client, tissue, qtbot
):
    client.kept = True, 1_790_000_000.0
    client.automatic = False
    viewer.add_image(tissue, name='tissue', **MICRONS)
    widget.panel._button.click()
    qtbot.waitUntil(lambda: bool(client.requests))
    client.finish()
    qtbot.waitUntil(lambda: not widget.is_running)
    qtbot.wait(800)
    assert 'Done in' in said(widget)


@pytest.mark.parametrize(
    ('finished', 'words'), [(True, 'shows it at once'), (False, 'goes on')]
)
def test_an_earlier_result_is_announced(
    viewer, widget, client, tissue, qtbot, finished, words
):
    client.kept = finished, 1_790_000_000.0
    viewer.add_image(tissue, name='tissue', **MICRONS)
    qtbot.waitUntil(lambda: words in said(widget))
    assert '2026' in said(widget)


def test_a_layer_that_was_removed_comes_back(viewer, widget, layer, finish):
    finish()
    viewer.layers.remove(overlays(viewer)['probability'])
    finish()
    assert len(overlays(viewer)) == 3


def test_two_images_have_their_own_layers(
    viewer, widget, layer, tissue, finish
):
    finish()
    other = viewer.add_image(tissue, name='other', **MICRONS)
    widget.image._combo.setCurrentIndex(0)
    assert widget.image.layer is other
    finish()
    assert sum(map(is_overlay, viewer.layers)) == 6


def test_the_slider_recolours_the_mask(viewer, widget, layer, finish, qtbot):
    finish()
    mask = overlays(viewer)['mask']
    before = mask.data.sum()
    with qtbot.waitSignal(widget.result.threshold_changed):
        widget.result._slider.setValue(0.8)
    assert 0 < mask.data.sum() < before
    assert mask.metadata[METADATA]['threshold'] == 0.8
    assert 'Run again' in widget.result._stale.text()
    marked = (np.linspace(0, 1, MAP_SHAPE[1]) >= 0.8).sum()
    share = 0.5 * marked / (np.linspace(0, 1, MAP_SHAPE[1]) >= 0.5).sum()
    assert f'{share:.1%}' in widget.result._area_label.text()


def test_the_next_run_takes_the_slider_s_threshold(
    widget, layer, client, finish, qtbot
):
    finish()
    with qtbot.waitSignal(widget.result.threshold_changed):
        widget.result._slider.setValue(0.8)
    finish()
    assert client.requests[-1].settings.threshold == pytest.approx(0.8)


def test_classes_have_their_colours(viewer, widget, layer, client, finish):
    client.classes = np.zeros((2, *MAP_SHAPE))
    client.classes[1] = 1
    finish()
    mask = overlays(viewer)['mask']
    assert set(np.unique(mask.data)) == {0, 2}
    colors = mask.colormap.color_dict
    assert not np.array_equal(colors[1], colors[2])
    assert colors[0][3] == 0


def test_buttons_show_and_hide_layers(viewer, widget, layer, finish):
    finish()
    found = overlays(viewer)
    assert widget.result._buttons['mask'].isChecked()
    widget.result._buttons['entropy'].click()
    assert found['entropy'].visible
    assert not widget.result._legend.isHidden()
    found['mask'].visible = False
    assert not widget.result._buttons['mask'].isChecked()


def test_a_missing_pixel_size_is_asked_for(viewer, widget, tissue, client):
    viewer.add_image(tissue, name='photo')
    widget.panel._button.click()
    assert not widget.is_running
    assert client.requests == []
    assert 'Enter the pixel size' in said(widget)
    assert not widget.image._advice.isHidden()


def test_an_entered_pixel_size_goes_first(
    widget, layer, client, finish, viewer, tissue
):
    widget.image._entry.setText('0,25')
    widget.image._entry.textEdited.emit('0,25')
    finish()
    size = client.requests[-1].pixel_size
    assert size.mpp == 0.25
    assert 'entry' in size.source
    viewer.add_image(tissue, name='other', **MICRONS)
    widget.image._combo.setCurrentIndex(0)
    assert widget.image.pixel_size.mpp == 0.5
    widget.image._combo.setCurrentIndex(1)
    assert widget.image.pixel_size.mpp == 0.25
    widget.image.enter('')
    assert widget.image.pixel_size.mpp == 0.5


def test_a_new_scale_is_noticed(widget, layer):
    layer.scale = (0.3, 0.3)
    assert widget.image._entry.text() == '0.3'


def test_images_that_cannot_be_used_are_explained(viewer, widget):
    viewer.add_image(np.zeros((8, 8)), name='dapi')
    assert widget.image.layer is None
    assert '"dapi"' in widget.image._refusal.text()
    widget.panel._button.click()
    assert 'Choose an image' in said(widget)


def test_a_fluorescence_image_is_refused(viewer, widget, finish):
    dark = np.zeros((40, 60, 3), np.uint8)
    dark[10:12, :, 1] = 200
    viewer.add_image(dark, name='fluo', **MICRONS)
    finish()
    assert 'fluorescence' in said(widget)
    assert overlays(viewer) == {}


def test_shapes_give_boxes(viewer, widget, layer, client, finish):
    widget.panel._where.setCurrentIndex(2)
    widget.panel._button.click()
    assert 'shapes layer' in said(widget)
    shapes = viewer.add_shapes(
        [[(0, 0), (0, 4), (4, 4), (4, 0)], [(5, 5), (5, 9), (9, 9), (9, 5)]],
        units='um',
    )
    shapes.selected_data = {1}
    finish()
    # drawn from 5 to 9 µm, 10 to 18 px, whose pixels reach half a pixel on
    assert client.requests[-1].settings.boxes == (Box(10, 10, 9, 9),)


def test_the_visible_part_is_a_box(viewer, widget, layer, client, finish):
    widget.panel._where.setCurrentIndex(1)
    viewer.scene.camera.center = (0, 10, 15)
    viewer.scene.camera.zoom = min(viewer.canvas.size) / 2
    finish()
    (box,) = client.requests[-1].settings.boxes
    assert box.intersection(Box(0, 0, 40, 60)) == box
    assert box.height <= 7
    assert box.y <= 20 <= box.bottom
    viewer.scene.camera.center = (0, 1000, 1000)
    widget.panel._button.click()
    assert 'not in view' in said(widget)


def test_progress_is_shown(widget, layer, client, qtbot):
    client.automatic = False
    widget.panel._button.click()
    client.waiting.put(Progress(1, 4, 'MP', 0.5, 6))
    qtbot.waitUntil(lambda: said(widget) == '0.5 MP/s · 6 s left')
    assert widget.panel._bar.value() == 250
    widget.panel._button.click()
    qtbot.waitUntil(lambda: not widget.is_running)


def test_cancel_answers_at_once(viewer, widget, layer, client, qtbot):
    client.automatic = False
    widget.panel._button.click()
    qtbot.waitUntil(lambda: bool(client.requests))
    widget.panel._button.click()
    assert said(widget) == 'Stopping...'
    assert not widget.panel._button.isEnabled()
    qtbot.waitUntil(lambda: 'Stopped.' in said(widget))
    assert client.cancelled == [client.requests[0].job]
    assert overlays(viewer) == {}


def test_a_failure_is_told_and_run_works_again(
    viewer, widget, layer, client, finish, qtbot
):
    from napari.utils.notifications import notification_manager

    client.automatic = False
    widget.panel._button.click()
    qtbot.waitUntil(lambda: bool(client.requests))
    job = client.requests[0].job
    client.waiting.put(Failed(job, 'The engine ended.', 'Traceback: x'))
    qtbot.waitUntil(lambda: not widget.is_running)
    assert said(widget) == 'The engine ended.'
    assert 'The engine ended.' in [
        note.message for note in notification_manager.records
    ]
    assert not widget.panel._details.isHidden()
    client.automatic = True
    finish()
    assert len(overlays(viewer)) == 3
    assert widget.panel._details.isHidden()


def test_an_unreadable_result_is_told(widget, layer, client, qtbot):
    client.changes = {'store': 'nowhere.zarr'}
    widget.panel._button.click()
    qtbot.waitUntil(lambda: not widget.is_running)
    assert 'could not be shown' in said(widget)


def test_an_image_closed_meanwhile_gets_no_layers(
    viewer, widget, layer, client, qtbot
):
    client.automatic = False
    widget.panel._button.click()
    qtbot.waitUntil(lambda: bool(client.requests))
    viewer.layers.remove(layer)
    client.finish()
    qtbot.waitUntil(lambda: not widget.is_running)
    assert 'was closed' in said(widget)
    assert len(viewer.layers) == 0


def test_results_are_no_images_to_choose(widget, layer, finish):
    finish()
    assert widget.image._combo.count() == 1


def test_closing_the_dock_ends_job_and_engine(
    viewer, widget, layer, client, qtbot
):
    client.automatic = False
    widget.panel._button.click()
    qtbot.waitUntil(lambda: bool(client.requests))
    viewer.window.remove_dock_widget(widget)
    qtbot.waitUntil(lambda: client.closed == 1)
    assert client.cancelled == [client.requests[0].job]
    viewer.layers.clear()  # napari still calls what it was connected to


def test_closing_the_viewer_ends_the_engine(
    make_napari_viewer, client, own_model, qtbot
):
    viewer = make_napari_viewer()
    widget = LocalizeWidget(viewer, client)
    viewer.window.add_dock_widget(widget, name='Localize')
    assert client.started == 1
    viewer.close()
    del viewer, widget
    gc.collect()
    qtbot.waitUntil(lambda: client.closed == 1)


def test_the_form_fits_a_narrow_dock(widget, layer, finish):
    finish()
    assert widget.widget().minimumSizeHint().width() <= 320
