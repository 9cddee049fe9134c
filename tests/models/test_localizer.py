"""One network, three uses: what its maps promise."""

import pytest
import torch

from napari_wsol.errors import BadInputError
from napari_wsol.models.card import Architecture
from napari_wsol.models.heads import MapRange
from napari_wsol.models.localizer import Localizer, entropy

CLASSES = ('background', 'benign', 'malignant')


def make(negative='background', **changes):
    torch.manual_seed(0)
    architecture = Architecture(**{'channels': 8, **changes})
    classes = CLASSES if negative else CLASSES[1:]
    return Localizer(architecture, classes, negative).eval()


@pytest.fixture(scope='module')
def images():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 3, 64, 96, generator=generator)


@pytest.mark.parametrize('stride', [4, 8])
def test_maps_have_the_promised_shapes(images, stride):
    network = make(pixel_head='softmax', stride=stride)
    with torch.inference_mode():
        maps = network.maps(images, classify=True)
    assert maps.pixel.shape == (2, 3, 64 // stride, 96 // stride)
    assert maps.class_scores.shape == (2, 3, 3, 2, 3)
    assert network.pool(maps.class_scores[0, 0].flatten(1).T).shape == (3,)
    assert torch.allclose(maps.pixel.sum(1), torch.ones(1), atol=1e-5)


def test_without_classes_apart_there_are_two_channels(images):
    network = make(None)
    with torch.inference_mode():
        maps = network.maps(images, classify=False)
    assert maps.pixel.shape[1] == 2
    assert maps.class_scores is None


def test_an_image_does_not_depend_on_its_batch(images):
    network = make(None)
    with torch.inference_mode():
        together = network.maps(images, classify=False).pixel[:1]
        alone = network.maps(images[:1], classify=False).pixel
    assert torch.allclose(together, alone, atol=1e-5)


def test_temperature_softens_pixels(images):
    network = make(pixel_head='softmax')
    with torch.inference_mode():
        sharp = network.maps(images, classify=False).pixel
        network.pixel_temperature.fill_(4)
        soft = network.maps(images, classify=False).pixel
    assert (entropy(soft, 1) > entropy(sharp, 1)).all()


@pytest.mark.parametrize('gate', [False, True])
@pytest.mark.parametrize('head', ['class-maps', 'softmax'])
def test_attention_pools_streamed_cells_as_it_pools_an_image(
    images, gate, head
):
    network = make(
        encoder='test_resnet',
        pooling='attention',
        attention_gate=gate,
        pixel_head=head,
    )
    with torch.inference_mode():
        maps = network.maps(images, classify=True)
        features = network.encoder(images)
        cells = network.classifier(features[-1])
        scores = network.image_scores(cells)
    assert maps.pixel.shape[1] == (2 if head == 'class-maps' else 3)
    whole = maps.class_scores[:, 0]
    assert whole.shape[1] == network.class_channels == 4
    assert network.evidence(cells).shape[1] == 3
    streamed = network.pool(whole[1].flatten(1).T)
    assert torch.allclose(streamed, scores[1], atol=1e-6)


def test_dropout_hides_features_in_training_alone(images):
    network = make(encoder='test_resnet', dropout=0.5)
    features = torch.ones(1, network.encoder.channels[-1], 4, 4)
    first, second = (network.classifier(features) for _ in range(2))
    assert torch.equal(first, second)
    network.train()
    first, second = (network.classifier(features) for _ in range(2))
    assert not torch.equal(first, second)


def test_range_stretches_each_image_in_training():
    stretch = MapRange(momentum=0.5).train()
    maps = torch.tensor([[0.0, 1.0], [10.0, 30.0]]).view(2, 1, 1, 2)
    out = stretch(maps)
    assert out.flatten(1).tolist() == [[0, 1], [0, 1]]
    assert stretch.low.item() == pytest.approx(2.5)
    assert stretch.high.item() == pytest.approx(0.5 + 0.5 * 15.5)


def test_range_is_constant_at_inference_so_background_stays_background():
    stretch = MapRange().eval()
    stretch.low.fill_(0)
    stretch.high.fill_(10)
    flat = torch.full((1, 1, 2, 2), 1.0)
    assert stretch(flat).max().item() == pytest.approx(0.1)


def test_constant_map_gives_zeros_not_nan():
    out = MapRange().train()(torch.full((1, 1, 3, 3), 7.0))
    assert (out == 0).all()


def test_entropy_is_one_where_nothing_is_known():
    assert entropy(torch.tensor([0.25] * 4)).item() == pytest.approx(1)
    assert entropy(torch.tensor([1.0, 0.0])).item() == 0


def test_unknown_stride_is_refused():
    with pytest.raises(BadInputError, match='a stride of 2, 4, 8, 16, 32'):
        make(stride=5)
