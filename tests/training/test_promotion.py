"""Old against new, on networks that have learned nothing."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_project import end_of, make_model, make_project

from napari_wsol.errors import BadInputError
from napari_wsol.slides.geometry import Box
from napari_wsol.training.looking import look_at
from napari_wsol.training.promotion import Seen, compare, error_of_change
from napari_wsol.training.table import read_table


@pytest.fixture(scope='module')
def model():
    return make_model()


@pytest.fixture(scope='module')
def rows(tmp_path_factory):
    place = tmp_path_factory.mktemp('fields')
    with make_project(place, fields=True) as project:
        yield read_table(project.folder).rows


def test_both_models_are_asked_about_the_same_items(model, rows):
    held_out = [row for row in rows if row.split == 'val']
    learned = [row for row in rows if row.split == 'train']
    found = end_of(
        compare(
            make_model(seed=1),
            model,
            held_out,
            learned,
            negative_class='flat',
        )
    )
    assert found.old != found.new
    assert found.old.n_items == found.new.n_items == len(held_out)
    assert found.training.n_items == len(held_out)
    assert dict(found.held_out)['flat'] == len(held_out) // 2
    assert 0 <= found.new.accuracy <= 1
    assert 0 <= found.new.foreground_on_negatives <= 1
    assert found.new.f1_foreground is None
    assert found.new.pxap is None
    alike = end_of(compare(model, model, held_out, negative_class='flat'))
    assert alike.old == alike.new
    assert alike.training is None
    assert (alike.gained, alike.lost) == (0, 0)
    assert alike.marked_error == 0


def test_items_that_change_sides_are_counted(rows):
    flat = [row for row in rows if row.label == 'flat'][:2]
    found = end_of(compare(certain(-50.0), certain(50.0), flat))
    assert (found.gained, found.lost) == (2, 0)
    back = end_of(compare(certain(50.0), certain(-50.0), flat))
    assert (back.gained, back.lost) == (0, 2)


def test_the_change_on_negatives_has_a_spread():
    def seen(*marked):
        return [
            Seen(True, True, SimpleNamespace(marked=each), None)
            for each in marked
        ]

    old, new = seen(0.1, 0.2, 0.3), seen(0.2, 0.3, 0.7)
    assert error_of_change(old, new) == pytest.approx(0.1)
    assert error_of_change(old[:1], new[:1]) == 0


def certain(of_flat):
    """A model that takes everything for "flat", or for "dots"."""
    model = make_model(('flat', 'dots'), 'flat')
    with torch.no_grad():
        model.network.classifier.to_modalities.bias[:] = torch.tensor(
            [of_flat, -of_flat]
        )
    return model


def test_the_negative_class_may_have_another_name(rows):
    flat = [row for row in rows if row.label == 'flat'][:2]
    sure = make_model(('benign', 'dots'), 'benign')
    with torch.no_grad():
        sure.network.classifier.to_modalities.bias[:] = torch.tensor(
            [50.0, -50.0]
        )
    found = end_of(compare(None, sure, flat, negative_class='flat'))
    assert found.new.accuracy == 1
    unknown = end_of(compare(None, sure, flat))
    assert unknown.new.accuracy == 0
    assert unknown.new.foreground_on_negatives is None


@pytest.mark.parametrize('field', [None, Box(16, 16, 64, 32)])
def test_masks_are_measured_where_the_label_speaks(
    model, rows, tmp_path, field
):
    look = look_at(model, rows[0].image, 1.0, field)
    truth = np.zeros((96, 96), np.uint8)
    part = look.map >= model.card.threshold
    area = look.area
    truth[int(area.y) : int(area.bottom), int(area.x) : int(area.right)] = (
        part.repeat(8, 0).repeat(8, 1)
    )
    Image.fromarray(truth).save(tmp_path / 'mask.png')
    row = replace(rows[0], field=field, mask=tmp_path / 'mask.png')
    figures = end_of(compare(None, model, [row])).new
    assert figures.f1_foreground > 60
    assert figures.f1_background > 60
    assert math.isfinite(figures.pxap)


def test_items_that_are_gone_count_for_neither(model, rows, tmp_path):
    gone = replace(rows[0], image=tmp_path / 'gone.png')
    found = end_of(compare(model, model, [gone, rows[1]]))
    assert found.old.n_items == found.new.n_items == 1
    with pytest.raises(BadInputError, match='were moved'):
        end_of(compare(model, model, [gone]))
