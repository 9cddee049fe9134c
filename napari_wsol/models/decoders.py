"""Necks: from the encoder's maps to the one map that the localizer reads."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_wsol.errors import BadInputError
from napari_wsol.models.card import Architecture
from napari_wsol.models.encoders import Encoder


class Neck(nn.Module):
    """Encoder maps -> one map of ``channels`` at ``stride``.

    Attributes
    ----------
    stride, channels
        Input pixels per cell, and width, of the map that it gives.
    """

    stride: int
    channels: int


class OneMap(Neck):
    """One of the encoder's maps as it is."""

    def __init__(self, encoder: Encoder, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.index = _index(encoder, stride)
        self.channels = encoder.channels[self.index]

    def forward(self, features: list[Tensor]) -> Tensor:
        """Encoder maps -> one of them, ``(B, channels, h, w)``."""
        return features[self.index]


class Pyramid(Neck):
    """1x1 laterals, top-down bilinear sums, one 3x3 convolution.

    Reads every encoder map at ``stride`` and coarser.
    """

    def __init__(self, encoder: Encoder, stride: int, channels: int) -> None:
        super().__init__()
        self.stride, self.channels = stride, channels
        self.first = _index(encoder, stride)
        self.laterals = nn.ModuleList(
            nn.Conv2d(width, channels, 1)
            for width in encoder.channels[self.first :]
        )
        self.smooth = nn.Sequential(
            nn.Conv2d(
                channels, channels, 3, padding=1, padding_mode='reflect'
            ),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, features: list[Tensor]) -> Tensor:
        """Encoder maps -> ``(B, channels, H/stride, W/stride)``."""
        maps = [
            lateral(feature)
            for lateral, feature in zip(
                self.laterals, features[self.first :], strict=True
            )
        ]
        top = maps.pop()
        while maps:
            below = maps.pop()
            top = below + F.interpolate(
                top, size=below.shape[-2:], mode='bilinear'
            )
        smoothed: Tensor = self.smooth(top)
        return smoothed


class UNet(Neck):
    """The U-Net decoder of segmentation-models-pytorch, down to ``stride``.

    Per block: nearest upsampling to the next finer encoder map, that map
    beside it, twice 3x3 convolution, BatchNorm, ReLU. As published, a map at
    full resolution is not read: the last block then has no skip.

    Parameters
    ----------
    stride
        One of the encoder's, or half of its finest.
    channels
        The blocks' widths are 4, 2, 1, 1/2, 1/4 times ``channels``: with 64,
        the published 256, 128, 64, 32, 16 (NEGEV, MIDL 2022).
    centre
        Two more convolutions on the last map, as published for VGG.
    """

    def __init__(
        self, encoder: Encoder, stride: int, channels: int, *, centre: bool
    ) -> None:
        super().__init__()
        from segmentation_models_pytorch.decoders.unet.decoder import (
            UnetDecoder,
        )

        skips = [s for s in encoder.strides if s > 1]
        _check(stride, [skips[0] // 2, *skips])
        self.stride = stride
        self.first = len(encoder.strides) - sum(s >= stride for s in skips)
        read = encoder.channels[self.first :]
        self.finest = encoder.strides[self.first]
        blocks = len(read) - 1 + (stride < self.finest)
        widths = [max(1, 4 * channels >> depth) for depth in range(blocks)]
        self.channels = widths[-1] if widths else read[-1]
        self.decoder = UnetDecoder(
            encoder_channels=(0, *read),
            decoder_channels=widths,
            n_blocks=blocks,
            add_center_block=centre,
        )

    def forward(self, features: list[Tensor]) -> Tensor:
        """Encoder maps -> ``(B, channels, H/stride, W/stride)``."""
        read = features[self.first :]
        height, width = read[0].shape[-2:]
        scale = self.finest // self.stride
        # The decoder asks the first map for its size alone.
        size = read[0].new_empty(0, 0, height * scale, width * scale)
        return cast('Tensor', self.decoder([size, *read]))


class DeepLabV3Plus(Neck):
    """The DeepLabV3+ decoder of segmentation-models-pytorch.

    Separable atrous pyramid pooling of the encoder's last map, its bilinear
    upsampling to ``stride`` beside 48 channels of the encoder's map there,
    and one separable 3x3 convolution (Chen et al., ECCV 2018).

    Three things differ from the library, so that a tile gives what the whole
    image would. Image-level features are means over the square that the
    largest rate spans, not over all of the tile. Upsampling is aligned by
    pixel edges, not by corners. And what a dilated kernel reads around its
    centre starts with weight zero: where a rate exceeds the training crops it
    is never learned, and must not add noise to larger images.

    Parameters
    ----------
    stride
        One of the encoder's; 4 as published.
    channels
        Width of what it gives; 256 as published.
    rates
        Dilations in cells of the encoder's last map; 12, 24, 36 as published
        for larger crops. A tile needs a halo of the largest, in pixels, on
        top of the encoder's own.
    """

    def __init__(
        self,
        encoder: Encoder,
        stride: int,
        channels: int,
        rates: tuple[int, int, int],
    ) -> None:
        super().__init__()
        from segmentation_models_pytorch.decoders.deeplabv3.decoder import (
            DeepLabV3PlusDecoder,
        )

        self.stride, self.channels = stride, channels
        self.low_level = _index(encoder, stride)
        self.decoder = DeepLabV3PlusDecoder(
            encoder_channels=(
                0,
                0,
                encoder.channels[self.low_level],
                encoder.channels[-1],
            ),
            encoder_depth=3,
            out_channels=channels,
            atrous_rates=rates,
            output_stride=16,
            aspp_separable=True,
            aspp_dropout=0.5,
        )
        *branches, image_level = self.decoder.aspp[0].convs
        image_level[0] = LocalMean(max(rates))
        for branch in branches:
            _centre_dilated(branch)
        self.decoder.up = nn.Upsample(
            scale_factor=encoder.strides[-1] // stride, mode='bilinear'
        )

    def forward(self, features: list[Tensor]) -> Tensor:
        """Encoder maps -> ``(B, channels, H/stride, W/stride)``."""
        low, last = features[self.low_level], features[-1]
        return cast('Tensor', self.decoder([last, last, low, last]))


def _centre_dilated(branch: nn.Module) -> None:
    for module in branch.modules():
        if isinstance(module, nn.Conv2d) and module.dilation[0] > 1:
            with torch.no_grad():
                centre = module.weight[..., 1, 1].clone()
                module.weight.zero_()
                module.weight[..., 1, 1] = centre


class LocalMean(nn.Module):
    """The mean over the square of ``2 radius + 1`` cells around each cell.

    Cells beyond the border do not count: a map no wider than ``radius + 1``
    is averaged as a whole.
    """

    def __init__(self, radius: int) -> None:
        super().__init__()
        self.radius = radius

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, F, h, w)`` -> the same shape."""
        span, radius = 2 * self.radius + 1, self.radius
        rows = F.avg_pool2d(
            maps, (span, 1), 1, (radius, 0), count_include_pad=False
        )
        return F.avg_pool2d(
            rows, (1, span), 1, (0, radius), count_include_pad=False
        )


def create_neck(architecture: Architecture, encoder: Encoder) -> Neck:
    """The neck that an architecture names, upon an encoder.

    Raises
    ------
    BadInputError
        Where the encoder has no map at the architecture's stride.
    """
    stride, channels = architecture.stride, architecture.channels
    match architecture.neck:
        case 'none':
            return OneMap(encoder, encoder.strides[-1])
        case 'map':
            return OneMap(encoder, stride)
        case 'pyramid':
            return Pyramid(encoder, stride, channels)
        case 'unet':
            centre = 'vgg' in architecture.encoder
            return UNet(encoder, stride, channels, centre=centre)
        case 'deeplabv3plus':
            return DeepLabV3Plus(
                encoder, stride, 4 * channels, architecture.atrous_rates
            )


def _index(encoder: Encoder, stride: int) -> int:
    _check(stride, encoder.strides)
    return encoder.strides.index(stride)


def _check(stride: int, offered: list[int]) -> None:
    if stride not in offered:
        among = ', '.join(str(s) for s in sorted(set(offered)))
        raise BadInputError(
            f'This encoder gives no map at stride {stride}: choose a stride '
            f'of {among}.'
        )
