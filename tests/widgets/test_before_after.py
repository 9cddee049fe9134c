"""Two masks over one image: by turns, and cut at a line."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QEvent, QObject

from napari_wsol.widgets.before_after import DIVIDER, BeforeAfter
from napari_wsol.widgets.jobs import Found
from napari_wsol.widgets.maps import open_maps
from napari_wsol.widgets.overlays import METADATA

from .conftest import MAP_SHAPE, prediction, ramp, write_store

pytestmark = pytest.mark.viewer


def found(folder, name, probability, classes=None, **changes):
    write_store(folder / name, probability, classes)
    result = prediction(folder / name, **changes)
    return Found(result, open_maps(folder / name))


@pytest.fixture
def viewer(qapp):
    """All of a viewer but its window."""
    return ViewerModel()


@pytest.fixture
def source(viewer, tissue):
    return viewer.add_image(
        tissue, name='tissue', scale=(0.5, 0.5), units='um', rotate=10
    )


@pytest.fixture
def masks(viewer, source, tmp_path):
    """Everything before, nothing but the right half after."""
    old = found(tmp_path, 'old', np.ones(MAP_SHAPE), roi_classes=('benign',))
    new = found(tmp_path, 'new', ramp(), roi_classes=('benign',))
    masks = BeforeAfter(viewer, source, new)
    masks.add_old(old)
    return masks


def shown(masks):
    return {name for name, layer in masks.layers.items() if layer.visible}


def test_one_mask_is_shown_at_a_time(viewer, source, masks):
    assert shown(masks) == {'after'}
    masks.show('before')
    assert shown(masks) == {'before'}
    assert masks.layers['before'].data.all()
    for layer in masks.layers.values():
        np.testing.assert_allclose(
            layer.data_to_world((-0.5, -0.5)),
            source.data_to_world((-0.5, -0.5)),
        )
        assert layer.units == source.units
    assert viewer.layers.selection == {source}


def test_what_was_hidden_stays_so_while_another_image_is_seen(
    viewer, source, tissue, tmp_path
):
    fields = viewer.add_shapes(
        metadata={
            METADATA: {'role': 'fields', 'source_id': str(source.unique_id)}
        }
    )
    masks = BeforeAfter(viewer, source, found(tmp_path, 'new', ramp()))
    assert not fields.visible
    source.visible = False
    masks.remove()
    assert not fields.visible


def test_blinking_shows_them_by_turns(masks, qtbot):
    masks._timer.setInterval(50)
    masks.show('blink')
    assert shown(masks) == {'before'}
    qtbot.waitUntil(lambda: shown(masks) == {'after'}, timeout=1000)
    qtbot.waitUntil(lambda: shown(masks) == {'before'}, timeout=1000)
    masks.show('after')
    qtbot.wait(150)
    assert shown(masks) == {'after'}


def test_swiping_cuts_both_at_one_line(masks):
    masks.show('swipe')
    masks.swipe(0.6)
    assert shown(masks) == {'before', 'after'}
    before = masks.layers['before'].data
    after = masks.layers['after'].data
    assert before[:, :9].all()
    assert not before[:, 9:].any()
    assert not after[:, :9].any()
    assert (after[:, 9] == DIVIDER).all()
    assert (after[:, 10:] == 1).all()
    masks.show('after')
    assert not masks.layers['after'].data[:, :7].any()
    assert (masks.layers['after'].data[:, 7:] == 1).all()


def drag(viewer, masks, source, start, end):
    """Drag the mouse between two columns of the image."""

    def at(column):
        return tuple(source.data_to_world((20, column)))

    event = SimpleNamespace(type='mouse_press', position=at(start))
    stroke = viewer.mouse_drag_callbacks[-1](viewer, event)
    if next(stroke, 'ended') == 'ended':
        return
    assert not viewer.scene.camera.mouse_pan
    event.type, event.position = 'mouse_move', at(end)
    next(stroke)
    event.type = 'mouse_release'
    assert next(stroke, 'ended') == 'ended'


def test_the_line_can_be_dragged_in_the_image(viewer, source, masks, qtbot):
    viewer.scene.camera.zoom = 20
    napari_s_own = list(viewer.mouse_drag_callbacks)
    masks.show('swipe')
    with qtbot.waitSignal(masks.swiped):
        drag(viewer, masks, source, 29.5, 14.5)
    assert masks.position == pytest.approx(0.25)
    assert viewer.scene.camera.mouse_pan
    drag(viewer, masks, source, 40, 50)
    assert masks.position == pytest.approx(0.25), 'not taken hold of'
    masks.show('before')
    assert viewer.mouse_drag_callbacks == napari_s_own


def test_classes_keep_their_colours_where_the_models_order_them_otherwise(
    viewer, source, tmp_path
):
    one, other = np.full((2, *MAP_SHAPE), 0.1), np.full((2, *MAP_SHAPE), 0.1)
    one[0] = other[1] = 0.9
    full = np.ones(MAP_SHAPE)
    old = found(tmp_path, 'a', full, one, roi_classes=('tumour', 'benign'))
    new = found(tmp_path, 'b', full, other, roi_classes=('benign', 'tumour'))
    masks = BeforeAfter(viewer, source, new)
    masks.add_old(old)
    assert (masks.layers['before'].data == 2).all()
    assert (masks.layers['after'].data == 2).all()


def test_without_an_old_model_there_is_one_mask(viewer, source, tmp_path):
    napari_s_own = list(viewer.mouse_drag_callbacks)
    masks = BeforeAfter(viewer, source, found(tmp_path, 'n', ramp()))
    assert set(masks.layers) == {'after'}
    masks.show('swipe')
    masks.remove()
    assert list(viewer.layers) == [source]
    assert viewer.mouse_drag_callbacks == napari_s_own


def test_masks_taken_away_are_gone_though_the_parent_lives_on(
    viewer, source, tmp_path, qapp
):
    parent = QObject()
    masks = BeforeAfter(viewer, source, found(tmp_path, 'n', ramp()), parent)
    layer = weakref.ref(masks.layers['after'])
    masks.remove()
    del masks
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    assert layer() is None
    assert not parent.children()


def test_earlier_results_over_the_image_are_hidden_meanwhile(
    viewer, source, tmp_path
):
    facts = {'role': 'mask', 'source_id': str(source.unique_id)}
    earlier = viewer.add_image(np.zeros(MAP_SHAPE), metadata={METADATA: facts})
    masks = BeforeAfter(viewer, source, found(tmp_path, 'n', ramp()))
    assert not earlier.visible
    masks.remove()
    assert earlier.visible


def test_the_new_mask_can_stay(viewer, source, masks):
    masks.show('swipe')
    masks.leave_after()
    assert [layer.name for layer in viewer.layers] == [
        'tissue',
        'Mask: tissue',
    ]
    assert DIVIDER not in viewer.layers[-1].data


def test_layers_that_the_user_removed_are_left_out(viewer, masks):
    masks.show('blink')
    viewer.layers.remove(masks.layers['after'])
    masks.show('after')
    masks.swipe(0.2)
    masks.remove()
    assert len(viewer.layers) == 1
