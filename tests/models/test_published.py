"""The published encoders and models, counted to the last parameter."""

import pytest
import timm
import torch

from napari_wsol.errors import BadInputError
from napari_wsol.models.card import Architecture
from napari_wsol.models.decoders import UNet
from napari_wsol.models.encoders import (
    Encoder,
    load_imagenet_weights,
    normalization_of,
)
from napari_wsol.models.heads import ClassMaps
from napari_wsol.models.localizer import Localizer
from napari_wsol.models.published import PUBLISHED

CLASSES = ('benign', 'malignant')


def parameters(*modules):
    return sum(p.numel() for m in modules for p in m.parameters())


def build(name):
    """Without memory: counts and names need no values."""
    with torch.device('meta'):
        return Encoder(name)


def localizer(name):
    with torch.device('meta'):
        return Localizer(
            Architecture(encoder=name, neck='none', modalities=5), CLASSES
        )


def test_parameters_of_min_max_entropy():
    assert parameters(localizer('deep_stem_resnet101')) == 42_664_916


def test_parameters_of_max_min_uncertainty_on_glas():
    assert parameters(localizer('deep_stem_resnet18')) == 11_335_252


def test_parameters_of_max_min_uncertainty_on_camelyon():
    encoder = build('deep_stem_resnet18')
    last, plain = encoder.channels[-1], Architecture()
    heads = [
        ClassMaps(last, classes, plain, modalities=modalities)
        for classes, modalities in ((2, 4), (1, 5), (2, 4))
    ]
    assert parameters(encoder, *heads) == 11_335_765


@pytest.mark.parametrize(
    ('name', 'of_encoder', 'of_decoder', 'keys_of_decoder', 'first'),
    [
        ('wsol_resnet50', 23_508_032, 9_012_928, 60, 3072),
        ('wsol_vgg16', 19_434_304, 23_119_616, 48, 1280),
        ('wsol_inception_v3', 25_482_976, 5_704_384, 60, 1792),
    ],
)
def test_parameters_of_negev(
    name, of_encoder, of_decoder, keys_of_decoder, first
):
    encoder = build(name)
    assert parameters(encoder) == of_encoder
    with torch.device('meta'):
        unet = UNet(encoder, 1, 64, centre='vgg' in name)
    assert parameters(unet) == of_decoder
    state = unet.decoder.state_dict()
    assert len(state) == keys_of_decoder
    assert state['blocks.0.conv1.0.weight'].shape[1] == first
    assert 'blocks.2.conv2.1.running_var' in state
    assert ('center.1.1.weight' in state) == ('vgg' in name)


@pytest.mark.parametrize(
    ('name', 'count', 'shapes'),
    [
        # MM19: 642 with sigma, w and two heads of two tensors.
        ('deep_stem_resnet101', 642 - 6, {'conv3.weight': (128, 64, 3, 3)}),
        # TMI: 143 with w and two heads.
        (
            'deep_stem_resnet18',
            143 - 5,
            {
                'conv1.weight': (64, 3, 3, 3),
                'bn3.running_mean': (128,),
                'layer1.0.downsample.0.weight': (64, 128, 1, 1),
                'layer4.1.conv2.weight': (512, 512, 3, 3),
            },
        ),
        (
            'wsol_resnet50',
            318,
            {
                'conv1.weight': (64, 3, 7, 7),
                'layer4.2.conv3.weight': (2048, 512, 1, 1),
            },
        ),
        # The other two files name everything twice.
        (
            'wsol_vgg16',
            56 // 2,
            {
                'features.23.weight': (512, 512, 3, 3),
                'features.27.bias': (512,),
                'conv6.weight': (1024, 512, 3, 3),
            },
        ),
        (
            'wsol_inception_v3',
            848 // 2,
            {
                'Conv2d_1a_3x3.conv.weight': (32, 3, 3, 3),
                'Mixed_6a.branch3x3.conv.weight': (384, 288, 3, 3),
                'SPG_A3_1b.1.weight': (1024, 768, 3, 3),
                'SPG_A3_2b.1.weight': (1024, 1024, 3, 3),
            },
        ),
    ],
)
def test_tensors_are_named_as_published(name, count, shapes):
    state = build(name).backbone.state_dict()
    assert len(state) == count
    assert {key: tuple(state[key].shape) for key in shapes} == shapes


@pytest.mark.parametrize(
    'name',
    ['deep_stem_resnet18', 'wsol_resnet50', 'wsol_vgg16', 'wsol_inception_v3'],
)
def test_maps_have_the_strides_and_widths_that_are_told(name):
    encoder = Encoder(name).eval()
    with torch.inference_mode():
        maps = encoder(torch.zeros(1, 3, 32, 64))
    assert [m.shape[1] for m in maps] == encoder.channels
    assert [(32 // m.shape[2], 64 // m.shape[3]) for m in maps] == [
        (stride, stride) for stride in encoder.strides
    ]
    assert encoder.strides[-1] == (32 if 'deep' in name else 8)


@pytest.mark.parametrize('name', ['vgg16', 'wsol_vgg16'])
def test_vgg16_carries_a_class_map_head(name):
    with torch.device('meta'):
        network = Localizer(
            Architecture(
                encoder=name, neck='unet', stride=4, pixel_head='softmax'
            ),
            CLASSES,
        )
        features = network.encoder(torch.zeros(2, 3, 64, 64))
        scores = network.image_scores(network.classifier(features[-1]))
        maps = network.localizer_maps(features)
    assert network.class_stride == (32 if name == 'vgg16' else 8)
    assert scores.shape == (2, 2)
    assert maps.shape == (2, 2, 16, 16)


@pytest.mark.parametrize(
    ('name', 'random'),
    [
        ('wsol_resnet50', set()),
        ('wsol_vgg16', {'conv6'}),
        ('wsol_inception_v3', {'SPG_A3_1b.1', 'SPG_A3_2b.1'}),
    ],
)
def test_imagenet_weights_fill_all_but_the_added_layers(name, random):
    published = PUBLISHED[name]
    with torch.device('meta'):
        donor = timm.create_model(published.donor)
        ours = Encoder(name)
    left = published.take(ours.backbone, donor.state_dict())
    assert {key.rpartition('.')[0] for key in left} == random


def test_donated_weights_arrive_where_the_layers_moved(monkeypatch):
    donor = timm.create_model('vgg16', pretrained=False, num_classes=2)
    monkeypatch.setattr(timm, 'create_model', lambda *args, **_: donor)
    encoder = Encoder('wsol_vgg16')
    told = load_imagenet_weights(encoder, 'wsol_vgg16')
    assert told == 'timm vgg16.tv_in1k'
    state, theirs = encoder.backbone.state_dict(), donor.state_dict()
    assert torch.equal(state['features.21.bias'], theirs['features.21.bias'])
    assert torch.equal(
        state['features.27.weight'], theirs['features.28.weight']
    )


def test_a_deep_stem_has_no_imagenet_weights():
    name = 'deep_stem_resnet18'
    with pytest.raises(BadInputError, match='no ImageNet weights'):
        load_imagenet_weights(build(name), name)


def test_each_expects_the_normalisation_of_its_paper():
    assert normalization_of('deep_stem_resnet50').mean == (0.5, 0.5, 0.5)
    assert normalization_of('wsol_vgg16').std == (0.229, 0.224, 0.225)
