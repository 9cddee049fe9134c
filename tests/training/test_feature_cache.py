"""Features that a frozen encoder gave once are not computed again."""

from dataclasses import replace

import pytest
import torch
from tiny_training import Tiny, same, write_images

from napari_wsol.training.config import TrainingConfig
from napari_wsol.training.feature_cache import FeatureCache
from napari_wsol.training.loop import EpochDone
from napari_wsol.training.processes import make_fabric

FROZEN = ('encoder',)


@pytest.fixture(scope='module')
def views(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp('images'), 4)


def cache_of(tiny, folder, versions=2):
    config = TrainingConfig(device='cpu', precision='float32')
    sampler = replace(tiny.sampler, versions=versions)
    tiny.network.eval()
    return FeatureCache(sampler, tiny.network, folder, make_fabric(config))


def test_kept_features_are_the_encoders(views, tmp_path):
    tiny = Tiny(views, tmp_path)
    for batch in cache_of(tiny, tmp_path / 'kept').epoch(0):
        with torch.no_grad():
            expected = tiny.network.encoder(batch.images)
        for stride, mine, theirs in zip(
            tiny.network.encoder.strides,
            batch.features,
            expected,
            strict=True,
        ):
            if stride < tiny.network.stride:
                assert mine.shape == (4, theirs.shape[1], 0, 0)
            else:
                assert torch.allclose(mine, theirs, rtol=2e-3, atol=2e-3)


def test_each_version_is_computed_once(views, tmp_path, monkeypatch):
    """Four images in two versions: eight files, and no more work then."""
    tiny = Tiny(views, tmp_path)
    cache = cache_of(tiny, tmp_path / 'kept')
    epochs = [list(cache.epoch(epoch)) for epoch in range(20)]
    assert len(list((tmp_path / 'kept').iterdir())) == 8

    def unexpected(images):
        raise AssertionError('the encoder was asked again')

    monkeypatch.setattr(tiny.network.encoder, 'forward', unexpected)
    (again,) = cache.epoch(3)
    (before,) = epochs[3]
    assert torch.equal(again.images, before.images)
    assert torch.equal(again.features[-1], before.features[-1])


def test_other_weights_have_other_features(views, tmp_path):
    tiny = Tiny(views, tmp_path)
    list(cache_of(tiny, tmp_path / 'kept', versions=1).epoch(0))
    with torch.no_grad():
        next(tiny.network.encoder.parameters()).mul_(2)
    list(cache_of(tiny, tmp_path / 'kept', versions=1).epoch(0))
    assert len(list((tmp_path / 'kept').iterdir())) == 8


def test_training_from_kept_features_resumes_the_same(views, tmp_path):
    kept = {'frozen': FROZEN, 'cached_versions': 2}
    whole = Tiny(views, tmp_path / 'whole')
    whole.fit(**kept)
    for event in Tiny(views, tmp_path / 'cut').events(**kept):
        if isinstance(event, EpochDone):
            break
    cut = Tiny(views, tmp_path / 'cut')
    cut.fit(resume=True, **kept)
    assert same(whole.weights, cut.weights)


def test_nothing_is_kept_of_an_encoder_that_learns(views, tmp_path):
    Tiny(views, tmp_path, epochs=1).fit(cached_versions=2)
    assert not (tmp_path / 'features').exists()
