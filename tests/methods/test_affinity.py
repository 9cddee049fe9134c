"""Neighbours of one colour are to be of one class."""

import pytest
import torch

from napari_wsol.methods.affinity import OFFSETS, colour_affinity


def halves(axis):
    """``(1, 2, 8, 8)`` certain probabilities that change across an axis."""
    foreground = torch.zeros(1, 1, 8, 8)
    foreground.narrow(axis, 4, 4).fill_(1)
    return torch.cat([1 - foreground, foreground], 1)


def test_agreement_costs_nothing():
    probability = torch.zeros(1, 2, 8, 8)
    probability[:, 0] = 1
    images = torch.zeros(1, 3, 8, 8)
    assert colour_affinity(probability, images, 0.3).item() == 0


def test_a_border_is_cheap_where_the_colour_changes():
    images = 5 * halves(2)[:, 1:].expand(1, 3, 8, 8)
    along = colour_affinity(halves(2), images, 0.3)
    across = colour_affinity(halves(3), images, 0.3)
    assert along.item() == pytest.approx(0, abs=1e-6)
    assert across.item() > 0.05


def test_the_mean_over_pairs_of_neighbours():
    images = torch.zeros(1, 3, 8, 8)
    pairs = []
    for down, right in OFFSETS:
        across = (8 - abs(right)) * (8 - down)
        pairs.append(min(4, down) * (8 - abs(right)) / across)
    expected = sum(pairs) / len(pairs)
    found = colour_affinity(halves(2), images, 0.3).item()
    assert found == pytest.approx(expected)


def test_tiny_maps_have_fewer_neighbours():
    probability = torch.full((1, 2, 2, 2), 0.5)
    images = torch.zeros(1, 3, 2, 2)
    assert colour_affinity(probability, images, 0.3).item() == 0.5
