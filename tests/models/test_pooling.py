import math

import pytest
import torch

from napari_wsol.models.card import Architecture
from napari_wsol.models.pooling import (
    attention,
    log_sum_exp,
    pool,
    wildcat,
)

MAPS = 2 * torch.sin(0.37 * torch.arange(72.0)).view(1, 2, 36)


def test_wildcat_top_only():
    expected = [1.668008, 1.741252]
    assert wildcat(MAPS, 0.3)[0].tolist() == pytest.approx(expected, abs=1e-5)


def test_wildcat_with_bottom():
    scores = wildcat(MAPS, 0.3, 0.1, 0.6)[0].tolist()
    assert scores == pytest.approx([0.492648, 0.564653], abs=1e-5)


def test_wildcat_of_one_cell_is_the_cell():
    assert wildcat(torch.tensor([[3.0]]), 0.3).item() == 3.0


def test_log_sum_exp_of_equal_cells_is_the_cell():
    assert log_sum_exp(torch.full((9,), 1.5)).item() == pytest.approx(1.5)


@pytest.mark.parametrize(
    ('pooling', 'expected'),
    [('gap', 2.0), ('max', 3.0), ('wildcat', 3.0)],
)
def test_pool_follows_the_architecture(pooling, expected):
    architecture = Architecture(pooling=pooling, kmax=0.4)
    maps = torch.tensor([1.0, 2.0, 3.0])
    assert pool(maps, architecture).item() == pytest.approx(expected)


def test_lse_lies_between_mean_and_max():
    maps = torch.tensor([0.0, 1.0, 2.0])
    score = pool(maps, Architecture(pooling='lse')).item()
    assert 1.0 < score < 2.0
    assert score == pytest.approx(2 - math.log(3) / 10, abs=1e-3)


def test_attention_weighs_cells_by_their_logits():
    evidence = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    logits = torch.tensor([[0.0, 0.0, math.log(2)]])
    scores = attention(torch.cat([evidence, logits]))
    assert scores.tolist() == pytest.approx([2.25, 5.25])


def test_equal_attention_is_the_mean():
    maps = torch.cat([MAPS, torch.zeros(1, 1, 36)], 1)
    scores = pool(maps, Architecture(pooling='attention'))
    assert torch.allclose(scores, MAPS.mean(-1), atol=1e-6)
