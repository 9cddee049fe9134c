"""Features of a frozen encoder, computed once and kept on disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from lightning_fabric import Fabric
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from napari_wsol.errors import WsolError
from napari_wsol.methods.method import Batch
from napari_wsol.models.localizer import Localizer
from napari_wsol.training.batches import Draw, Look, Sampler, read_ahead

Features = list[Tensor]
"""Of one image: an encoder map each, ``(channels, h, w)``, finest first."""


@dataclass(frozen=True)
class Found:
    """A batch, with the features that are kept of its images.

    Parameters
    ----------
    images
        ``(B, 3, H, W)`` uint8, colours changed.
    paths, features
        Of each image: its file, and what is in it (None: no file yet).
    """

    batch: Batch
    images: Tensor
    paths: list[Path]
    features: list[Features | None]


@dataclass(frozen=True)
class FeatureCache:
    """Batches of a sampler's fixed versions, with their features.

    Each look at an image is one file, named after all that it depends on:
    the encoder's weights, the numbers it computes in, the image file, the
    crop and its colours. So what this or an earlier run has computed is
    found again, and nothing else is. What is known of the pixels is always
    read anew. Maps finer than the network's stride are not kept: nothing
    reads them.

    Parameters
    ----------
    sampler
        With ``versions``.
    network
        Its encoder is frozen.
    """

    sampler: Sampler
    network: Localizer
    folder: Path
    fabric: Fabric

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """All batches of an epoch, read ahead."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for found in read_ahead(self._find, self.sampler.draw(epoch)):
            features = [
                known or self._compute(found.images[i], found.paths[i])
                for i, known in enumerate(found.features)
            ]
            levels = [
                torch.stack(level) for level in zip(*features, strict=True)
            ]
            yield replace(found.batch, features=levels)

    def _find(self, draw: Draw) -> Found:
        """What is known without the encoder; runs in a reader's thread."""
        looks = self.sampler.looks(draw)
        paths = [self._path(look) for look in looks]
        kept = [_load(path) for path in paths]
        images = torch.stack(
            [
                _to_bytes(self.sampler.images([look])[0])
                if found is None
                else found['image']
                for look, found in zip(looks, kept, strict=True)
            ]
        )
        batch = self.sampler.labelled(looks, images / 255)
        return Found(
            batch,
            images,
            paths,
            [None if found is None else self._maps(found) for found in kept],
        )

    @torch.no_grad()
    def _compute(self, image: Tensor, path: Path) -> Features:
        """The features of one uint8 image, as they are read next time."""
        shown = self.fabric.to_device(
            self.sampler.normalised(image[None] / 255)
        )
        with self.fabric.autocast():
            features = self.network.encoder(shown)
        kept = {'image': image}
        for stride, feature in zip(
            self.network.encoder.strides, features, strict=True
        ):
            if stride >= self.network.stride:
                kept[f'stride {stride}'] = _to_half(feature[0].cpu())
        try:
            temporary = path.with_suffix(f'.{os.getpid()}.tmp')
            save_file(kept, temporary)
            temporary.replace(path)
        except (OSError, SafetensorError) as error:
            raise WsolError(
                f'The features of the images cannot be kept in "'
                f'{self.folder}" ({error}). Make room there, or set '
                'cached_versions to 0.'
            ) from error
        return self._maps(kept)

    def _maps(self, kept: dict[str, Tensor]) -> Features:
        encoder = self.network.encoder
        return [
            kept[f'stride {stride}'].float()
            if stride >= self.network.stride
            else torch.empty(channels, 0, 0)
            for stride, channels in zip(
                encoder.strides, encoder.channels, strict=True
            )
        ]

    def _path(self, look: Look) -> Path:
        stat = look.view.path.stat()
        told = (
            self._encoder_hash,
            str(look.view.path.resolve()),
            (stat.st_size, stat.st_mtime_ns),
            look.view.mpp,
            look.crop,
            look.colour.numbers,
            self.sampler.side,
        )
        digest = hashlib.sha256(repr(told).encode()).hexdigest()
        return self.folder / f'{digest[:32]}.safetensors'

    @cached_property
    def _encoder_hash(self) -> str:
        told = hashlib.sha256(
            repr(
                (
                    self.fabric.strategy.precision.precision,
                    self.sampler.normalization,
                    self.network.stride,
                )
            ).encode()
        )
        for name, weight in self.network.encoder.state_dict().items():
            told.update(name.encode())
            told.update(weight.detach().cpu().contiguous().numpy().tobytes())
        return told.hexdigest()


def _load(path: Path) -> dict[str, Tensor] | None:
    return load_file(path) if path.exists() else None


def _to_bytes(image: Tensor) -> Tensor:
    return (image * 255).round().to(torch.uint8)


def _to_half(feature: Tensor) -> Tensor:
    """In 16 bits, where they hold its range."""
    if feature.dtype != torch.float32:
        return feature.contiguous()
    half = feature.half().contiguous()
    return half if half.isfinite().all() else feature.contiguous()
