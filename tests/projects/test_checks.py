"""What stands in the way of a training, said before it starts."""

import pytest

from napari_wsol.errors import BadInputError
from napari_wsol.projects.checks import estimate, obstacles
from napari_wsol.projects.recipe import config_of
from napari_wsol.slides.geometry import Box


def stops(project):
    return [
        f'{found.text} {found.fix}'
        for found in obstacles(project, 'quick')
        if found.kind == 'stop'
    ]


def notes(project, speed='quick'):
    return [
        f'{found.text} {found.fix}'
        for found in obstacles(project, speed)
        if found.kind == 'note'
    ]


@pytest.fixture
def labelled(project, images):
    """Each patient has an image of either class."""
    keys = project.add_images(images)
    project.set_label(keys[::2], 'benign')
    project.set_label(keys[1::2], 'malignant')
    return project


def test_nothing_stands_in_the_way_of_two_classes(labelled):
    assert stops(labelled) == []


def test_labels_of_two_classes_are_needed(project, images):
    assert 'Nothing is labelled' in stops(project)[0]
    keys = project.add_images(images)
    project.set_label(keys, 'benign')
    (said,) = stops(project)
    assert 'All labels say "benign"' in said
    assert 'hold nothing to be marked' in said
    project.set_label(keys[:6], 'background')
    assert stops(project) == []


def test_another_patient_is_needed_to_test(project, images):
    for number, label in enumerate(('benign', 'malignant') * 3):
        box = Box(number, 0, 1, 1)
        project.add_field(images[0], box, label, mpp=None)
    (said,) = stops(project)
    assert 'No other patient or slide' in said
    for label in ('benign', 'malignant'):
        project.add_field(images[2], Box(0, 0, 4, len(label)), label, mpp=None)
    assert stops(project) == []


def test_moved_images_are_named(labelled, images):
    images[3].unlink()
    (said,) = stops(labelled)
    assert images[3].name in said
    assert 'in which folder the images are now' in said


def test_a_parent_that_is_gone_is_named(labelled, tmp_path):
    labelled.set_parent(tmp_path / 'gone')
    (said,) = stops(labelled)
    assert 'does not exist' in said


def test_fields_that_contradict_each_other_are_named(labelled, images):
    labelled.add_field(images[0], Box(0, 0, 10, 10), 'benign', mpp=None)
    labelled.add_field(images[0], Box(0, 20, 10, 10), 'background', mpp=None)
    assert not any('overlap' in said for said in notes(labelled))
    labelled.add_field(images[0], Box(2, 2, 9, 9), 'background', mpp=None)
    (said,) = [said for said in notes(labelled) if 'overlap' in said]
    assert '(1 times: "benign" and "background" in case1_0.png)' in said


def test_few_labels_make_no_full_training(labelled):
    assert any('by heart' in said for said in notes(labelled, 'full'))
    assert not any('by heart' in said for said in notes(labelled))


def test_a_full_training_takes_longer(labelled):
    quick = estimate(labelled, 'quick', seconds_per_image=0.1)
    full = estimate(labelled, 'full', seconds_per_image=0.1)
    assert 0 < quick.seconds < full.seconds
    assert quick.memory_bytes > 2**30
    assert 'labels' in quick.words


def test_a_project_states_the_settings_of_its_training(labelled):
    config = config_of(labelled, 'quick')
    assert config.freeze_encoder is True
    assert config.negative_class is None
    assert config.name == 'mein-Projekt'
    labelled.set_label(list(labelled.items)[:2], 'background')
    config = config_of(labelled, 'full', {'batch': 3, 'method': 'cam'})
    assert config.negative_class == 'background'
    assert (config.batch, config.method) == (3, 'cam')
    with pytest.raises(BadInputError, match='crop'):
        config_of(labelled, 'quick', {'crop': 33})
    with pytest.raises(BadInputError, match='colour'):
        config_of(labelled, 'quick', {'colour': 'red'})
