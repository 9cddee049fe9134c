"""The layer of field classes: over its fields, and with their figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_wsol.inference.fields import FieldLattice, FieldTable
from napari_wsol.widgets.fields_map import (
    MOST_PIXELS,
    fields_layer,
    pixel_side,
    show_fields,
)
from napari_wsol.widgets.overlays import is_overlay
from napari_wsol.widgets.palette import class_color

AFFINE = [[1.1, 0.2, 5], [-0.1, 0.9, -3], [0, 0, 1]]
CLASSES = ('background', 'benign', 'malignant')
LATTICE = FieldLattice(
    height=18,
    width=30,
    side_y=4,
    side_x=4,
    step_y=8.0,
    step_x=10.0,
    end_y=145,
    end_x=300,
)
"""5 x 8 fields; the last row has 2 cells, as the last column."""


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def image(viewer):
    return viewer.add_image(
        np.zeros((145, 300, 3), np.uint8), rgb=True, name='tissue'
    )


@pytest.fixture
def table():
    """All fields but the first three, of random classes."""
    row, col = np.divmod(np.arange(3, 40), 8)
    generator = np.random.default_rng(5)
    return FieldTable(
        row=row,
        col=col,
        wanted=np.full(len(row), 1000),
        marked=generator.integers(0, 1000, len(row)),
        probabilities=generator.dirichlet([1, 1, 1], len(row)),
        entropies=generator.random((len(row), 3)),
        lattice=LATTICE,
        classes=CLASSES,
        roi_classes=CLASSES[1:],
        pixel_um2=16.0,
    )


def at(layer, image, y, x):
    """The layer's label at a level-0 place (corners on whole numbers)."""
    world = image.data_to_world((y - 0.5, x - 0.5))
    return layer.get_value(world, world=True) or 0


@pytest.mark.parametrize(
    'place',
    [
        {},
        {'scale': (0.25, 0.4), 'translate': (100, -7), 'units': 'um'},
        {'scale': (0.5, 0.7), 'rotate': -70, 'shear': [0.3]},
        {'affine': AFFINE, 'scale': (0.3, 0.3), 'rotate': 12},
    ],
    ids=lambda place: '+'.join(place) or 'plain',
)
def test_each_label_covers_its_field(viewer, table, place):
    image = viewer.add_image(np.zeros((145, 300, 3), np.uint8), **place)
    layer = show_fields(viewer, image, table)
    layer.visible = True
    labels = layer.features['index'].tolist()
    for label, box in zip(labels, table.boxes, strict=True):
        top, left = box.y + 0.1, box.x + 0.1
        bottom, right = box.bottom - 1.1, box.right - 0.1
        for y, x in ((top, left), (top, right), (bottom, left)):
            assert at(layer, image, y, x) == label
    assert at(layer, image, 5, 5) == 0
    # It ends with the slide, to a cell.
    assert layer.data.shape == (18, 30)
    assert layer.units == image.units


def test_colours_are_those_of_the_classes(viewer, image, table):
    layer = show_fields(viewer, image, table)
    colors = layer.colormap.map(layer.features['index'].to_numpy())
    for color, best in zip(colors, table.likeliest, strict=True):
        expected = (
            (*class_color(best - 1), 1) if best else (0.5, 0.5, 0.5, 0.5)
        )
        np.testing.assert_allclose(color, expected, atol=0.01)
    assert layer.colormap.map(np.array([0]))[0, 3] == 0
    assert len(np.unique(layer.data)) == 1 + len(table)


def test_hovering_tells_the_figures_of_a_field(viewer, image, table):
    layer = show_fields(viewer, image, table)
    layer.visible = True
    index = 20
    box = table.boxes[index]
    status = layer.get_status((box.y + 3, box.x + 3), world=True)['value']
    row = layer.features.iloc[index]
    name = CLASSES[table.likeliest[index]]
    assert f'Class: {name}' in status
    for key, value in {
        'Probability malignant': table.probabilities[index, 2],
        'Entropy': table.entropies[index, 0],
        'Entropy foreground': table.entropies[index, 1],
        'Entropy background': table.entropies[index, 2],
        'Marked share': table.marked[index] / 1000,
        'Marked mm^2': table.marked[index] * 16e-6,
    }.items():
        assert row[key] == pytest.approx(value, abs=6e-4)
        assert f'{key}: ' in status


def test_it_is_hidden_above_its_image_and_leaves_the_selection(
    viewer, image, table
):
    above = viewer.add_image(np.zeros((4, 4)))
    viewer.layers.selection = {image}
    layer = show_fields(viewer, image, table)
    assert list(viewer.layers) == [image, layer, above]
    assert viewer.layers.selection == {image}
    assert not layer.visible
    assert not layer.editable
    assert layer.name == 'Field classes: tissue'
    assert is_overlay(layer)


def test_a_later_result_takes_the_same_layer(viewer, image, table):
    first = show_fields(viewer, image, table)
    first.visible, first.opacity = True, 0.8
    fewer = replace(
        table,
        **{
            name: getattr(table, name)[:5]
            for name in (
                'row',
                'col',
                'wanted',
                'marked',
                'probabilities',
                'entropies',
            )
        },
    )
    assert show_fields(viewer, image, fewer) is first
    assert len(viewer.layers) == 2
    assert (first.visible, first.opacity) == (True, 0.8)
    assert len(first.features) == 5
    assert len(np.unique(first.data)) == 6
    assert not first.editable


def test_each_image_has_its_own(viewer, image, table):
    other = viewer.add_image(np.zeros((145, 300)))
    first = show_fields(viewer, image, table)
    second = show_fields(viewer, other, table)
    assert first is not second
    assert fields_layer(viewer, image) is first
    assert fields_layer(viewer, other) is second


def test_a_result_without_fields_takes_the_layer_away(viewer, image, table):
    show_fields(viewer, image, table)
    assert show_fields(viewer, image, None) is None
    assert list(viewer.layers) == [image]


@pytest.mark.parametrize(
    ('height', 'width', 'side', 'pixel'),
    [(18, 30, 4, 1), (600, 600, 16, 2), (2200, 2200, 16, 8), (9000, 9, 1, 1)],
)
def test_a_large_slide_is_shown_more_coarsely(height, width, side, pixel):
    lattice = FieldLattice(height, width, side, side, 32, 32, 1, 1)
    assert pixel_side(lattice) == pixel


def test_labels_of_a_large_slide_stay_few(viewer):
    side = 142
    count = side * side
    row, col = np.divmod(np.arange(count), side)
    table = FieldTable(
        row=row,
        col=col,
        wanted=np.ones(count, np.int64),
        marked=np.ones(count, np.int64),
        probabilities=np.full((count, 3), 1 / 3),
        entropies=np.ones((count, 3)),
        lattice=FieldLattice(2265, 2272, 16, 16, 32, 32, 72480, 72704),
        classes=CLASSES,
        roi_classes=CLASSES[1:],
    )
    image = Image(np.zeros((2265, 2272)), scale=(32, 32))
    viewer.layers.append(image)
    layer = show_fields(viewer, image, table)
    layer.visible = True
    assert layer.data.size <= MOST_PIXELS
    assert len(layer.colormap.colors) == 4
    assert len(np.unique(layer.data)) == count
    status = layer.get_status((0, 0), world=True)['value']
    assert 'Marked share: 1' in status
    assert 'Marked mm^2' not in status


@pytest.mark.viewer
def test_shown_in_a_viewer(make_napari_viewer, table):
    viewer = make_napari_viewer(show=True)
    image = viewer.add_image(np.zeros((145, 300, 3), np.uint8))
    layer = show_fields(viewer, image, table)
    layer.visible, layer.opacity = True, 1.0
    shot = viewer.screenshot(canvas_only=True, flash=False)
    seen = {tuple(color) for color in shot.reshape(-1, 4).tolist()}
    for index in range(2):
        color = np.round(np.multiply(class_color(index), 255)).astype(int)
        assert (*color.tolist(), 255) in seen
