"""Seeds fall where the map says, as often as it says."""

import pytest
import torch

from napari_wsol.methods.seeds import draw_seeds

UNKNOWN = float('nan')


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture
def saturated():
    """500 maps of a certain ROI that takes 1/16 of 32 x 32 px."""
    maps = torch.zeros(500, 32, 32)
    maps[:, 8:16, 16:24] = 1
    return maps


def test_certain_foreground_never_gets_a_background_seed(saturated):
    labels = draw_seeds(saturated, 1, 1)
    assert ((labels == 1) <= (saturated == 1)).all()
    assert ((labels == 0) <= (saturated == 0)).all()
    assert ((labels == 1).sum((1, 2)) == 1).all()
    assert ((labels == 0).sum((1, 2)) == 1).all()


def test_seeds_are_drawn_in_proportion_to_the_map():
    maps = torch.full((4000, 4, 4), 0.2)
    maps[:, :2] = 0.6
    labels = draw_seeds(maps, 1, 1)[:, :2]
    both_drawn_there = 0.02
    foreground = (labels == 1).sum().item() / 4000
    background = (labels == 0).sum().item() / 4000
    assert foreground == pytest.approx(0.75, abs=0.03 + both_drawn_there)
    assert background == pytest.approx(1 / 3, abs=0.03 + both_drawn_there)


def test_a_seed_grows_to_a_square(saturated):
    labels = draw_seeds(saturated, 1, 3)
    foreground = (labels == 1).sum((1, 2))
    assert foreground.max() == 9
    assert (foreground == 9).float().mean() > 0.9


def test_what_both_claim_is_dropped():
    maps = torch.zeros(100, 3, 3)
    maps[:, 1, 1] = 1
    labels = draw_seeds(maps, 1, 3)
    assert (labels == 0).sum() == 0
    assert set((labels == 1).sum((1, 2)).tolist()) == {3, 5}


def test_seeds_are_distinct_and_no_more_than_there_is_evidence_for():
    maps = torch.zeros(20, 8, 8)
    maps[:, 0, :3] = 0.1
    labels = draw_seeds(maps, 5, 1)
    claimed_twice = 5 - (labels == 0).sum((1, 2))
    assert torch.equal((labels == 1).sum((1, 2)), 3 - claimed_twice)


def test_the_unknown_gets_no_seed():
    maps = torch.full((50, 8, 8), UNKNOWN)
    assert (draw_seeds(maps, 3, 3) == -1).all()
    maps[:, :4] = 0.5
    labels = draw_seeds(maps, 3, 3)
    assert (labels[:, 4:] == -1).all()
    assert (labels[:, :4] != -1).any()


def test_seeds_are_drawn_anew_and_the_same_for_the_same_state(saturated):
    one, two = (draw_seeds(saturated, 1, 3) for _ in range(2))
    assert not torch.equal(one, two)
    torch.manual_seed(0)
    assert torch.equal(draw_seeds(saturated, 1, 3), one)
