"""What the classifier learns through a mask."""

import pytest
import torch

from napari_wsol.methods.second_look import background_loss, foreground_loss

SCORES = 2 * torch.sin(0.9 * torch.arange(8.0)).view(4, 2)
LABELS = torch.tensor([0, 1, 1, 0])
IMAGES = torch.zeros(4, 3, 8, 8)


class Told:
    """Sure of what is seen whole, as told of what is hidden."""

    def masked_scores(self, images, mask):
        assert images.shape[-2:] == mask.shape[-2:]
        return SCORES if mask.mean() == 1 else 0.5 * SCORES.flip(0)


def test_the_golden_total_of_min_max_entropy():
    mask = torch.ones(4, 1, 8, 8)
    total = foreground_loss(Told(), IMAGES, mask, LABELS)
    total += background_loss(Told(), IMAGES, mask, 'surrogate')
    assert total.item() == pytest.approx(2.316353, abs=1e-5)


def test_the_golden_explicit_uncertainty():
    mask = torch.ones(4, 1, 8, 8)
    nats = background_loss(Told(), IMAGES, mask, 'explicit')
    bits = nats / torch.log(torch.tensor(2.0))
    assert bits.item() == pytest.approx(-0.922829, abs=1e-5)
