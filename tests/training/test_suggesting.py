"""What a network that has learned nothing wants to be told."""

import numpy as np
import pytest
from PIL import Image
from tiny_project import end_of, make_model, make_project

from napari_wsol.slides.geometry import Box
from napari_wsol.training.suggesting import suggest


@pytest.fixture(scope='module')
def model():
    return make_model()


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    place = tmp_path_factory.mktemp('fields')
    with make_project(place, fields=True) as project:
        yield project


@pytest.fixture
def images(project):
    return [
        (path, 1.0)
        for path in dict.fromkeys(i.image for i in project.items.values())
    ][:2]


def ranked(project, model, images, count=5, **changes):
    return end_of(
        suggest(
            images, project.labelled(), model, count, side_um=32, **changes
        )
    )


def test_free_fields_with_tissue_are_suggested_best_first(
    project, model, images
):
    found = ranked(project, model, images, count=20)
    assert len(found) == 12  # the lower third is labelled
    for each in found:
        assert (each.box.height, each.box.width) == (32, 32)
        mine = [
            item.field
            for item in project.labelled()
            if str(item.image) == each.image
        ]
        for field in mine:
            common = each.box.intersection(field)
            assert common is None or common.height * common.width <= 256
        assert each.mpp == 1.0
        assert each.predicted in model.card.classes
        assert each.reason
    scores = [each.score for each in found]
    assert scores == sorted(scores, reverse=True)
    assert ranked(project, model, images, count=2) == found[:2]


def test_suggestions_say_why(project, model, images):
    reasons = {each.reason for each in ranked(project, model, images, 20)}
    assert all(
        reason.startswith(('unsure: ', 'background alone still looks '))
        or reason == 'unlike anything labelled'
        for reason in reasons
    )


def test_what_is_labelled_as_a_whole_is_not_suggested(tmp_path, model):
    with make_project(tmp_path) as project:
        first = next(iter(project.items.values()))
        assert ranked(project, model, [(first.image, 1.0)]) == ()
        project.set_label([first.key], None)
        small = end_of(
            suggest(
                [(first.image, 1.0)],
                project.labelled(),
                model,
                3,
                side_um=200,
                negative_class='flat',
            )
        )
        assert [each.box for each in small] == [Box(0, 0, 96, 96)]


def test_fields_say_more_than_the_label_of_their_image(tmp_path, model):
    with make_project(tmp_path) as project:
        first = next(iter(project.items.values()))

        def suggested(**changes):
            return ranked(project, model, [(first.image, 1.0)], 20, **changes)

        assert len(suggested(negative_class='flat')) == 9
        assert suggested(negative_class=first.label) == ()


def test_glass_is_not_suggested(tmp_path, model, project):
    pixels = np.full((96, 192, 3), 245, np.uint8)
    pixels[:, :96] = (190, 90, 170)
    Image.fromarray(pixels).save(tmp_path / 'half.png')
    found = ranked(project, model, [(tmp_path / 'half.png', 1.0)], 20)
    assert found
    assert all(each.box.x < 96 for each in found)
