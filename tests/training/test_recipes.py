"""Methods as chains of stages."""

from typing import get_args

import pytest

from napari_wsol.methods.registry import create_method
from napari_wsol.models.card import MethodName
from napari_wsol.training.recipes import DEFAULTS, configure, stages_of

METHODS = get_args(MethodName)


def test_every_method_has_settings():
    assert set(DEFAULTS) == set(METHODS)


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('negative', [None, 'background'])
def test_stages_know_their_teachers_and_settings(method, negative):
    config = configure(method, negative_class=negative)
    known = set()
    for stage in stages_of(config):
        assert stage.name not in known
        assert set(stage.taught_by) <= known
        assert stage.starts_from is None or stage.starts_from in known
        assert stage.lesson == 'labels' or stage.taught_by
        create_method(stage.method, config.model_dump() | dict(stage.settings))
        known.add(stage.name)
    assert config.method == method


def test_what_is_stated_goes_before_a_methods_own_settings():
    assert configure('min-max-entropy').sharpness == 8
    assert configure('min-max-entropy', sharpness=3).sharpness == 3
    assert configure('max-min-uncertainty').sharpness == 5


def test_negative_evidence_learns_upon_a_frozen_classifier():
    first, decoder = stages_of(configure('negev'))
    assert decoder.architecture.neck == 'unet'
    assert decoder.starts_from == first.name
    assert decoder.frozen == ('encoder', 'classifier')
    assert decoder.lesson == 'seeds'
    published = stages_of(configure('negev', seeds_from='class-map'))
    assert [stage.method for stage in published] == ['cam', 'negev']
    assert published[1].lesson == 'labels'
    between = stages_of(configure('negev', seeds_from='max-min-uncertainty'))
    assert between[0].method == 'max-min-uncertainty'


def test_pseudo_labels_come_from_the_class_map():
    classifier, segmenter = stages_of(configure('pseudo-label'))
    assert classifier.method == 'cam'
    assert segmenter.bands == 'class-map'
    assert segmenter.architecture.neck == 'deeplabv3plus'
    assert segmenter.architecture.output_stride == 16
    config = configure('pseudo-label')
    assert config.foreground_confidence == 0.7


def test_self_taught_adapts_to_the_labels():
    alone = stages_of(configure('self-taught'))
    with_negatives = stages_of(
        configure('self-taught', negative_class='background')
    )
    assert [stage.bands for stage in alone if stage.lesson == 'pixels'] == [
        *['rank'] * 3,
        *['pooled'] * 3,
    ]
    assert {stage.bands for stage in with_negatives[1:]} == {'confidence'}
    assert alone[0].by_contrast
    assert alone[0].frozen == ('encoder', 'localizer')
    assert with_negatives[0].method == 'max-min-uncertainty'
    assert alone[1].taught_by == ('contrast',)
    assert alone[2].taught_by == ('student-1',)


def test_a_max_min_localizer_can_be_the_teacher():
    config = configure('self-taught', teacher='max-min-uncertainty', rounds=1)
    teacher, student = stages_of(config)
    assert teacher.architecture.pixel_head == 'class-maps'
    assert student.taught_by == (teacher.name,)


def test_only_the_last_student_takes_a_second_look():
    looks = [
        create_method(
            stage.method,
            configure('self-taught').model_dump() | dict(stage.settings),
        ).masked_weight
        for stage in stages_of(configure('self-taught'))
        if stage.method == 'segmentation'
    ]
    assert looks[-1] > 0
    assert set(looks[:-1]) == {0}
