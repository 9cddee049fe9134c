"""Methods by name, each with its own settings."""

import pytest
import torch

from napari_wsol.errors import BadInputError
from napari_wsol.methods.max_min_uncertainty import MaxMinUncertainty
from napari_wsol.methods.negev import NegativeEvidence
from napari_wsol.methods.registry import METHODS, create_method
from napari_wsol.methods.segmentation import Segmentation


def test_a_method_takes_its_own_settings_and_leaves_the_others():
    settings = {'barrier_start': 3.0, 'seeds': 2, 'epochs': 9}
    assert create_method('negev', settings) == NegativeEvidence(seeds=2)
    assert create_method('max-min-uncertainty', settings) == (
        MaxMinUncertainty(barrier_start=3.0)
    )
    assert create_method('segmentation', settings) == Segmentation()


def test_an_unknown_method_is_named_with_the_known():
    with pytest.raises(BadInputError, match=r'"magic".*negev'):
        create_method('magic', {})


NEGEV = {'neck': 'unet', 'pixel_head': 'softmax', 'modalities': 1}


@pytest.mark.parametrize('negative', [None, 'normal'])
@pytest.mark.parametrize(
    ('name', 'architecture'),
    [
        ('cam', {'neck': 'none'}),
        ('min-max-entropy', {'neck': 'none'}),
        ('max-min-uncertainty', {}),
        ('max-min-uncertainty', {'pooling': 'attention'}),
        ('negev', NEGEV),
        ('segmentation', {}),
        ('segmentation', {'pooling': 'attention'}),
    ],
)
def test_three_classes_are_learned_together(
    name, architecture, negative, make_network, make_batch
):
    network = make_network(negative, **architecture)
    method = create_method(name, {'masked_weight': 1.0})
    method.begin_epoch(network, 1)
    pixels = torch.full((4, 64, 64), -1)
    pixels[2:, :32] = 2
    pixels[2:, 32:] = 0
    batch = make_batch([0, 1, 2, -1], pixels=pixels)
    terms = method.terms(network, batch)
    assert all(term.shape == () for term in terms.values())
    torch.stack(list(terms.values())).sum().backward()
    for part, parameter in network.named_parameters():
        is_read_only = name == 'negev' and part.startswith('classifier')
        assert (parameter.grad is None) == is_read_only, part
        assert is_read_only or parameter.grad.isfinite().all(), part


@pytest.mark.parametrize('negative', [None, 'normal'])
@pytest.mark.parametrize('name', list(METHODS))
def test_nothing_labelled_costs_nothing(
    name, negative, make_network, make_batch
):
    method = create_method(name, {'masked_weight': 1.0})
    network = make_network(negative)
    method.begin_epoch(network, 1)
    terms = method.terms(network, make_batch([-1, -1]))
    assert {
        name: term.item() for name, term in terms.items()
    } == dict.fromkeys(terms, 0.0)


def test_class_maps_of_the_baseline_know_where_the_negative_class_is(
    make_network, make_batch
):
    network = make_network('normal', neck='none')
    terms = create_method('cam', {}).terms(network, make_batch([1, 1]))
    terms['localizer'].backward()
    bias = network.localizer.to_modalities.bias.grad.view(3, -1).sum(1)
    assert bias[0] < 0
    assert (bias[1:] > 0).all()
