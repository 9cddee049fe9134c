"""Necks: shapes, published sizes, and maps that tiles agree on."""

import pytest
import torch

from napari_wsol.errors import BadInputError
from napari_wsol.models.card import Architecture
from napari_wsol.models.decoders import (
    DeepLabV3Plus,
    LocalMean,
    UNet,
    create_neck,
)
from napari_wsol.models.encoders import Encoder
from napari_wsol.models.folding import fold_batch_norm
from napari_wsol.models.localizer import Localizer
from napari_wsol.models.precision import keep_depthwise_float32

CLASSES = ('benign', 'malignant')
NECKS = [
    {'neck': 'none', 'stride': 32},
    {'neck': 'pyramid', 'stride': 4},
    {'neck': 'unet', 'stride': 4},
    {'neck': 'unet', 'stride': 1},
    {'neck': 'deeplabv3plus', 'stride': 4, 'output_stride': 16},
]
SMALL = {'encoder': 'test_resnet', 'channels': 8, 'atrous_rates': (1, 2, 3)}


def make(**changes):
    torch.manual_seed(0)
    architecture = Architecture(**{**SMALL, **changes})
    return Localizer(architecture, CLASSES)


@pytest.fixture(scope='module')
def images():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 3, 64, 96, generator=generator)


@pytest.mark.parametrize('neck', NECKS, ids=lambda neck: neck['neck'])
def test_every_neck_gives_its_stride_and_learns(images, neck):
    network = make(pixel_head='softmax', **neck).train()
    maps = network.localizer_maps(network.encoder(images))
    stride = neck['stride']
    assert maps.shape == (2, 2, 64 // stride, 96 // stride)
    assert network.class_stride == neck.get('output_stride', 32)
    maps.sum().backward()
    assert all(p.grad is not None for p in network.neck.parameters())


@pytest.mark.parametrize('neck', NECKS, ids=lambda neck: neck['neck'])
def test_folded_networks_give_the_same_maps(images, neck):
    network = make(pixel_head='softmax', **neck).train()
    network.localizer_maps(network.encoder(images))
    network.eval()
    with torch.inference_mode():
        before = network.maps(images, classify=False).pixel
        fold_batch_norm(network)
        after = network.maps(images, classify=False).pixel
    kinds = {type(module).__name__ for module in network.modules()}
    assert not any('BatchNorm' in kind for kind in kinds)
    assert torch.allclose(before, after, atol=1e-4)


@pytest.mark.parametrize('neck', NECKS[1:], ids=lambda neck: neck['neck'])
def test_a_tile_gives_what_the_image_gives(neck):
    """Whatever a neck normalises or aligns, it does so within its reach."""
    network = make(pixel_head='softmax', **neck).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.fill_(0.1)
        elif isinstance(module, torch.nn.Conv2d) and module.dilation[0] > 1:
            torch.nn.init.normal_(module.weight)
    image = torch.randn(1, 3, 512, 512)
    cut, stride = 96, neck['stride']
    with torch.inference_mode():
        whole = network.maps(image, classify=False).pixel
        tile = network.maps(image[..., 128:, 128:], classify=False).pixel
    core = slice(cut // stride, -cut // stride)
    whole = whole[..., 128 // stride :, 128 // stride :]
    assert whole.std() > 1e-3
    difference = (whole - tile)[..., core, core].abs()
    assert difference.mean() < 0.01 * whole.std()


def test_depthwise_convolutions_of_deeplab_stay_in_float32(images):
    network = make(neck='deeplabv3plus', stride=4, output_stride=16).eval()
    depthwise = [
        module
        for module in network.neck.modules()
        if isinstance(module, torch.nn.Conv2d) and module.groups > 1
    ]
    keep_depthwise_float32(network)
    seen = []
    for module in depthwise:
        module.register_forward_hook(lambda *call: seen.append(call[2].dtype))
    with torch.autocast('cpu', torch.bfloat16), torch.inference_mode():
        network.maps(images, classify=False)
    assert seen == [torch.float32] * 5


def test_rates_beyond_the_training_crop_stay_without_effect():
    network = make(
        neck='deeplabv3plus',
        stride=4,
        output_stride=16,
        atrous_rates=(1, 2, 5),
    ).train()
    dilated = {
        module.dilation[0]: module
        for module in network.neck.modules()
        if isinstance(module, torch.nn.Conv2d) and module.dilation[0] > 1
    }
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    maps = network.localizer_maps(network.encoder(torch.randn(2, 3, 64, 64)))
    maps.square().sum().backward()
    optimizer.step()
    around = torch.ones(3, 3, dtype=torch.bool)
    around[1, 1] = False
    assert dilated[2].weight[..., around].abs().max() > 0
    assert (dilated[5].weight[..., around] == 0).all()


def test_a_local_mean_counts_only_what_is_there():
    maps = torch.arange(20.0).view(1, 1, 4, 5)
    assert torch.allclose(LocalMean(9)(maps), maps.mean().expand_as(maps))
    near = LocalMean(1)(maps)
    assert near[0, 0, 1, 1] == maps[0, 0, :3, :3].mean()
    assert near[0, 0, 0, 4] == maps[0, 0, :2, 3:].mean()


def test_widths_are_those_published_by_default():
    encoder = Encoder('test_resnet')
    unet = UNet(encoder, 1, Architecture().channels, centre=False)
    widths = [block.conv2[0].out_channels for block in unet.decoder.blocks]
    assert widths == [256, 128, 64, 32, 16]
    architecture = Architecture(neck='deeplabv3plus', stride=4)
    deeplab = create_neck(architecture, encoder)
    assert isinstance(deeplab, DeepLabV3Plus)
    assert deeplab.channels == 256
    assert deeplab.decoder.block1[0].out_channels == 48
    dilations = {
        module.dilation[0]
        for module in deeplab.modules()
        if isinstance(module, torch.nn.Conv2d)
    }
    assert dilations == {1, 12, 24, 36}


@pytest.mark.parametrize('neck', ['pyramid', 'unet', 'deeplabv3plus'])
def test_a_stride_that_the_encoder_lacks_is_refused(neck):
    with pytest.raises(BadInputError, match='a stride of .*2, 4, 8, 16, 32'):
        make(neck=neck, stride=5)


def test_an_encoder_is_dilated_or_refuses():
    assert Encoder('test_resnet', 8).strides == [2, 4, 8, 8, 8]
    with pytest.raises(BadInputError, match='output stride 16'):
        Encoder('vgg11', 16)
    with pytest.raises(BadInputError, match='was published'):
        Encoder('wsol_vgg16', 16)
