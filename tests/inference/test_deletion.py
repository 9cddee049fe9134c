"""Curves of made-up answers whose course is known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wsol.inference.deletion import curves


def finished(events):
    """All events of a generator, and what it gives back."""
    seen = []
    while True:
        try:
            seen.append(next(events))
        except StopIteration as stop:
            return seen, stop.value


@pytest.fixture
def red():
    """How red each pixel of a crop is, in all 1."""
    red = np.random.default_rng(0).random((16, 24)).astype(np.float32)
    return red / red.sum()


def of_shown(red):
    return lambda masks: (masks * red).sum((1, 2), dtype=np.float64)


def test_a_map_of_what_counts_is_the_best_there_is(red):
    events, found = finished(curves(red, of_shown(red), block=4))
    assert len(found.shares) == 21
    assert (found.shares[0], found.shares[-1]) == (0, 1)
    assert found.deletion[0] == found.insertion[-1] == pytest.approx(1)
    assert found.deletion[-1] == found.insertion[0] == found.random[0] == 0
    assert found.random[-1] == found.deletion[0]
    assert (np.diff(found.deletion) < 0).all()
    assert (np.diff(found.insertion) > 0).all()
    assert (np.diff(found.random) > 0).all()
    np.testing.assert_allclose(
        np.add(found.deletion, found.insertion), 1, atol=1e-5
    )
    assert found.deletion_area < found.random_area < found.insertion_area
    assert found.random_area == pytest.approx(0.5, abs=0.05)
    assert events[-1].done == events[-1].total


def test_a_map_of_the_contrary_is_the_worst(red):
    _, good = finished(curves(red, of_shown(red), block=4))
    _, bad = finished(curves(1 - red, of_shown(red), block=4))
    assert bad.deletion_area == pytest.approx(good.insertion_area, abs=1e-5)


def test_areas_are_those_under_the_curves(red):
    flat = np.ones((10, 10), np.float32)
    _, found = finished(curves(flat, lambda m: m.mean((1, 2)), block=1))
    for area in (found.deletion_area, found.insertion_area, found.random_area):
        assert area == pytest.approx(0.5)


def test_equally_likely_pixels_go_in_an_order_that_is_always_the_same(red):
    flat = np.ones_like(red)
    _, one = finished(curves(flat, of_shown(red), block=4, seed=1))
    _, again = finished(curves(flat, of_shown(red), block=4, seed=1))
    _, other = finished(curves(flat, of_shown(red), block=4, seed=2))
    assert one == again
    assert one.deletion != other.deletion
    assert one.random != other.random


def test_the_baseline_goes_block_by_block_and_batches_are_bounded():
    asked = []

    def ask(masks):
        asked.extend(masks)
        assert len(masks) <= 5
        return masks.mean((1, 2))

    _, found = finished(
        curves(np.ones((8, 8), np.float32), ask, block=4, steps=4, batch=5)
    )
    assert found.shares == (0, 0.25, 0.5, 0.75, 1)
    quarters = [
        mask for mask in asked if mask.mean() == 0.25 and is_of_blocks(mask)
    ]
    assert len(quarters) == 3


def is_of_blocks(mask):
    small = mask[::4, ::4]
    return np.array_equal(small.repeat(4, 0).repeat(4, 1), mask)


def test_a_map_of_few_pixels_has_few_steps():
    _, found = finished(
        curves(np.eye(2, dtype=np.float32), lambda m: m.sum((1, 2)), block=1)
    )
    assert found.shares == (0, 0.25, 0.5, 0.75, 1)
    assert found.deletion == (4, 3, 2, 1, 0)
