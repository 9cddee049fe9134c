"""A decoder taught by seeds, and by what is known to be negative."""

import pytest
import torch
from torch.nn import functional

from napari_wsol.errors import BadInputError
from napari_wsol.methods.negev import NegativeEvidence, class_map
from napari_wsol.models.localizer import resize

UNET = {'neck': 'unet', 'pixel_head': 'softmax', 'pooling': 'gap'}


def bias_gradient(network, term):
    network.zero_grad()
    term.backward(retain_graph=True)
    return network.localizer.to_modalities.bias.grad.tolist()


@pytest.fixture
def network(make_network):
    return make_network('normal', **UNET)


def test_the_classifier_is_only_read(network, make_batch):
    network.encoder.requires_grad_(False)
    terms = NegativeEvidence().terms(network, make_batch([0, 2]))
    torch.stack(list(terms.values())).sum().backward()
    assert network.classifier.to_modalities.weight.grad is None
    assert all(p.grad is None for p in network.encoder.parameters())
    assert network.localizer.to_modalities.weight.grad.abs().sum() > 0


def test_seeds_are_drawn_anew_in_every_step(network, make_batch):
    batch, method = make_batch([0, 2]), NegativeEvidence()

    def step():
        return method.terms(network, batch)['seeds'].item()

    torch.manual_seed(0)
    one, two = step(), step()
    assert one != two
    torch.manual_seed(0)
    assert step() == one


def test_the_map_is_of_the_images_own_class(network, make_batch):
    batch = make_batch([0, 2])
    features = network.encoder(batch.images)
    cells = network.classifier(features[-1])
    maps = class_map(network, features[-1], batch)
    expected = torch.stack([cells[0, 0], cells[1, 2]])[:, None]
    assert torch.equal(maps, resize(expected, (64, 64))[:, 0])
    assert not maps.requires_grad


def test_seeds_have_the_class_of_their_image(network, make_batch):
    sure = make_batch([2, 2], seeds=torch.ones(2, 64, 64))
    terms = NegativeEvidence().terms(network, sure)
    background, benign, malignant = bias_gradient(network, terms['seeds'])
    assert malignant < 0 < min(background, benign)


def test_without_a_negative_class_all_rois_are_one(make_network, make_batch):
    network = make_network(None, **UNET)
    sure = make_batch([2, 0], seeds=torch.ones(2, 64, 64))
    terms = NegativeEvidence().terms(network, sure)
    background, roi = bias_gradient(network, terms['seeds'])
    assert roi < 0 < background
    assert 'negatives' not in terms


def test_an_earlier_map_is_where_seeds_come_from(network, make_batch):
    none = make_batch([0, 2], seeds=torch.zeros(2, 64, 64))
    terms = NegativeEvidence().terms(network, none)
    background, *roi = bias_gradient(network, terms['seeds'])
    assert background < 0 < min(roi)
    unknown = make_batch([0, 2], seeds=torch.full((2, 64, 64), float('nan')))
    assert NegativeEvidence().terms(network, unknown)['seeds'].item() == 0


def test_negative_images_are_background_in_every_pixel(network, make_batch):
    batch = make_batch([1, 0], side=128, margin=32)
    terms = NegativeEvidence().terms(network, batch)
    maps = network.localizer_maps(network.encoder(batch.images))
    logits = resize(network.pixel_logits(maps), (128, 128))
    core = logits[:1, :, 32:-32, 32:-32]
    expected = functional.cross_entropy(core, torch.zeros(1, 64, 64).long())
    assert terms['negatives'].item() == pytest.approx(expected.item())


def test_negative_images_get_no_seeds_and_others_no_negatives(
    network, make_batch
):
    terms = NegativeEvidence().terms(network, make_batch([1, 1]))
    assert terms['seeds'].item() == 0
    assert terms['negatives'].item() > 0
    terms = NegativeEvidence().terms(network, make_batch([0, 2]))
    assert terms['seeds'].item() > 0
    assert terms['negatives'].item() == 0


def test_fields_teach_pixels_but_no_pixel_twice(network, make_batch):
    fields = torch.full((2, 64, 64), 2)
    unlabelled = make_batch([-1, -1], pixels=fields)
    terms = NegativeEvidence().terms(network, unlabelled)
    assert bias_gradient(network, terms['pixels'])[2] < 0
    negative = make_batch([1, 1], pixels=fields)
    assert NegativeEvidence().terms(network, negative)['pixels'].item() == 0


def test_size_and_colour_are_optional(network, make_batch):
    batch = make_batch([0, 1])
    assert NegativeEvidence().terms(network, batch).keys() == {
        'seeds', 'negatives', 'pixels', 'fields',
    }  # fmt: skip
    more = NegativeEvidence(size_weight=1, affinity_weight=1)
    terms = more.terms(network, batch)
    assert terms['size'].isfinite()
    assert terms['affinity'].item() > 0


def test_the_barrier_tightens_as_published(network):
    method = NegativeEvidence()
    assert method.t == 1
    method.begin_epoch(network, 1)
    assert method.t == pytest.approx(1.01)
    method.begin_epoch(network, 231)
    assert method.t < 10
    method.begin_epoch(network, 232)
    assert method.t == 10


@pytest.mark.parametrize('settings', [{'seeds': 0}, {'seed_size': 2}])
def test_seeds_that_cannot_be_drawn_are_refused(settings):
    with pytest.raises(BadInputError, match='odd size'):
        NegativeEvidence(**settings)
