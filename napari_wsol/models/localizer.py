"""The network: one encoder, a localizer and a classifier upon it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_wsol.models.card import Architecture, ModelCard
from napari_wsol.models.encoders import Encoder
from napari_wsol.models.pooling import pool


@dataclass(frozen=True)
class TileMaps:
    """What a network says about a batch of tiles.

    Parameters
    ----------
    pixel
        ``(B, K, h, w)`` probabilities of each pixel at the network's stride;
        channel 0 is background. K is 1 + the number of ROI classes, or 2
        where the localizer does not tell classes apart.
    class_scores
        ``(B, 3, C, hc, wc)`` class maps of the classifier at its class
        stride, for the whole image, its foreground alone and its background
        alone; None where not asked for.
    """

    pixel: Tensor
    class_scores: Tensor | None


class ClassMaps(nn.Module):
    """1x1 convolution to ``modalities`` maps per class, and their mean."""

    def __init__(self, channels: int, classes: int, modalities: int) -> None:
        super().__init__()
        self.classes = classes
        self.to_modalities = nn.Conv2d(channels, classes * modalities, 1)

    def forward(self, features: Tensor) -> Tensor:
        """``(B, F, h, w)`` -> ``(B, C, h, w)`` float32."""
        maps: Tensor = self.to_modalities(features)
        batch, _, height, width = maps.shape
        apart = maps.float().view(batch, self.classes, -1, height, width)
        return apart.mean(2)


class Pyramid(nn.Module):
    """1x1 laterals, top-down bilinear sums, one 3x3 convolution.

    Reads every encoder map at ``stride`` and coarser, and gives one map of
    ``channels`` at ``stride``.
    """

    def __init__(self, encoder: Encoder, stride: int, channels: int) -> None:
        super().__init__()
        if stride not in encoder.strides:
            raise ValueError(
                f'stride must be one of {encoder.strides}, got {stride}'
            )
        self.first = encoder.strides.index(stride)
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
            top = below + resize(top, below.shape[-2:])
        smoothed: Tensor = self.smooth(top)
        return smoothed


class MapRange(nn.Module):
    """Stretches a map to [0, 1], by itself in training, by constants after.

    MM19 and TMI stretch each image's map between its own minimum and
    maximum. A tile cannot know its image's, so the running means of both,
    learned in training, take their place at inference: a tile of pure
    background stays background.
    """

    low: Tensor
    high: Tensor

    def __init__(self, momentum: float = 0.05) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer('low', torch.zeros(()))
        self.register_buffer('high', torch.ones(()))

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, 1, h, w)`` -> the same, stretched; constant maps give 0."""
        if not self.training:
            width = (self.high - self.low).clamp_min(1e-6)
            return ((maps - self.low) / width).clamp(0, 1)
        low = maps.amin((1, 2, 3), keepdim=True)
        high = maps.amax((1, 2, 3), keepdim=True)
        with torch.no_grad():
            self.low.lerp_(low.mean().to(self.low), self.momentum)
            self.high.lerp_(high.mean().to(self.high), self.momentum)
        return (maps - low) / (high - low).clamp_min(1e-6)


class Localizer(nn.Module):
    """A localizer and a classifier that share one encoder.

    Parameters
    ----------
    architecture
        See ``models.card.Architecture``.
    classes, negative_class
        As on the card. With ``pixel_head='softmax'`` and a negative class,
        pixels are told apart into background and each ROI class; without
        one, into background and ROI.

    Notes
    -----
    The localizer's class-map head and the masked second look of the
    classifier follow TMI (IEEE TMI 41(3), 2022), eq. 1-4.
    """

    def __init__(
        self,
        architecture: Architecture,
        classes: tuple[str, ...],
        negative_class: str | None = None,
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.classes = classes
        self.negative_class = negative_class
        self.roi = [i for i, c in enumerate(classes) if c != negative_class]
        self.encoder = Encoder(architecture.encoder)
        self.class_stride: int = self.encoder.strides[-1]
        last = self.encoder.channels[-1]
        self.pyramid: Pyramid | None = None
        self.stride = self.class_stride
        width = last
        if architecture.neck == 'pyramid':
            self.stride = architecture.stride
            self.pyramid = Pyramid(
                self.encoder, self.stride, architecture.channels
            )
            width = architecture.channels
        self.by_class_maps = architecture.pixel_head == 'class-maps'
        if self.by_class_maps:
            channels = len(classes)
        else:
            channels = 1 + (len(self.roi) if negative_class else 1)
        self.localizer = ClassMaps(width, channels, architecture.modalities)
        self.classifier = ClassMaps(
            last, len(classes), architecture.modalities
        )
        self.range = MapRange() if self.by_class_maps else None
        self.register_buffer('sigma', torch.tensor(0.15))
        self.register_buffer('pixel_temperature', torch.ones(()))

    sigma: Tensor
    pixel_temperature: Tensor

    def calibrate(self, card: ModelCard) -> None:
        """Take the pixel temperature that the card states."""
        self.pixel_temperature.fill_(card.pixel_temperature)

    def localizer_maps(self, features: list[Tensor]) -> Tensor:
        """Encoder maps -> ``(B, C or K, h, w)`` raw maps of the localizer."""
        last = features[-1] if self.pyramid is None else self.pyramid(features)
        maps: Tensor = self.localizer(last)
        return maps

    def pixel_logits(self, maps: Tensor) -> Tensor:
        """Raw maps of the localizer -> ``(B, K, h, w)`` pixel logits.

        Class maps are joined into one by their own softmax, stretched, and
        compared with sigma: ``w (m - sigma)`` (TMI, eq. 2). The weights are
        each pixel's, not the image's, so that a tile gives what the image
        would.
        """
        if self.range is None:
            return maps
        joined = (maps.softmax(1) * maps).sum(1, keepdim=True)
        foreground = self.architecture.sharpness * (
            self.range(joined) - self.sigma
        )
        return torch.cat([torch.zeros_like(foreground), foreground], 1)

    def foreground(self, pixel_logits: Tensor) -> Tensor:
        """``(B, K, h, w)`` -> ROI probability ``(B, 1, h, w)``."""
        return 1 - pixel_logits.softmax(1)[:, :1]

    def image_scores(self, maps: Tensor) -> Tensor:
        """Class maps ``(B, C, h, w)`` -> scores ``(B, C)``."""
        return pool(maps.flatten(2), self.architecture)

    def masked_scores(self, images: Tensor, mask: Tensor) -> Tensor:
        """Class scores ``(B, C)`` of images seen through a mask."""
        return self.image_scores(self.masked_maps(images, mask))

    def masked_maps(self, images: Tensor, mask: Tensor) -> Tensor:
        """The classifier's maps ``(B, C, h, w)`` of ``images * mask``.

        ``images`` are normalised, so what is masked out becomes mid-grey;
        they are shown at ``classifier_scale``.
        """
        shown = images * resize(mask, images.shape[-2:])
        scale = self.architecture.classifier_scale
        if scale != 1:
            side = self.class_stride
            size = [
                max(side, side * round(scale * length / side))
                for length in shown.shape[-2:]
            ]
            shown = F.interpolate(
                shown, size=size, mode='bilinear', antialias=True
            )
        maps: Tensor = self.classifier(self.encoder(shown)[-1])
        return maps

    def maps(self, images: Tensor, *, classify: bool) -> TileMaps:
        """Pixel probabilities and class maps of normalised tiles.

        Parameters
        ----------
        images
            ``(B, 3, H, W)``, H and W multiples of the class stride.
        classify
            Also look at the foreground and the background alone.
        """
        features = self.encoder(images)
        logits = self.pixel_logits(self.localizer_maps(features)).float()
        pixel = (logits / self.pixel_temperature).softmax(1)
        if not classify:
            return TileMaps(pixel, None)
        whole: Tensor = self.classifier(features[-1])
        mask = (1 - pixel[:, :1]).to(images.dtype)
        both = self.masked_maps(
            torch.cat([images, images]), torch.cat([mask, 1 - mask])
        )
        seen = resize(both, whole.shape[-2:])
        count = len(images)
        scores = torch.stack([whole, seen[:count], seen[count:]], 1)
        return TileMaps(pixel, scores.float())

    def pool(self, scores: Tensor) -> Tensor:
        """Cells of class maps ``(N, C)`` -> logits of the image ``(C,)``."""
        return pool(scores.T.contiguous(), self.architecture)


def resize(maps: Tensor, size: torch.Size | tuple[int, int]) -> Tensor:
    """Bilinear to ``size`` (pixel centres kept apart, align_corners off)."""
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    return F.interpolate(maps, size=tuple(size), mode='bilinear')


def without_margin(maps: Tensor, margin: int) -> Tensor:
    """``(B, C, h, w)`` less ``margin`` cells along each side."""
    if margin == 0:
        return maps
    return maps[..., margin:-margin, margin:-margin]


def entropy(probability: Tensor, dim: int = -1) -> Tensor:
    """Entropy divided by log(K), so that 1 means "knows nothing"."""
    terms = torch.special.entr(probability).sum(dim)
    return cast('Tensor', terms / math.log(probability.shape[dim]))
