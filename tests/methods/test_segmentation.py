"""Pseudo-labels, of which the easy ones count for more."""

import pytest
import torch

from napari_wsol.methods.segmentation import Segmentation, easiness

IGNORE = -1


def logits_of(probability):
    """``(1, 2, 1, n)`` logits of a ROI probability per pixel."""
    foreground = torch.tensor(probability)
    both = torch.stack([1 - foreground, foreground])
    return both.log()[None, :, None].requires_grad_()


def test_a_pixel_counts_by_the_probability_of_its_label():
    logits = logits_of([0.9, 0.2, 0.5, 0.7])
    labels = torch.tensor([[[1, 0, IGNORE, 0]]])
    weight = easiness(logits, labels)
    own = torch.tensor([0.9, 0.8, 0.0, 0.3])
    assert torch.allclose(weight[0, 0], own / (2.0 / 3))
    assert not weight.requires_grad


def test_a_region_counts_whatever_class_the_network_takes_it_for():
    """Else a class that a network knows less would be forgotten."""
    probability = torch.tensor([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    logits = probability.T.log()[None, :, None]
    weight = easiness(logits, torch.tensor([[[1, 1]]]))
    assert torch.allclose(weight, torch.ones(1, 1, 2))


def test_the_mean_weight_is_one_in_every_image():
    torch.manual_seed(0)
    labels = torch.randint(-1, 3, (4, 8, 8))
    labels[3] = IGNORE
    weight = easiness(torch.randn(4, 3, 8, 8), labels)
    counts = (labels != IGNORE).sum((1, 2))
    assert torch.allclose(weight.sum((1, 2)), counts.float())
    assert (weight[labels == IGNORE] == 0).all()


def pixel_loss(network, batch, *, easy):
    torch.manual_seed(0)
    method = Segmentation(easy_weighting=easy)
    return method.terms(network, batch)['pixels'].item()


def test_doubtful_labels_cost_less(make_network, make_batch):
    network = make_network()
    pixels = (torch.arange(64) // 8 % 2).expand(2, 64, 64)
    batch = make_batch([0, 2], pixels=pixels)
    assert pixel_loss(network, batch, easy=True) < pixel_loss(
        network, batch, easy=False
    )


def test_fields_are_certain_and_count_by_themselves(make_network, make_batch):
    """However little the network believes them, and however small they are."""
    network = make_network()
    pixels = (torch.arange(64) // 8 % 2).expand(2, 64, 64)
    in_field = torch.zeros(2, 64, 64, dtype=torch.bool)
    in_field[:, 16:32, 16:32] = True
    batch = make_batch([0, 2], pixels=pixels, in_field=in_field)
    easy, plain = (
        Segmentation(easy_weighting=easy).terms(network, batch)
        for easy in (True, False)
    )
    assert easy['fields'].item() == plain['fields'].item() > 0
    assert easy['pixels'] < plain['pixels']
    alone = make_batch(
        [0, 2], pixels=pixels.masked_fill(~in_field, -1), in_field=in_field
    )
    terms = Segmentation(field_weight=2).terms(network, alone)
    assert terms['pixels'].item() == 0
    assert terms['fields'].item() == 2 * plain['fields'].item()


def test_negative_images_are_certain(make_network, make_batch):
    network, batch = make_network('normal'), make_batch([1, 1])
    plain = pixel_loss(network, batch, easy=False)
    assert plain > 0
    assert pixel_loss(network, batch, easy=True) == pytest.approx(plain)


def test_the_second_look_is_optional_and_teaches_the_classifier_alone(
    make_network, make_batch
):
    network, batch = make_network(), make_batch([0, 2])
    assert Segmentation().terms(network, batch).keys() == {
        'classifier', 'pixels', 'fields',
    }  # fmt: skip
    terms = Segmentation(masked_weight=0.5).terms(network, batch)
    (terms['foreground'] + terms['background']).backward()
    assert network.localizer.to_modalities.weight.grad is None
    assert network.classifier.to_modalities.weight.grad.abs().sum() > 0
