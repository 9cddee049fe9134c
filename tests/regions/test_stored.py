from dataclasses import replace

import numpy as np
import pytest
import zarr
from made_maps import finished
from made_prediction import made_prediction

from napari_wsol.errors import BadInputError
from napari_wsol.inference.grid import make_grid
from napari_wsol.inference.layout import StoreSpec, create_layout
from napari_wsol.inference.results import write_card
from napari_wsol.regions.extraction import extract_result
from napari_wsol.regions.region import Frame
from napari_wsol.regions.stored import open_maps, open_result

GRID = make_grid(
    (200, 300), (2.0, 2.5), tile=64, halo=32, stride=4, class_stride=16
)
CARD = made_prediction(
    store='made.zarr',
    mpp=0.275,
    mpp_source='made',
    step_y=GRID.map_step[0],
    step_x=GRID.map_step[1],
)


def made_result(folder, labels=CARD.roi_classes, size=(0.25, 0.3), classes=3):
    spec = StoreSpec(GRID, classes, labels, size, 'made', 1)
    group = create_layout(folder / 'made.zarr', spec)
    group['probability/0'][2:5, 3:9] = 0.5
    group['probability/0'][8, 8] = 0.75
    if len(labels) > 1:
        group['class_probability/0'][1] = 1.0
    write_card(folder / 'made.json', replace(CARD, roi_classes=labels))
    return folder / 'made.json'


def test_regions_of_a_stored_prediction_lie_where_the_slide_has_them(tmp_path):
    card = made_result(tmp_path)
    (table, outlines), _ = finished(extract_result(card))
    assert table.frame == Frame(8.0, 10.0, 0.0, 0.0, 0.25, 0.3)
    assert table.pixels.tolist() == [18, 1]
    assert table.roi_classes == ('benign', 'malignant')
    assert table.roi_class.tolist() == [1, 1]
    assert outlines.polygon(1).bounds == (30.0, 16.0, 90.0, 40.0)


def test_the_users_threshold_takes_the_place_of_the_stored_one(tmp_path):
    card = made_result(tmp_path)
    (table, _), _ = finished(extract_result(card, 0.6))
    assert table.pixels.tolist() == [1]


def test_cells_of_the_classifier_have_their_step(tmp_path):
    result = open_result(made_result(tmp_path))
    assert result.maps.pixels_per_cell == (4, 4)
    assert result.cell_step == GRID.cell_step
    assert result.maps.scores.shape == (3, 3, *GRID.cells_shape)


def test_maps_that_a_model_does_not_give_are_none(tmp_path):
    card = made_result(tmp_path, ('gland',), None, classes=0)
    result = open_result(card)
    assert result.maps.class_probability is None
    assert result.maps.scores is None
    assert result.frame.pixel_um2 is None
    (table, _), _ = finished(extract_result(card))
    assert table.roi_class.tolist() == [0, 0]


def test_a_missing_card_is_told_of(tmp_path):
    with pytest.raises(BadInputError, match=r'made\.json'):
        open_result(tmp_path / 'made.json')


def test_a_missing_or_other_store_is_told_of(tmp_path):
    write_card(tmp_path / 'made.json', CARD)
    with pytest.raises(BadInputError, match=r'made\.zarr.*again'):
        open_result(tmp_path / 'made.json')
    zarr.create_group(str(tmp_path / 'made.zarr'))
    with pytest.raises(BadInputError, match=r'made\.zarr.*again'):
        open_result(tmp_path / 'made.json')


def test_a_store_without_its_scale_is_told_of(tmp_path):
    card = made_result(tmp_path)
    group = zarr.open_group(str(tmp_path / 'made.zarr'))
    group.attrs['ome'] = {}
    with pytest.raises(BadInputError, match=r'made\.zarr.*again'):
        open_result(card)


def test_maps_are_opened_for_reading_only(tmp_path):
    made_result(tmp_path)
    maps = open_maps(tmp_path / 'made.zarr')
    with pytest.raises(ValueError, match='read-only'):
        maps.probability[0, 0] = np.float32(1)
