"""Methods as chains of stages."""

from typing import get_args

import pytest

from napari_wsol.methods.registry import create_method
from napari_wsol.models.card import MethodName
from napari_wsol.training.recipes import (
    DEFAULTS,
    PARENT,
    configure,
    fine_tuning,
    like_parent,
    stages_of,
)

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
    *_, first, decoder = stages_of(configure('negev'))
    assert decoder.architecture.neck == 'unet'
    assert decoder.starts_from == first.name
    assert decoder.frozen == ('encoder', 'classifier')
    assert decoder.lesson == 'seeds'
    published = stages_of(configure('negev', map_from='class-map'))
    assert [stage.method for stage in published] == ['cam', 'negev']
    assert published[1].lesson == 'labels'
    assert first.method == 'max-min-uncertainty'
    contrast, _ = stages_of(configure('negev', map_from='contrast'))
    assert contrast.by_contrast


def test_pseudo_labels_come_from_a_map():
    published = configure('pseudo-label', map_from='class-map')
    classifier, segmenter = stages_of(published)
    assert classifier.method == 'cam'
    assert segmenter.bands == 'class-map'
    *_, localizer, default = stages_of(configure('pseudo-label'))
    assert localizer.method == 'max-min-uncertainty'
    assert default.bands == 'pooled'
    assert segmenter.architecture.neck == 'deeplabv3plus'
    assert segmenter.architecture.output_stride == 16
    config = configure('pseudo-label')
    assert config.foreground_confidence == 0.7


def test_self_taught_adapts_to_the_labels():
    alone = stages_of(configure('self-taught'))
    with_negatives = stages_of(
        configure('self-taught', negative_class='background', guided=False)
    )
    contrast, teacher, *students = alone
    assert contrast.by_contrast
    assert contrast.epochs == 0
    assert teacher.taught_by == (contrast.name,)
    assert teacher.architecture.pixel_head == 'class-maps'
    assert students[0].taught_by == (teacher.name,)
    assert students[1].taught_by == ('student-1',)
    assert {stage.bands for stage in students} == {'pooled'}
    assert with_negatives[0].method == 'max-min-uncertainty'
    assert with_negatives[0].architecture.pixel_head == 'softmax'
    assert with_negatives[0].lesson == 'labels'


def test_early_rounds_may_go_by_ranks():
    config = configure('self-taught', ranked_rounds=1, rounds=2)
    students = stages_of(config)[-2:]
    assert [stage.bands for stage in students] == ['rank', 'pooled']


def test_the_contrast_can_be_the_teacher():
    config = configure('self-taught', teacher='contrast', rounds=1)
    teacher, student = stages_of(config)
    assert teacher.epochs > 0
    assert teacher.frozen == ('encoder', 'localizer')
    assert student.taught_by == (teacher.name,)


@pytest.mark.parametrize('method', ['max-min-uncertainty', 'min-max-entropy'])
def test_a_localizer_learns_as_published_without_a_guide(method):
    (alone,) = stages_of(configure(method, guided=False))
    assert alone.lesson == 'labels'
    guided = stages_of(configure(method))[-1]
    assert (guided.lesson, guided.bands) == ('pixels', 'rank')


def test_fine_tuning_starts_from_a_parent_and_is_taught_by_it():
    (quick,) = stages_of(fine_tuning('quick', parent=True))
    assert quick.taught_by == (PARENT,)
    assert quick.starts_from == PARENT
    assert fine_tuning('quick', parent=True).freeze_encoder is True
    assert fine_tuning('full', parent=True, rounds=5).rounds == 5


def test_students_of_a_full_training_never_saw_the_parents_maps():
    (student,) = stages_of(fine_tuning('full', parent=True))
    assert (student.starts_from, student.anew) == (None, True)
    stated = fine_tuning('full', parent=True, students_from='parent')
    (student,) = stages_of(stated)
    assert (student.starts_from, student.anew) == (PARENT, False)
    assert not any(
        s.anew for s in stages_of(fine_tuning('full', parent=False))
    )


def test_fine_tuning_without_a_parent_starts_from_the_tissue():
    contrast, student = stages_of(fine_tuning('quick', parent=False))
    assert contrast.by_contrast
    assert student.starts_from is None


def test_a_run_takes_from_its_parent_what_the_weights_ask_for(card):
    config = fine_tuning('quick', parent=True)
    taken = like_parent(config, card, ['benign', 'serrated'])
    assert taken.classes == ('background', 'benign', 'malignant', 'serrated')
    assert taken.negative_class == 'background'
    assert taken.mpp == card.mpp
    assert taken.encoder == card.architecture.encoder
    assert taken.student_stride == card.architecture.stride
    stated = fine_tuning('quick', parent=True, mpp=2.0, classes=('a', 'b'))
    assert like_parent(stated, card, ['a']).mpp == 2.0
    assert like_parent(stated, card, ['a']).classes == ('a', 'b')


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
