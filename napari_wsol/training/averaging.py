"""A moving average of weights, steadier than the weights themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

State = dict[str, Tensor]


class WeightAverage:
    """Exponential moving average of a network's weights and statistics.

    The first updates count for more than ``1 - decay``, so that the average
    does not remember where training started: after n updates the decay is at
    most ``(1 + n) / (10 + n)``.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.average = _copy(network.state_dict())

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the weights after a step."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        for name, value in network.state_dict().items():
            mine = self.average[name]
            if mine.is_floating_point():
                mine.lerp_(value, 1 - decay)
            else:
                mine.copy_(value)

    @contextmanager
    def lent_to(self, network: nn.Module) -> Iterator[None]:
        """Let a network have the averaged weights for a while."""
        own = _copy(network.state_dict())
        network.load_state_dict(self.average)
        try:
            yield
        finally:
            network.load_state_dict(own)

    def state_dict(self) -> dict[str, int | State]:
        """What a resumed training needs."""
        return {'updates': self.updates, 'average': self.average}

    def load_state_dict(self, state: dict[str, int | State]) -> None:
        """Go on from there."""
        updates, average = state['updates'], state['average']
        assert isinstance(updates, int)
        assert isinstance(average, dict)
        self.updates = updates
        for name, value in average.items():
            self.average[name].copy_(value)


def _copy(state: State) -> State:
    return {name: value.detach().clone() for name, value in state.items()}
