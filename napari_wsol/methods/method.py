"""What every method offers to the training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from napari_wsol.models.localizer import Localizer


@dataclass(frozen=True)
class Batch:
    """What one step learns from.

    Parameters
    ----------
    images
        ``(B, 3, H, W)``, normalised.
    labels
        ``(B,)`` class of each image, -1 where it carries none.
    pixels
        ``(B, H, W)`` class of each pixel that lies in a labelled field (or
        carries a pseudo-label), -1 elsewhere; in classes of the localizer's
        pixel head, 0 being background.
    in_field
        ``(B, H, W)`` whether that class is a field's, and so is certain.
    seeds
        ``(B, H, W)`` in [0, 1], a localization map of an earlier network
        from which seeds are drawn; NaN where unknown. None where there is
        no such map.
    features
        The encoder's maps of the images, ``(B, channels, h, w)`` each, where
        they are kept (maps finer than the network's stride are left empty);
        None: the encoder is to look (``encoder_maps``).
    margin
        Pixels along each side that are context only: a convolution's zero
        padding reaches into them, as it reaches into the halo of a tile.
    """

    images: Tensor
    labels: Tensor
    pixels: Tensor
    in_field: Tensor
    seeds: Tensor | None = None
    features: list[Tensor] | None = None
    margin: int = 0


@dataclass
class Method(ABC):
    """A way to learn a localizer from image-level labels.

    The fields of its dataclass are its settings.
    """

    def begin_epoch(self, network: Localizer, epoch: int) -> None:
        """Move schedules on; ``epoch`` counts from 0."""
        del network, epoch

    @abstractmethod
    def terms(self, network: Localizer, batch: Batch) -> dict[str, Tensor]:
        """The weighted terms of the loss; their sum is minimised."""


def encoder_maps(network: Localizer, batch: Batch) -> list[Tensor]:
    """The encoder's maps of a batch, from the batch where they are kept."""
    if batch.features is not None:
        return batch.features
    maps: list[Tensor] = network.encoder(batch.images)
    return maps
