"""Golden values of the published losses, on deterministic tensors."""

import math

import pytest
import torch

from napari_wsol.methods.terms import (
    IGNORE,
    area_barrier,
    explicit_uncertainty,
    extended_log_barrier,
    partial_cross_entropy,
    size_barrier,
    surrogate_uncertainty,
)

SCORES = 2 * torch.sin(0.9 * torch.arange(8.0)).view(4, 2)
NEGATIVE = 0.5 * SCORES.flip(0)
LABELS = torch.tensor([0, 1, 1, 0])


def near(value):
    return pytest.approx(value, abs=1e-5)


def test_cross_entropy_of_foreground_scores():
    assert partial_cross_entropy(SCORES, LABELS).item() == near(1.567447)


def test_cross_entropy_of_localizer_scores():
    localizer = 1.5 * NEGATIVE.flip(0)
    assert partial_cross_entropy(localizer, LABELS).item() == near(1.313245)


def test_surrogate_uncertainty_in_nats_and_bits():
    assert surrogate_uncertainty(NEGATIVE).item() == near(0.748906)
    bits = surrogate_uncertainty(NEGATIVE).item() / math.log(2)
    assert bits == near(1.080443)


def test_explicit_uncertainty_in_bits():
    bits = explicit_uncertainty(NEGATIVE).item() / math.log(2)
    assert bits == near(-0.922829)


def test_uncertainties_survive_certainty():
    certain = torch.tensor([[200.0, -200.0]])
    assert torch.isfinite(surrogate_uncertainty(certain))
    assert explicit_uncertainty(certain).item() == 0


def test_extended_log_barrier():
    f = torch.tensor([-100.0, -1.0, -0.04, -0.02, 0.0, 0.5])
    expected = [-0.921034, 0, 0.643775, 0.743775, 0.843775, 3.343775]
    assert extended_log_barrier(f, 5).tolist() == near(expected)


def test_barrier_and_its_slope_are_continuous():
    t, bound = 5.0, 1 / 25
    f = torch.tensor([-bound - 1e-6, -bound + 1e-6], requires_grad=True)
    value = extended_log_barrier(f, t)
    value.sum().backward()
    assert value[0].item() == pytest.approx(value[1].item(), abs=1e-4)
    assert f.grad[0].item() == pytest.approx(f.grad[1].item(), abs=1e-3)


def test_size_barrier_and_total_of_the_published_loss():
    mask = (0.5 + 0.5 * torch.sin(0.21 * torch.arange(256.0))).view(4, 1, 8, 8)
    size = size_barrier(mask, 5).item()
    assert size == near(-1.385940)
    total = 1.567447 + 1.313245 + size
    total += 1e-7 * surrogate_uncertainty(NEGATIVE).item() / math.log(2)
    assert total == near(1.494752)


def test_the_whole_range_of_areas_is_the_published_barrier():
    mask = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    area = area_barrier(mask, 0.0, 1.0, 5)
    assert area.item() == near(
        size_barrier(mask, 5).item() + 2 * math.log(64) / 5
    )


def test_an_area_within_its_range_costs_least_in_the_middle():
    costs = [
        area_barrier(torch.full((1, 1, 4, 4), share), 0.2, 0.6, 10).item()
        for share in (0.1, 0.25, 0.4, 0.55, 0.7)
    ]
    assert min(costs) == costs[2]
    assert costs[0] > costs[1]
    assert costs[4] > costs[3]


def test_nothing_labelled_costs_nothing():
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    nothing = torch.full((2, 4, 4), IGNORE)
    loss = partial_cross_entropy(logits, nothing)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.abs().sum() == 0


def test_weights_scale_the_say_of_a_pixel():
    logits = torch.tensor([[[[2.0, 0.0]], [[0.0, 3.0]]]])
    labels = torch.tensor([[[0, 0]]])
    only_first = torch.tensor([[[1.0, 0.0]]])
    weighted = partial_cross_entropy(logits, labels, only_first)
    alone = partial_cross_entropy(logits[..., :1], labels[..., :1])
    assert weighted.item() == pytest.approx(alone.item(), abs=1e-5)
