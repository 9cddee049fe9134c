"""What is counted of fully negative items."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_project import end_of, make_model, make_project

from napari_wsol.training import looking
from napari_wsol.training.negatives import count_negatives


@pytest.fixture
def negatives(tmp_path):
    with make_project(tmp_path, fields=True) as project:
        return [item for item in project.labelled() if item.label == 'flat']


def test_every_item_that_can_be_read_is_counted(negatives, tmp_path):
    gone = replace(negatives[0], image=tmp_path / 'gone.png')
    model = make_model()
    found = end_of(count_negatives([gone, *negatives[:3]], model))
    assert [item for item, _ in found] == negatives[:3]
    for item, counts in found:
        look = looking.look_at(model, item.image, item.mpp, item.field)
        assert counts.sum() == look.map.size
        marked = counts[2048:].sum() / counts.sum()
        assert marked == pytest.approx(np.mean(look.map >= 0.5))


def test_a_large_item_is_counted_tile_by_tile(negatives, monkeypatch):
    model = make_model()
    (whole,) = end_of(count_negatives(negatives[:1], model))
    monkeypatch.setattr(looking, 'LARGEST_LOOK', 16)
    (tiled,) = end_of(count_negatives(negatives[:1], model))
    shares = [c / c.sum() for c in (whole[1], tiled[1])]
    places = np.arange(len(shares[0]))
    means = [float((share * places).sum()) / 4096 for share in shares]
    assert means[0] == pytest.approx(means[1], abs=0.05)
