from dataclasses import replace

import numpy as np
import pytest
from made_prediction import made_prediction

from napari_wsol.evaluation.comparing import compare
from napari_wsol.inference.maps import CLASSES, PROBABILITY

PREDICTION = made_prediction()


@pytest.fixture
def maps():
    """Upper half marked; its left said benign, its right malignant."""
    probability = np.zeros((8, 8), np.float32)
    probability[:4] = 0.9
    benign = np.zeros((8, 8), np.float32)
    benign[:, :4] = 1
    return {
        PROBABILITY: probability,
        CLASSES: np.stack([benign, 1 - benign]),
    }


@pytest.fixture
def truth():
    """The upper left six columns."""
    truth = np.zeros((8, 8), bool)
    truth[:4, :6] = True
    return truth


def test_pixels_are_given_the_predicted_class(maps, truth):
    found = compare(truth, maps, PREDICTION, 0)
    assert found.by_class.tolist() == [[16, 0, 8], [0, 16, 0]]
    other = compare(truth, maps, PREDICTION, 1)
    assert other.by_class.tolist() == [[0, 16, 0], [8, 8, 16]]
    assert found.confusion == other.confusion
    assert (found.confusion.tp, found.confusion.fp) == (24, 8)


def test_what_is_marked_in_a_negative_image_is_false_for_every_class(maps):
    found = compare(np.zeros((8, 8), bool), maps, PREDICTION, -1)
    assert found.by_class.tolist() == [[0, 16, 0], [0, 16, 0]]


def test_classes_are_not_judged_where_the_label_or_maps_do_not_tell(
    maps, truth
):
    assert compare(truth, maps, PREDICTION, None).by_class is None
    del maps[CLASSES]
    assert compare(truth, maps, PREDICTION, 0).by_class is None


def test_a_coarse_map_is_compared_at_the_pixels_of_the_mask(maps, truth):
    coarse = replace(PREDICTION, step_y=4.0, step_x=4.0)
    large = truth.repeat(4, 0).repeat(4, 1)
    found = compare(large, maps, coarse, 0)
    assert found.confusion.tp == 16 * 24
    assert found.histogram.foreground.sum() == large.sum()
