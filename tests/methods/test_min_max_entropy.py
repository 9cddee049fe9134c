"""Recursive erasing: the invariants of its six steps."""

import itertools
import math

import pytest
import torch

from napari_wsol.methods.min_max_entropy import MinMaxEntropy, erasing

DECAY = 10.0


@pytest.fixture
def network(make_network):
    network = make_network(neck='none', sharpness=8.0)
    MinMaxEntropy().begin_epoch(network, 0)
    return network


@pytest.fixture
def right_and_wrong(network, make_batch):
    """A batch of two, the first labelled as the network sees it."""
    batch = make_batch([0, 0])
    with torch.no_grad():
        maps = network.localizer_maps(network.encoder(batch.images))
        seen = network.image_scores(maps).argmax(1)
    batch.labels[:] = torch.stack([seen[0], (seen[1] + 1) % 3])
    return batch


def told(network, monkeypatch, *scores):
    """Let the localizer give these class scores, pass after pass."""
    told = iter(torch.tensor(each, requires_grad=True) for each in scores)
    monkeypatch.setattr(network, 'image_scores', lambda maps: next(told))


def test_the_golden_mask(network):
    maps = torch.arange(32.0).view(2, 1, 4, 4)
    mask = network.foreground(network.pixel_logits(maps))[0].flatten()
    assert mask[[0, 7, 15]].tolist() == pytest.approx(
        [0.017986, 0.433726, 0.982014], abs=1e-5
    )


def test_what_is_trusted_grows_and_is_erased(network, right_and_wrong):
    passes = list(erasing(network, right_and_wrong, 3, DECAY))
    images = right_and_wrong.images
    for t, (one, two) in enumerate(itertools.pairwise(passes)):
        assert (two.region >= one.region).all()
        assert (one.trust <= math.exp(-t / DECAY)).all()
        erased = one.images * (1 - one.region) if one.trust[0] else one.images
        assert torch.equal(two.images[0], erased[0])
    assert torch.equal(passes[0].images, images)
    assert not torch.equal(passes[1].images[0], images[0])


def test_who_is_wrong_is_never_trusted(network, right_and_wrong):
    for one in erasing(network, right_and_wrong, 3, DECAY):
        assert one.trust[1] == 0
        assert one.region[1].sum() == 0
        assert torch.equal(one.images[1], right_and_wrong.images[1])


def test_one_pass_believes_the_mask_as_far_as_the_class(
    network, right_and_wrong
):
    (only,) = erasing(network, right_and_wrong, 1, DECAY)
    mask = network.foreground(only.logits)
    sure = math.exp(-only.losses[0].item())
    assert torch.allclose(only.region[0], sure * mask[0])
    assert not torch.allclose(only.region[0], mask[0])


def test_once_wrong_never_trusted_again(network, make_batch, monkeypatch):
    yes, no = [3.0, 0.0, 0.0], [0.0, 3.0, 0.0]
    told(network, monkeypatch, [yes, yes], [no, yes], [yes, yes])
    passes = list(erasing(network, make_batch([0, 0]), 3, DECAY))
    sure = torch.tensor(yes).softmax(0)[0].item()
    trust = torch.stack([one.trust for one in passes])
    assert trust[:, 0].tolist() == pytest.approx([sure, 0, 0])
    assert trust[:, 1].tolist() == pytest.approx(
        [sure * math.exp(-t / DECAY) for t in range(3)]
    )


def test_a_pass_that_lost_evidence_is_not_trusted(
    network, make_batch, monkeypatch
):
    told(network, monkeypatch, [[3.0, 0, 0]], [[2.0, 0, 0]], [[4.0, 0, 0]])
    passes = list(erasing(network, make_batch([0]), 3, DECAY))
    assert [one.trust.item() > 0 for one in passes] == [True, False, True]
    assert torch.equal(passes[2].images, passes[1].images)


def test_it_ends_where_nobody_is_right(network, make_batch, monkeypatch):
    told(network, monkeypatch, [[0.0, 3.0, 0.0]] * 2, [[3.0, 0, 0]] * 2)
    assert len(list(erasing(network, make_batch([0, 0]), 4, DECAY))) == 1


def test_the_losses_of_all_passes_add_up(network, right_and_wrong):
    method = MinMaxEntropy(erasings=3)
    method.begin_epoch(network, 1)
    terms = method.terms(network, right_and_wrong)
    passes = erasing(network, right_and_wrong, 3, DECAY)
    total = sum(one.losses.mean() for one in passes)
    assert terms['localizer'].item() == pytest.approx(total.item())


def test_one_backward_gives_the_gradients_of_one_after_each_pass(
    network, right_and_wrong
):
    def gradient():
        found = network.encoder.parameters()
        return torch.cat([p.grad.flatten() for p in found])

    passes = list(erasing(network, right_and_wrong, 3, DECAY))
    sum(one.losses.mean() for one in passes).backward()
    together = gradient()
    network.zero_grad()
    for one in erasing(network, right_and_wrong, 3, DECAY):
        one.losses.mean().backward()
    assert torch.allclose(together, gradient(), atol=1e-5)


def test_the_first_epochs_do_not_erase(network, right_and_wrong):
    terms = MinMaxEntropy().terms(network, right_and_wrong)
    (only,) = erasing(network, right_and_wrong, 1, DECAY)
    assert terms['localizer'].item() == pytest.approx(
        only.losses.mean().item()
    )


@pytest.mark.parametrize('epoch', [0, 1])
@pytest.mark.parametrize('term', ['foreground', 'background'])
def test_the_mask_is_detached(network, right_and_wrong, epoch, term):
    method = MinMaxEntropy()
    method.begin_epoch(network, epoch)
    method.terms(network, right_and_wrong)[term].backward()
    assert network.localizer.to_modalities.weight.grad is None
    assert network.classifier.to_modalities.weight.grad.abs().sum() > 0
    assert next(network.encoder.parameters()).grad.abs().sum() > 0


def test_the_range_is_learned_from_images_as_they_are(
    network, right_and_wrong
):
    list(erasing(network, right_and_wrong, 1, DECAY))
    low, high = network.range.low.clone(), network.range.high.clone()
    network.range.low.zero_()
    network.range.high.fill_(1)
    list(erasing(network, right_and_wrong, 3, DECAY))
    assert torch.equal(network.range.low, low)
    assert torch.equal(network.range.high, high)
    assert network.range.momentum > 0


def test_fully_negative_images_are_background_and_never_erased(
    make_network, make_batch, monkeypatch
):
    network = make_network('normal', neck='none')
    method = MinMaxEntropy()
    method.begin_epoch(network, 1)
    terms = method.terms(network, make_batch([1, 1]))
    assert terms.keys() == {'classifier', 'localizer', 'pixels', 'fields'}
    assert terms['pixels'].item() > 0
    told(network, monkeypatch, [[9.0, 0.0, 0.0]] * 2)
    (only,) = erasing(network, make_batch([1, 1]), 4, DECAY)
    assert only.trust.tolist() == [0, 0]
