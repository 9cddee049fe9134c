import numpy as np
import pytest

from napari_wsol.widgets import sample_data


@pytest.fixture(scope='module')
def synthetic():
    return sample_data.synthetic_slide()


def test_immunohistochemistry_opens_offline_without_a_pixel_size(monkeypatch):
    from skimage.data import _fetchers

    monkeypatch.setattr(_fetchers, '_image_fetcher', None)
    [(pixels, attributes, kind)] = sample_data.immunohistochemistry()
    assert kind == 'image'
    assert pixels.shape == (512, 512, 3)
    assert 'scale' not in attributes
    assert attributes['metadata']['napari_wsol']['mpp'] is None


def test_the_synthetic_slide_is_a_pyramid_with_its_truth(synthetic):
    (levels, image, image_kind), (mask, truth, truth_kind) = synthetic
    assert (image_kind, truth_kind) == ('image', 'labels')
    assert [level.shape for level in levels] == [
        (2048, 3072, 3),
        (1024, 1536, 3),
        (512, 768, 3),
    ]
    assert mask.shape == (2048, 3072)
    assert set(np.unique(mask)) == {0, 1, 2}
    assert truth['name'] == 'gland mask (truth)'
    for key in ('scale', 'units', 'axis_labels'):
        assert truth[key] == image[key]
    assert image['scale'] == (0.5, 0.5)
    assert image['metadata']['napari_wsol']['mpp'] == (0.5, 0.5)


def test_the_layers_lie_over_one_another(synthetic):
    from napari.layers import Image, Labels

    (levels, image, _), (mask, truth, _) = synthetic
    shown = Image(levels, **image)
    labels = Labels(mask, **truth)
    np.testing.assert_array_equal(shown.extent.world, labels.extent.world)
    assert shown.units == labels.units
