import pytest

from napari_wsol.cohorts.course import Course, Stage, priority
from napari_wsol.inference.grid import Block
from napari_wsol.inference.settings import Progress

BLOCKS = Block(0, 0, 8), Block(0, 1, 8)
BEGUN = Progress(0, 0, 'MP', 0, 1)
HALF = Progress(5, 10, 'MP', 1, 1)


@pytest.fixture
def course(make_image, make_task):
    return Course(make_task(make_image('a.png')), split=True)


def test_blocks_follow_the_sharing_out_and_the_results_the_last_block(course):
    assert course.first is Stage.SHARE_OUT
    assert course.after(course.first, dict.fromkeys(BLOCKS, 1.0)) == BLOCKS
    assert course.after(BLOCKS[1], None) == ()
    assert course.after(BLOCKS[0], None) == (Stage.RESULTS,)


def test_a_slide_that_cannot_be_shared_out_is_run_in_one_piece(course):
    assert course.after(course.first, {}) == (Stage.RESULTS,)


def test_blocks_that_run_count_into_how_far_the_slide_is(course):
    course.after(course.first, dict(zip(BLOCKS, (4.0, 2.0), strict=True)))
    course.tell(BLOCKS[0], 'one', BEGUN, begins=True)
    told = course.tell(BLOCKS[1], 'two', HALF, begins=False)
    assert (told.progress.done, told.progress.total) == (1, 6)
    assert told.worker == 'one, two'
    course.after(BLOCKS[0], None)
    told = course.tell(BLOCKS[1], 'two', HALF, begins=False)
    assert (told.progress.done, told.progress.message) == (5, '1 of 2 blocks')
    assert told.worker == 'two'


def test_how_often_a_part_begins_is_counted_for_itself(course):
    course.after(course.first, dict.fromkeys(BLOCKS, 1.0))
    for _ in range(2):
        course.tell(BLOCKS[0], 'one', BEGUN, begins=True)
    assert list(map(course.begun, BLOCKS)) == [2, 0]


def test_slides_that_are_begun_come_first():
    parts = [Stage.SHARE_OUT, *BLOCKS, Stage.RESULTS]
    assert list(map(priority, parts)) == [0, 1, 1, 2]
