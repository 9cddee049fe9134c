"""Class activation maps: their equations, and an established library."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from napari_wsol.models.activation_maps import (
    activation_map,
    grad_cam,
    grad_cam_plus_plus,
    layer_cam,
    stretched,
)
from napari_wsol.models.card import Architecture
from napari_wsol.models.encoders import load_imagenet_weights
from napari_wsol.models.folding import fold_batch_norm
from napari_wsol.models.localizer import Localizer

KINDS = ('cam', 'grad-cam', 'grad-cam++', 'layer-cam')
POOLINGS = ('gap', 'max', 'lse', 'wildcat', 'attention')


def make(**changes):
    torch.manual_seed(0)
    architecture = Architecture(
        **{'encoder': 'test_resnet', 'neck': 'none', **changes}
    )
    network = Localizer(architecture, ('a', 'b', 'c'))
    return network.eval().requires_grad_(False)


@pytest.fixture(scope='module')
def images():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 3, 64, 96, generator=generator)


def test_grad_cam_weighs_channels_by_their_mean_gradient():
    activations = torch.tensor([[[[1.0, 2]], [[3.0, 4]]]])
    gradients = torch.tensor([[[[1.0, 3]], [[-1.0, 0]]]])
    # Weights 2 and -0.5.
    assert grad_cam(activations, gradients).tolist() == [[[0.5, 2]]]


def test_grad_cam_plus_plus_weighs_positive_gradients():
    activations = torch.tensor([[[[1.0, 2]], [[3.0, 4]]]])
    gradients = torch.tensor([[[[1.0, 0]], [[-1.0, 2]]]])
    # alpha 1 / (2 + 3 * 1) and 4 / (8 + 7 * 8); weights 1/5 and 1/8.
    found = grad_cam_plus_plus(activations, gradients)
    expected = [1 / 5 + 3 / 8, 2 / 5 + 4 / 8]
    assert found[0, 0].tolist() == pytest.approx(expected)


def test_layer_cam_weighs_each_cell():
    activations = torch.tensor([[[[1.0, 2]], [[3.0, -4]]]])
    gradients = torch.tensor([[[[2.0, -3]], [[1.0, 5]]]])
    assert layer_cam(activations, gradients).tolist() == [[[5, 0]]]


def test_maps_are_stretched_each_by_itself_and_flat_ones_are_empty():
    maps = torch.tensor([[[2.0, 4]], [[7.0, 7]], [[-1.0, 9]]])
    assert stretched(maps).tolist() == [[[0, 1]], [[0, 0]], [[0, 1]]]


@pytest.mark.parametrize('pooling', POOLINGS)
@pytest.mark.parametrize('kind', KINDS)
def test_every_pooling_has_every_map(images, pooling, kind):
    network = make(pooling=pooling)
    with torch.inference_mode():
        maps = activation_map(network, images, 1, kind)
        alone = activation_map(network, images[:1], 1, kind)
        other = activation_map(network, images, 2, kind)
    assert maps.shape == (2, 2, 3)
    assert maps.isfinite().all()
    assert torch.allclose(maps[:1], alone, atol=1e-5)
    assert not torch.equal(maps, other)
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize('kind', KINDS[1:])
def test_finer_stages_give_finer_maps(images, kind):
    network = make()
    for stage, stride in enumerate(network.encoder.strides):
        maps = activation_map(network, images, 0, kind, stage=stage)
        assert maps.shape == (2, 64 // stride, 96 // stride)
    last = activation_map(network, images, 0, kind)
    assert torch.equal(maps, last)
    with pytest.raises(ValueError, match='last stage'):
        activation_map(network, images, 0, 'cam', stage=0)


def test_with_global_average_grad_cam_is_the_positive_part_of_cam(images):
    network = make(pooling='gap')
    nn.init.zeros_(network.classifier.to_modalities.bias)
    cam = activation_map(network, images, 1, 'cam')
    found = activation_map(network, images, 1, 'grad-cam')
    torch.testing.assert_close(found * 6, cam.relu(), atol=1e-5, rtol=1e-4)


class Classifier(nn.Module):
    """Encoder, mean and linear layer, as the library knows networks."""

    def __init__(self, network):
        super().__init__()
        head = network.classifier.to_modalities
        self.encoder = network.encoder
        self.last = nn.Identity()
        classes = len(network.classes)
        self.linear = nn.Linear(head.in_channels, classes)
        for mine, theirs in (
            (self.linear.weight, head.weight),
            (self.linear.bias, head.bias),
        ):
            apart = theirs.view(classes, -1, *mine.shape[1:])
            mine.data = apart.mean(1)

    def forward(self, images):
        features = self.last(self.encoder(images)[-1])
        return self.linear(features.mean((2, 3)))


def test_grad_cam_plus_plus_is_what_higher_derivatives_say():
    generator = torch.Generator().manual_seed(2)
    activations = torch.randn(3, 4, generator=generator).double()
    weights = torch.randn(3, generator=generator).double()

    def raised(cells):
        return (cells.mean(1) @ weights).exp()

    def diagonal(jacobian):
        return torch.einsum('kiki->ki', jacobian)

    first = torch.func.jacrev(raised)

    def second(cells):
        return diagonal(torch.func.jacrev(first)(cells))

    third = diagonal(torch.func.jacrev(second)(activations))
    total = activations.sum(1, keepdim=True)
    alpha = second(activations) / (2 * second(activations) + total * third)
    channels = (alpha * first(activations).relu()).sum(1, keepdim=True)
    expected = (channels * activations).sum(0).relu()

    gradients = (weights / 4)[:, None].expand(3, 4)
    found = grad_cam_plus_plus(
        activations[None, :, :, None], gradients[None, :, :, None]
    )
    torch.testing.assert_close(
        stretched(found)[0, :, 0], stretched(expected[None, :, None])[0, :, 0]
    )


# The library's Grad-CAM++ leaves alpha unnormalised: it divides a copy.
@pytest.mark.parametrize('kind', ['cam', 'grad-cam', 'layer-cam'])
def test_maps_are_those_of_an_established_library(data_dir, kind):
    methods = pytest.importorskip('torchcam.methods')
    network = make(encoder='tf_efficientnet_lite0', pooling='gap')
    load_imagenet_weights(network.encoder, 'tf_efficientnet_lite0')
    with Image.open(data_dir / 'glas' / 'images' / 'train_1.jpg') as image:
        pixels = np.array(image.convert('RGB').crop((0, 0, 320, 256)))
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    images = (images - 127) / 128

    library = {
        'cam': methods.CAM,
        'grad-cam': methods.GradCAM,
        'layer-cam': methods.LayerCAM,
    }[kind]
    classifier = Classifier(network).eval()
    options = {'fc_layer': 'linear'} if kind == 'cam' else {}
    with library(classifier, 'last', **options) as extractor:
        scores = classifier(images.requires_grad_())
        target = int(scores.argmax())
        (expected,) = extractor(target, scores)

    fold_batch_norm(network)
    found = stretched(activation_map(network, images, target, kind))
    assert found.max() == 1
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
