"""The encoders of the published models, which no library offers.

Layers are named as in the published checkpoints; blocks are torchvision's.
Published checkpoints of the "wsol" VGG and Inception name every layer a
second time, by its position: that is left out here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.inception import (
    BasicConv2d,
    InceptionA,
    InceptionB,
    InceptionC,
)
from torchvision.models.resnet import BasicBlock, Bottleneck, conv1x1
from torchvision.models.vgg import make_layers

from napari_wsol.models.card import Normalization

HALF = Normalization(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
IMAGENET = Normalization(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


class Backbone(nn.Module):
    """Images -> feature maps, finest first.

    Attributes
    ----------
    strides, channels
        Input pixels per cell and width of each map.
    """

    strides: list[int]
    channels: list[int]


class ResNet(Backbone):
    """A ResNet with the stem of MM19 and TMI, or the strides of NEGEV.

    Parameters
    ----------
    block, depths
        Kind of block, and how many each of the four stages has.
    deep_stem
        Three 3x3 convolutions (64, 64, 128) in place of the one of 7x7
        (methods of MM19, arXiv 1907.12934, and TMI, IEEE TMI 41(3), 2022).
    stage_strides
        Of the stages' first blocks; (1, 2, 1, 1) gives output stride 8
        without dilation (NEGEV, MIDL 2022).
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        depths: Sequence[int],
        *,
        deep_stem: bool,
        stage_strides: Sequence[int] = (1, 2, 2, 2),
    ) -> None:
        super().__init__()
        if deep_stem:
            stem = [(3, 64, 3, 2), (64, 64, 3, 1), (64, 128, 3, 1)]
        else:
            stem = [(3, 64, 7, 2)]
        self.stem = len(stem)
        for number, (inner, outer, kernel, stride) in enumerate(stem, 1):
            convolution = nn.Conv2d(
                inner, outer, kernel, stride, kernel // 2, bias=False
            )
            self.add_module(f'conv{number}', convolution)
            self.add_module(f'bn{number}', nn.BatchNorm2d(outer))
        width = stem[-1][1]
        self.strides, self.channels = [2], [width]
        for number, (depth, stride) in enumerate(
            zip(depths, stage_strides, strict=True)
        ):
            stage, width = _stage(block, depth, width, 64 << number, stride)
            self.add_module(f'layer{number + 1}', stage)
            last = 4 if number == 0 else self.strides[-1] * stride
            self.strides.append(last)
            self.channels.append(width)
        _initialise(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """``(B, 3, H, W)`` -> five maps."""
        features = images
        for number in range(1, self.stem + 1):
            features = self.get_submodule(f'conv{number}')(features)
            features = self.get_submodule(f'bn{number}')(features)
            features = F.relu(features)
        maps = [features]
        features = F.max_pool2d(features, 3, 2, 1)
        for number in range(1, 5):
            features = self.get_submodule(f'layer{number}')(features)
            maps.append(features)
        return maps


class WsolVgg16(Backbone):
    """VGG-16 without the last two poolings, and a 3x3 layer of 1,024 more."""

    def __init__(self) -> None:
        super().__init__()
        pool = 'M'
        self.features = make_layers(
            [
                *(64, 64, pool),
                *(128, 128, pool),
                *(256, 256, 256, pool),
                *(512, 512, 512),
                *(512, 512, 512),
            ]
        )
        self.conv6 = nn.Conv2d(512, 1024, 3, padding=1)
        self.strides = [1, 2, 4, 8]
        self.channels = [64, 128, 256, 1024]
        _initialise(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """``(B, 3, H, W)`` -> four maps."""
        maps, features = [], images
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                maps.append(features)
            features = layer(features)
        maps.append(F.relu(self.conv6(features)))
        return maps


class WsolInceptionV3(Backbone):
    """Inception v3 up to its fifth C block, and SPG's two 3x3 layers.

    Everything is padded and the B block has stride 1, so that the strides
    are 2, 4, 8, 8, 8. Poolings floor where the published ones ceil: theirs
    give 57 and 29 cells for 224 px, an uneven grid that no tile can share.
    """

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = BasicConv2d(
            3, 32, kernel_size=3, stride=2, padding=1
        )
        self.Conv2d_2a_3x3 = BasicConv2d(32, 32, kernel_size=3, padding=1)
        self.Conv2d_2b_3x3 = BasicConv2d(32, 64, kernel_size=3, padding=1)
        self.Conv2d_3b_1x1 = BasicConv2d(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, kernel_size=3, padding=1)
        self.Mixed_5b = InceptionA(192, pool_features=32)
        self.Mixed_5c = InceptionA(256, pool_features=64)
        self.Mixed_5d = InceptionA(288, pool_features=64)
        self.Mixed_6a = _InceptionB(288)
        self.Mixed_6b = InceptionC(768, channels_7x7=128)
        self.Mixed_6c = InceptionC(768, channels_7x7=160)
        self.Mixed_6d = InceptionC(768, channels_7x7=160)
        self.Mixed_6e = InceptionC(768, channels_7x7=192)
        self.SPG_A3_1b = _spg_layer(768)
        self.SPG_A3_2b = _spg_layer(1024)
        self.strides = [2, 4, 8, 8, 8]
        self.channels = [64, 80, 288, 768, 1024]
        _initialise(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """``(B, 3, H, W)`` -> five maps."""
        features = self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images))
        maps = [self.Conv2d_2b_3x3(features)]
        maps.append(self.Conv2d_3b_1x1(F.max_pool2d(maps[-1], 3, 2, 1)))
        features = self.Conv2d_4a_3x3(maps[-1])
        features = self.Mixed_5b(F.max_pool2d(features, 3, 2, 1))
        maps.append(self.Mixed_5d(self.Mixed_5c(features)))
        features = self.Mixed_6b(self.Mixed_6a(maps[-1]))
        maps.append(self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(features))))
        maps.append(self.SPG_A3_2b(self.SPG_A3_1b(maps[-1])))
        return maps


class _InceptionB(InceptionB):  # type: ignore[misc]
    """Stride 1 in place of 2."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.branch3x3 = BasicConv2d(channels, 384, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = BasicConv2d(96, 96, kernel_size=3, padding=1)

    def _forward(self, features: Tensor) -> list[Tensor]:
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(features))
        return [
            self.branch3x3(features),
            self.branch3x3dbl_3(double),
            F.max_pool2d(features, 3, 1, 1),
        ]


@dataclass(frozen=True)
class Published:
    """A published encoder, and what is known of its weights.

    Parameters
    ----------
    build
        Makes it, with random weights.
    normalization
        Of its input, as published.
    donor
        The timm model whose ImageNet weights most of its layers take; None
        where there is none.
    renamed
        Layers of the donor that have another name here.
    """

    build: Callable[[], Backbone]
    normalization: Normalization
    donor: str | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)

    def take(
        self, backbone: Backbone, weights: Mapping[str, Tensor]
    ) -> Sequence[str]:
        """Copy a donor's weights; returns the names of what stays random."""
        ours = backbone.state_dict()
        taken = {}
        for key, value in weights.items():
            layer, _, kind = key.rpartition('.')
            name = f'{self.renamed.get(layer, layer)}.{kind}'
            if name in ours:
                taken[name] = value
        backbone.load_state_dict(taken, strict=False)
        return sorted(ours.keys() - taken.keys())


def _deep_stem(
    block: type[BasicBlock | Bottleneck], *depths: int
) -> Published:
    return Published(lambda: ResNet(block, depths, deep_stem=True), HALF)


PUBLISHED: dict[str, Published] = {
    'deep_stem_resnet18': _deep_stem(BasicBlock, 2, 2, 2, 2),
    'deep_stem_resnet50': _deep_stem(Bottleneck, 3, 4, 6, 3),
    'deep_stem_resnet101': _deep_stem(Bottleneck, 3, 4, 23, 3),
    'wsol_resnet50': Published(
        lambda: ResNet(
            Bottleneck,
            (3, 4, 6, 3),
            deep_stem=False,
            stage_strides=(1, 2, 1, 1),
        ),
        IMAGENET,
        donor='resnet50.tv_in1k',
    ),
    'wsol_vgg16': Published(
        WsolVgg16,
        IMAGENET,
        donor='vgg16.tv_in1k',
        # A dropped pooling moves what follows up by one.
        renamed={f'features.{i}': f'features.{i - 1}' for i in (24, 26, 28)},
    ),
    'wsol_inception_v3': Published(
        WsolInceptionV3, IMAGENET, donor='inception_v3.tv_in1k'
    ),
}
"""Name -> encoder; the names stand beside timm's."""


def _stage(
    block: type[BasicBlock | Bottleneck],
    depth: int,
    width_in: int,
    width: int,
    stride: int,
) -> tuple[nn.Sequential, int]:
    """``depth`` residual blocks, the first strided; and their width."""
    width_out = width * block.expansion
    shortcut = None
    if stride != 1 or width_in != width_out:
        shortcut = nn.Sequential(
            conv1x1(width_in, width_out, stride), nn.BatchNorm2d(width_out)
        )
    blocks = [block(width_in, width, stride, shortcut)]
    blocks += [block(width_out, width) for _ in range(1, depth)]
    return nn.Sequential(*blocks), width_out


def _spg_layer(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Dropout(0.5), nn.Conv2d(channels, 1024, 3, padding=1), nn.ReLU()
    )


def _initialise(backbone: nn.Module) -> None:
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(
                module.weight, mode='fan_out', nonlinearity='relu'
            )
            if module.bias is not None:
                nn.init.zeros_(module.bias)
