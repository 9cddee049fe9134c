import numpy as np
import pytest
from made_maps import finished, regions_of

from napari_wsol.regions.region import Frame
from napari_wsol.regions.relevance import weighed

FRAME = Frame(1.0, 1.0)


def averaged(cells):
    """Softmax of the mean cell."""
    weights = np.exp(cells.mean(1, dtype=np.float64))
    return weights / weights.sum()


def entropy(probabilities):
    return -(probabilities * np.log(probabilities)).sum() / np.log(
        len(probabilities)
    )


def asked(mask, scores, step, classify=averaged, frame=FRAME, **settings):
    table, outlines = regions_of(mask, frame=frame)
    scores = np.asarray(scores, np.float32)
    return finished(
        weighed(table, outlines, scores, step, classify, **settings)
    )


@pytest.fixture
def scores():
    return np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)


def test_cells_are_those_whose_centre_is_in_the_region(scores):
    mask = np.zeros((16, 20))
    mask[0:4, 0:11] = 1  # cells (0, 0), (0, 1), (0, 2); the last by its centre
    mask[6:12, 13:20] = 1  # cells (2, 3) and (2, 4): row 1 is half outside
    mask[6:12, 13] = 0
    mask[6, 13:20] = 0
    table, events = asked(mask, scores, (4.0, 4.0))
    likeliest = averaged(scores.reshape(3, -1)).argmax()
    for index, cells in enumerate([[0, 1, 2], [13, 14]]):
        flat = scores.reshape(3, -1)
        alone = averaged(flat[:, cells])[likeliest]
        rest = entropy(averaged(np.delete(flat, cells, axis=1)))
        assert table.class_alone[index] == pytest.approx(alone)
        assert table.entropy_without[index] == pytest.approx(
            rest - entropy(averaged(flat))
        )
    assert (events[-1].done, events[-1].total) == (2, 2)


def test_a_region_between_centres_has_the_cell_of_its_centroid(scores):
    mask = np.zeros((16, 20))
    mask[9, 5] = 1
    table, _ = asked(mask, scores, (4.0, 4.0))
    flat = scores.reshape(3, -1)
    likeliest = averaged(flat).argmax()
    alone = averaged(flat[:, [2 * 5 + 1]])[likeliest]
    assert table.class_alone[0] == pytest.approx(alone)


def test_cells_are_found_where_the_map_lies(scores):
    mask = np.zeros((4, 4))
    mask[1:3, 2:4] = 1
    frame = Frame(2.0, 2.0, 6.0, 10.0)  # y 8 to 12, x 14 to 18: cell (2, 4)
    table, _ = asked(mask, scores, (4.0, 3.5), frame=frame)
    flat = scores.reshape(3, -1)
    alone = averaged(flat[:, [14]])[averaged(flat).argmax()]
    assert table.class_alone[0] == pytest.approx(alone)


def test_the_region_that_decides_leaves_doubt_and_others_do_not():
    cells = np.zeros((2, 1, 8))
    cells[1, 0, 0] = 80
    table, _ = asked([[1, 0, 0, 0, 1, 0, 0, 0]], cells, (1.0, 1.0))
    assert table.class_alone[0] == pytest.approx(1.0)
    assert table.class_alone[1] == pytest.approx(0.5)
    assert table.entropy_without[0] > 0.9
    assert abs(table.entropy_without[1]) < 0.01


def test_cells_that_do_not_count_are_left_out(scores):
    scores[:, 0] = np.nan
    mask = np.zeros((4, 5))
    mask[0, :2] = 1
    mask[2, :2] = 1
    table, _ = asked(mask, scores, (1.0, 1.0))
    assert np.isnan(table.class_alone).tolist() == [True, False]
    assert np.isnan(table.entropy_without).tolist() == [True, False]


def test_a_region_that_is_all_of_the_image_leaves_nothing(scores):
    table, _ = asked(np.ones((4, 5)), scores, (1.0, 1.0))
    assert table.class_alone[0] == averaged(scores.reshape(3, -1)).max()
    assert np.isnan(table.entropy_without[0])


def test_nothing_is_asked_where_no_cell_counts():
    table, _ = asked(np.ones((4, 5)), np.full((3, 4, 5), np.nan), (1.0, 1.0))
    assert np.isnan(table.class_alone).all()


def test_only_the_largest_are_asked_about_where_that_is_wanted(scores):
    mask = np.array([[1, 0, 1, 1, 1], [0, 0, 0, 0, 0], [1, 1, 0, 0, 0]])
    table, _ = asked(mask, scores, (1.0, 1.0), most=2)
    assert table.pixels.tolist() == [1, 3, 2]
    assert np.isnan(table.class_alone).tolist() == [True, False, False]
    assert np.isnan(table.entropy_without).tolist() == [True, False, False]


def test_regions_of_the_same_cells_are_asked_about_once(scores):
    questions = []

    def counting(cells):
        questions.append(cells.shape[1])
        return averaged(cells)

    mask = np.zeros((40, 50))
    mask[1:4:2, 1:4:2] = 1
    table, _ = asked(mask, scores, (10.0, 10.0), counting)
    assert len(table) == 4
    assert questions == [20, 1, 19]
