"""What reads features: class maps, the attention upon them, their range."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_wsol.models.card import Architecture

ATTENTION_WIDTH = 128


class ClassMaps(nn.Module):
    """A convolution to ``modalities`` maps per class, and their mean.

    Parameters
    ----------
    channels, classes
        Width of the features, number of maps to give.
    architecture
        Its dropout is the share of features that are hidden from the head
        in each training step. Where its pooling is by attention, one more
        map follows those of the classes: each cell's attention logit.
    modalities, kernel_size
        Of the convolution.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        architecture: Architecture,
        *,
        modalities: int,
        kernel_size: int = 1,
    ) -> None:
        super().__init__()
        self.classes = classes
        self.dropout = nn.Dropout(architecture.dropout)
        self.to_modalities = nn.Conv2d(
            channels, classes * modalities, kernel_size, padding='same'
        )
        self.attention = (
            Attention(channels, gated=architecture.attention_gate)
            if architecture.pooling == 'attention'
            else None
        )

    def forward(self, features: Tensor) -> Tensor:
        """``(B, F, h, w)`` -> ``(B, C, h, w)`` float32, or ``C + 1``."""
        features = self.dropout(features)
        maps: Tensor = self.to_modalities(features)
        batch, _, height, width = maps.shape
        apart = maps.float().view(batch, self.classes, -1, height, width)
        evidence = apart.mean(2)
        if self.attention is None:
            return evidence
        return torch.cat([evidence, self.attention(features).float()], 1)


class Attention(nn.Module):
    """How much each cell counts, as a logit: ``w tanh(V h)``.

    Gated, ``w (tanh(V h) * sigmoid(U h))`` (Ilse et al., ICML 2018, eq. 8
    and 9).
    """

    def __init__(self, channels: int, *, gated: bool) -> None:
        super().__init__()
        self.content = nn.Conv2d(channels, ATTENTION_WIDTH, 1)
        self.gate = nn.Conv2d(channels, ATTENTION_WIDTH, 1) if gated else None
        self.to_logit = nn.Conv2d(ATTENTION_WIDTH, 1, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """``(B, F, h, w)`` -> ``(B, 1, h, w)``."""
        hidden = self.content(features).tanh()
        if self.gate is not None:
            hidden = hidden * self.gate(features).sigmoid()
        logits: Tensor = self.to_logit(hidden)
        return logits


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
