"""Both regimes of max-min uncertainty, on a small real network."""

import pytest
import torch

from napari_wsol.errors import BadInputError
from napari_wsol.methods.labels import cell_labels, pixel_labels
from napari_wsol.methods.max_min_uncertainty import MaxMinUncertainty
from napari_wsol.methods.method import Batch
from napari_wsol.models.card import Architecture
from napari_wsol.models.localizer import Localizer

CLASSES = ('background', 'benign', 'malignant')


def network(negative):
    torch.manual_seed(0)
    head = 'softmax' if negative else 'class-maps'
    architecture = Architecture(
        encoder='test_resnet', channels=8, pixel_head=head
    )
    classes = CLASSES if negative else CLASSES[1:]
    return Localizer(architecture, classes, negative)


def batch(labels, pixels=-1):
    torch.manual_seed(1)
    count = len(labels)
    return Batch(
        torch.randn(count, 3, 64, 64),
        torch.tensor(labels),
        torch.full((count, 64, 64), pixels),
        torch.zeros(count, 64, 64, dtype=torch.bool),
    )


def test_two_regions_everywhere_has_a_barrier_on_both_sizes():
    terms = MaxMinUncertainty().terms(network(None), batch([0, 1]))
    assert set(terms) == {
        'classifier', 'localizer', 'foreground', 'background', 'size',
        'pixels', 'fields',
    }  # fmt: skip
    assert terms['pixels'].item() == 0
    assert all(torch.isfinite(term) for term in terms.values())


def test_every_term_reaches_the_localizer_through_the_mask():
    net = network(None)
    terms = MaxMinUncertainty(background_weight=1).terms(net, batch([0, 1]))
    for name in ('foreground', 'background', 'size', 'localizer'):
        net.zero_grad()
        terms[name].backward(retain_graph=True)
        grad = net.localizer.to_modalities.weight.grad
        assert grad is not None, name
        assert grad.abs().sum() > 0, name


def test_detached_background_teaches_the_classifier_alone():
    net = network(None)
    method = MaxMinUncertainty(detach_background=True, background_weight=1)
    method.terms(net, batch([0, 1]))['background'].backward()
    assert net.localizer.to_modalities.weight.grad is None
    assert net.classifier.to_modalities.weight.grad.abs().sum() > 0


def test_negative_images_are_background_in_every_pixel():
    net = network('background')
    labels = pixel_labels(net, batch([0, 1]))
    assert (labels[0] == 0).all()
    assert (labels[1] == -1).all()


def test_without_positive_images_nothing_is_masked():
    terms = MaxMinUncertainty().terms(network('background'), batch([0, 0]))
    assert 'foreground' not in terms
    assert terms['pixels'].item() > 0


def test_unlabelled_images_teach_pixels_only():
    terms = MaxMinUncertainty().terms(
        network('background'), batch([-1, -1], pixels=2)
    )
    assert terms['classifier'].item() == 0
    assert terms['pixels'].item() > 0
    assert terms['cells'].item() > 0


def test_a_cell_is_labelled_where_half_its_pixels_agree():
    net = network('background')
    pixels = torch.full((1, 64, 64), -1)
    pixels[0, :32, :32] = 2
    pixels[0, :32, 32:] = 0
    pixels[0, :8, 32:] = 1
    pixels[0, 32:, :15] = 1
    pixels[0, 32:, 48:] = 0
    cells = cell_labels(net, pixels)
    assert cells.tolist() == [[[2, -1], [-1, 0]]]


def test_schedules_follow_the_paper():
    net, method = network(None), MaxMinUncertainty()
    method.begin_epoch(net, 0)
    assert method.t == 5
    assert net.sigma.item() == pytest.approx(0.15)
    method.begin_epoch(net, 1)
    assert method.t == pytest.approx(5.05)
    method.begin_epoch(net, 69)
    assert method.t < 10
    method.begin_epoch(net, 70)
    assert method.t == 10
    method.begin_epoch(net, 200)
    assert method.t == 10
    assert net.sigma.item() == pytest.approx(0.2)


def test_an_area_target_replaces_the_published_barrier():
    net, seen = network(None), batch([0, 1])
    method = MaxMinUncertainty(area_target=(0.9, 1.0))
    method.terms(net, seen)['size'].backward()
    mask_grows = net.localizer.to_modalities.weight.grad.clone()
    net.zero_grad()
    method = MaxMinUncertainty(area_target=(0.0, 0.1))
    method.terms(net, seen)['size'].backward()
    mask_shrinks = net.localizer.to_modalities.weight.grad
    assert (mask_grows * mask_shrinks).sum() < 0


@pytest.mark.parametrize('target', [(0.5, 0.5), (-0.1, 0.5), (0.2, 1.1)])
def test_an_impossible_area_is_refused(target):
    with pytest.raises(BadInputError, match='smaller first'):
        MaxMinUncertainty(area_target=target)


def test_fields_of_any_roi_class_fit_a_mask_that_does_not_tell():
    fields = batch([-1, -1], pixels=2)
    terms = MaxMinUncertainty().terms(network(None), fields)
    assert terms['pixels'].item() > 0
