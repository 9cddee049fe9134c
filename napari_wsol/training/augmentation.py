"""Changes that leave the label true: stain, light, orientation, scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# Unit vectors of optical density, as rows: haematoxylin, eosin (Ruifrok and
# Johnston, Anal Quant Cytol Histol 2001), and what neither of them explains.
_DYES = torch.tensor([[0.650, 0.704, 0.286], [0.072, 0.990, 0.105]])
_RESIDUAL = torch.linalg.cross(_DYES[0], _DYES[1])
STAINS = torch.nn.functional.normalize(
    torch.cat([_DYES, _RESIDUAL[None]]), dim=1
)


@dataclass(frozen=True)
class ColourChange:
    """How the colours of each of B images are moved.

    Parameters
    ----------
    stain_scale, stain_shift
        ``(B, 3)``: amounts of each stain are scaled, then shifted.
    brightness, contrast
        ``(B, 1, 1, 1)`` factors.
    balance
        ``(B, 3, 1, 1)`` factor of each colour channel.
    """

    stain_scale: Tensor
    stain_shift: Tensor
    brightness: Tensor
    contrast: Tensor
    balance: Tensor

    def __getitem__(self, which: slice) -> ColourChange:
        return ColourChange(*(part[which] for part in self._parts))

    @classmethod
    def join(cls, changes: Sequence[ColourChange]) -> ColourChange:
        """The changes of several batches as those of one."""
        each = zip(*(change._parts for change in changes), strict=True)
        return cls(*(torch.cat(parts) for parts in each))

    @property
    def numbers(self) -> list[float]:
        """All factors in a row."""
        return torch.cat([part.flatten() for part in self._parts]).tolist()

    @property
    def _parts(self) -> tuple[Tensor, ...]:
        return (
            self.stain_scale,
            self.stain_shift,
            self.brightness,
            self.contrast,
            self.balance,
        )

    def __call__(self, images: Tensor) -> Tensor:
        """``(B, 3, H, W)`` in [0, 1] -> the same, changed."""
        images = self._stained(images)
        mean = images.mean((1, 2, 3), keepdim=True)
        changed = (images - mean) * self.contrast + mean * self.brightness
        return (changed * self.balance).clamp(0, 1)

    def _stained(self, images: Tensor) -> Tensor:
        # density = amounts @ STAINS, so scaling and shifting amounts is one
        # 3x3 matrix and one vector per image.
        inverse = torch.linalg.inv(STAINS)
        matrix = torch.einsum(
            'ij,bj,jk->bik', inverse, self.stain_scale, STAINS
        )
        vector = torch.einsum('bj,jk->bk', self.stain_shift, STAINS)
        density = -torch.log(images.clamp_min(1 / 256))
        changed = torch.einsum('bchw,bck->bkhw', density, matrix)
        changed = changed + vector[:, :, None, None]
        return torch.exp(-changed).clamp(0, 1)


@dataclass(frozen=True)
class ColourJitter:
    """How far colours are moved, each drawn per image.

    Parameters
    ----------
    stain
        Amount of each stain is scaled by 1 +- stain and shifted by
        +- stain / 4 (Tellez et al., IEEE TMI 2018).
    light
        Brightness and contrast are scaled by 1 +- light.
    balance
        Each colour channel is scaled by 1 +- balance (white balance).
    """

    stain: float = 0.2
    light: float = 0.15
    balance: float = 0.05

    def draw(self, count: int, generator: torch.Generator) -> ColourChange:
        """The changes of ``count`` images."""
        return ColourChange(
            _around_one(self.stain, (count, 3), generator),
            _around_one(self.stain / 4, (count, 3), generator) - 1,
            _around_one(self.light, (count, 1, 1, 1), generator),
            _around_one(self.light, (count, 1, 1, 1), generator),
            _around_one(self.balance, (count, 3, 1, 1), generator),
        )


def _around_one(
    width: float, shape: tuple[int, ...], generator: torch.Generator
) -> Tensor:
    return 1 + width * (2 * torch.rand(shape, generator=generator) - 1)
