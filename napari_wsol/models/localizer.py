"""The network: one encoder, a localizer and a classifier upon it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_wsol.models.card import Architecture, ModelCard
from napari_wsol.models.decoders import create_neck
from napari_wsol.models.encoders import Encoder
from napari_wsol.models.heads import ClassMaps, MapRange
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
        alone; None where not asked for. With attention pooling C is one
        more than the classes: the attention logit follows.
    """

    pixel: Tensor
    class_scores: Tensor | None


@dataclass(frozen=True)
class Glance:
    """What a network says at its first look at a batch of tiles.

    Parameters
    ----------
    pixel
        As of ``TileMaps``.
    scores
        ``(B, C, hc, wc)``, the classifier's maps of the whole tiles; None
        where not asked for.
    """

    pixel: Tensor
    scores: Tensor | None

    @property
    def foreground(self) -> Tensor:
        """``(B, 1, h, w)``, the probability of anything but background."""
        return 1 - self.pixel[:, :1]


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
    classifier follow TMI (IEEE TMI 41(3), 2022), eq. 1-4. Upon a U-Net the
    localizer's head is one 3x3 convolution, as in NEGEV (MIDL 2022).
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
        self.encoder = Encoder(
            architecture.encoder,
            architecture.output_stride,
            head=architecture.encoder_head,
        )
        self.class_stride: int = self.encoder.strides[-1]
        self.neck = create_neck(architecture, self.encoder)
        self.stride = self.neck.stride
        self.by_class_maps = architecture.pixel_head == 'class-maps'
        channels = len(classes) if self.by_class_maps else self.pixel_channels
        is_unet = architecture.neck == 'unet'
        self.localizer = ClassMaps(
            self.neck.channels,
            channels,
            architecture,
            modalities=1 if is_unet else architecture.modalities,
            kernel_size=3 if is_unet else 1,
        )
        self.classifier = ClassMaps(
            self.encoder.channels[-1],
            len(classes),
            architecture,
            modalities=architecture.modalities,
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
        """Encoder maps -> ``(B, C or K, h, w)`` raw maps of the localizer.

        With attention pooling one more follows (see ``evidence``).
        """
        maps: Tensor = self.localizer(self.neck(features))
        return maps

    @property
    def pixel_channels(self) -> int:
        """Channels of the pixel probabilities, background included."""
        if self.by_class_maps or self.negative_class is None:
            return 2
        return 1 + len(self.roi)

    @property
    def class_channels(self) -> int:
        """Channels of the classifier's maps, the attention logit included."""
        return len(self.classes) + (self.architecture.pooling == 'attention')

    def evidence(self, maps: Tensor) -> Tensor:
        """A head's maps ``(B, C + 1, h, w)`` less the attention logit.

        ``image_scores`` and ``pool`` want the logit; whoever reads classes
        off single cells does not. The same maps with any other pooling.
        """
        if self.architecture.pooling == 'attention':
            return maps[:, :-1]
        return maps

    def pixel_logits(self, maps: Tensor) -> Tensor:
        """Raw maps of the localizer -> ``(B, K, h, w)`` pixel logits.

        Class maps are joined into one by their own softmax, that of a fully
        negative class being left out, stretched, and compared with sigma:
        ``w (m - sigma)`` (TMI, eq. 2). The weights are
        each pixel's, not the image's, so that a tile gives what the image
        would.
        """
        maps = self.evidence(maps)
        if self.range is None:
            return maps
        weighted = maps.softmax(1) * maps
        if self.negative_class is not None:
            weighted = weighted[:, self.roi]
        joined = weighted.sum(1, keepdim=True)
        foreground = self.architecture.sharpness * (
            self.range(joined) - self.sigma
        )
        return torch.cat([torch.zeros_like(foreground), foreground], 1)

    def foreground(self, pixel_logits: Tensor) -> Tensor:
        """``(B, K, h, w)`` -> ROI probability ``(B, 1, h, w)``."""
        return 1 - pixel_logits.softmax(1)[:, :1]

    def image_scores(self, maps: Tensor) -> Tensor:
        """Class maps as a head gives them -> scores ``(B, C)``."""
        return pool(maps.flatten(2), self.architecture)

    def masked_scores(self, images: Tensor, mask: Tensor) -> Tensor:
        """Class scores ``(B, C)`` of images seen through a mask."""
        return self.image_scores(self.masked_maps(images, mask))

    def masked_maps(self, images: Tensor, mask: Tensor) -> Tensor:
        """The classifier's maps of ``images * mask``.

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
        seen = self.glance(images, classify=classify)
        if seen.scores is None:
            return TileMaps(seen.pixel, None)
        scores = self.seen_apart(images, seen.scores, seen.foreground)
        return TileMaps(seen.pixel, scores)

    def glance(self, images: Tensor, *, classify: bool) -> Glance:
        """The first look at normalised tiles; the second is dearer.

        Parameters
        ----------
        images
            ``(B, 3, H, W)``, H and W multiples of the class stride.
        classify
            Also ask the classifier.
        """
        features = self.encoder(images)
        logits = self.pixel_logits(self.localizer_maps(features)).float()
        pixel = (logits / self.pixel_temperature).softmax(1)
        return Glance(
            pixel, self.classifier(features[-1]) if classify else None
        )

    def seen_apart(
        self, images: Tensor, whole: Tensor, mask: Tensor
    ) -> Tensor:
        """Class maps of images, their foreground and their background.

        Parameters
        ----------
        images
            ``(B, 3, H, W)``, normalised.
        whole
            ``(B, C, hc, wc)``, the classifier's maps of the images.
        mask
            ``(B, 1, h, w)`` in [0, 1], where the foreground is.

        Returns
        -------
        Tensor
            ``(B, 3, C, hc, wc)`` float32.
        """
        mask = mask.to(images.dtype)
        both = self.masked_maps(
            torch.cat([images, images]), torch.cat([mask, 1 - mask])
        )
        foreground, background = resize(both, whole.shape[-2:]).chunk(2)
        return torch.stack([whole, foreground, background], 1).float()

    def pool(self, scores: Tensor) -> Tensor:
        """Cells of class maps -> logits of the image ``(C,)``.

        ``scores`` is ``(N, class_channels)``: cells of any number of tiles.
        """
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
