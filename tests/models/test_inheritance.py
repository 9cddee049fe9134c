"""Networks that start from the weights of another."""

import pytest
import torch

from napari_wsol.errors import BadInputError
from napari_wsol.models.card import Architecture
from napari_wsol.models.inheritance import inherit
from napari_wsol.models.localizer import Localizer

OLD = ('background', 'benign', 'malignant')


def network(classes, negative='background', seed=0, **changes):
    torch.manual_seed(seed)
    architecture = Architecture(
        **{
            'encoder': 'test_efficientnet',
            'channels': 8,
            'modalities': 1,
            'pixel_head': 'softmax',
            **changes,
        }
    )
    return Localizer(architecture, classes, negative).eval()


def answers(net):
    torch.manual_seed(7)
    maps = net.maps(torch.randn(1, 3, 64, 64), classify=True)
    return maps.pixel, maps.class_scores[:, 0]


def test_the_same_classes_give_the_same_answers():
    donor = network(OLD)
    heir = network(OLD, seed=1)
    inherit(heir, donor)
    for mine, theirs in zip(answers(heir), answers(donor), strict=True):
        assert torch.equal(mine, theirs)


def test_classes_are_found_by_name_whatever_their_order():
    donor = network(OLD)
    heir = network(('none', 'malignant', 'benign'), 'none', seed=1)
    inherit(heir, donor)
    pixel, scores = answers(heir)
    their_pixel, their_scores = answers(donor)
    assert torch.allclose(pixel, their_pixel[:, [0, 2, 1]])
    assert torch.allclose(scores, their_scores[:, [0, 2, 1]])


def test_a_new_class_begins_between_those_with_regions():
    donor = network(OLD)
    heir = network((*OLD, 'serrated'), seed=1)
    inherit(heir, donor)
    _, scores = answers(heir)
    _, theirs = answers(donor)
    assert torch.allclose(scores[:, :3], theirs)
    assert torch.allclose(scores[:, 3], theirs[:, 1:].mean(1), atol=1e-6)


def test_one_region_is_shared_by_the_classes_of_the_heir():
    """Pixels of the donor tell no classes apart, its classifier does."""
    donor = network(OLD[1:], None)
    heir = network(OLD, seed=1)
    inherit(heir, donor)
    pixel, scores = answers(heir)
    their_pixel, their_scores = answers(donor)
    assert torch.allclose(pixel[:, 0], their_pixel[:, 0], atol=1e-6)
    assert torch.allclose(pixel[:, 1], their_pixel[:, 1] / 2, atol=1e-6)
    assert torch.allclose(pixel[:, 2], their_pixel[:, 1] / 2, atol=1e-6)
    assert torch.allclose(scores[:, 1:], their_scores)


def test_a_neck_that_is_built_otherwise_starts_afresh():
    donor = network(OLD)
    heir = network(OLD, seed=1, channels=16)
    before = heir.neck.state_dict()['laterals.0.weight'].clone()
    inherit(heir, donor)
    assert torch.equal(heir.neck.state_dict()['laterals.0.weight'], before)
    assert torch.allclose(answers(heir)[1], answers(donor)[1])


def test_another_encoder_is_refused():
    donor = network(OLD, encoder='test_resnet')
    with pytest.raises(BadInputError, match='encoder test_resnet'):
        inherit(network(OLD), donor)
