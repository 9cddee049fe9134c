"""A network and its method as one module, parts of which may be frozen."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from napari_wsol.methods.method import Batch, Method
from napari_wsol.models.localizer import Localizer


class Objective(nn.Module):
    """Batch in, terms of the loss out.

    The encoder's BatchNorm always stays as it was pretrained.
    """

    def __init__(self, network: Localizer, method: Method) -> None:
        super().__init__()
        self.network = network
        self.method = method
        self._frozen: tuple[str, ...] = ()
        self._learning = [p for p in network.parameters() if p.requires_grad]

    def freeze(self, names: Sequence[str]) -> None:
        """Let these sub-modules of the network learn nothing, all else learn.

        Neither their weights nor their statistics move.
        """
        self._frozen = tuple(names)
        held = {
            id(parameter)
            for name in names
            for parameter in self.network.get_submodule(name).parameters()
        }
        for parameter in self._learning:
            parameter.requires_grad_(id(parameter) not in held)
        self.train(self.training)

    def forward(
        self,
        images: Tensor,
        labels: Tensor,
        pixels: Tensor,
        in_field: Tensor,
        seeds: Tensor | None,
        features: list[Tensor] | None,
        margin: int,
    ) -> dict[str, Tensor]:
        """The weighted terms of the loss of one batch (``Batch``)."""
        batch = Batch(
            images,
            labels,
            pixels,
            in_field,
            seeds=seeds,
            features=features,
            margin=margin,
        )
        return self.method.terms(self.network, batch)

    def train(self, mode: bool = True) -> Objective:
        """Train, what is frozen and the encoder's BatchNorm staying still."""
        super().train(mode)
        for module in self.network.encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        for name in self._frozen:
            self.network.get_submodule(name).eval()
        return self
