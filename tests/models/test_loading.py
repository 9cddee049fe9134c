"""A network written to a folder comes back the same."""

import pytest
import torch
from safetensors.torch import save

from napari_wsol.errors import BadInputError
from napari_wsol.models.card import (
    Architecture,
    ModelCard,
    Normalization,
    TrainingRecord,
)
from napari_wsol.models.folder import write_folder
from napari_wsol.models.loading import build, load_model, save_model

CARD = ModelCard(
    name='tiny',
    title='Tiny',
    finds='nothing',
    tissue='none',
    method='max-min-uncertainty',
    architecture=Architecture(channels=8, pixel_head='softmax'),
    classes=('background', 'benign', 'malignant'),
    negative_class='background',
    mpp=1.0,
    normalization=Normalization(mean=(0.5,) * 3, std=(0.5,) * 3),
    training=TrainingRecord(data='none'),
    pixel_temperature=2.0,
)


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    torch.manual_seed(0)
    network = build(CARD).eval()
    path = tmp_path_factory.mktemp('models') / 'tiny'
    return network, save_model(path, CARD, network, dtype=torch.float32)


def test_round_trip_gives_the_same_maps(saved):
    network, folder = saved
    loaded = load_model(folder.path, trainable=True)
    images = torch.randn(1, 3, 64, 64)
    network.calibrate(CARD)
    with torch.inference_mode():
        before = network.maps(images, classify=True)
        after = loaded.network.maps(images, classify=True)
    assert torch.equal(before.pixel, after.pixel)
    assert torch.equal(before.class_scores, after.class_scores)


def test_folded_maps_are_the_same_up_to_rounding(saved):
    folder = saved[1].path
    plain = load_model(folder, trainable=True).network
    folded = load_model(folder).network
    kinds = {type(module).__name__ for module in folded.modules()}
    assert not any('BatchNorm' in kind for kind in kinds)
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        before = plain.maps(images, classify=True)
        after = folded.maps(images, classify=True)
    assert torch.allclose(before.pixel, after.pixel, atol=1e-4)
    assert torch.allclose(before.class_scores, after.class_scores, atol=1e-3)


def test_loaded_network_is_in_eval_mode_and_frozen(saved):
    network = load_model(saved[1]).network
    assert not any(module.training for module in network.modules())
    assert not any(p.requires_grad for p in network.parameters())


def test_temperature_comes_from_the_card(saved):
    assert load_model(saved[1]).network.pixel_temperature.item() == 2.0


def test_weights_of_another_network_are_refused(saved, tmp_path):
    network, _ = saved
    other = CARD.model_copy(update={'architecture': Architecture(channels=16)})
    folder = save_model(tmp_path / 'other', other, network)
    with pytest.raises(BadInputError, match='do not fit its card'):
        load_model(folder)


def test_weights_from_before_necks_were_a_choice_still_load(saved, tmp_path):
    network, _ = saved
    old = {
        key.replace('neck.', 'pyramid.', 1): value
        for key, value in network.state_dict().items()
        if key != 'pixel_temperature'
    }
    assert any(key.startswith('pyramid.') for key in old)
    folder = write_folder(tmp_path / 'old', CARD, save(old))
    loaded = load_model(folder, trainable=True).network
    assert torch.equal(
        loaded.neck.smooth[0].weight, network.neck.smooth[0].weight
    )


@pytest.mark.parametrize(
    'changes',
    [
        {'neck': 'unet', 'stride': 4, 'pooling': 'attention'},
        {'neck': 'deeplabv3plus', 'stride': 4, 'output_stride': 16},
    ],
)
def test_decoders_and_attention_come_back_the_same(changes, tmp_path):
    architecture = Architecture(
        encoder='test_resnet', channels=8, atrous_rates=(1, 2, 3), **changes
    )
    card = CARD.model_copy(update={'architecture': architecture})
    network = build(card).eval()
    network.calibrate(card)
    folder = save_model(tmp_path / 'tiny', card, network, dtype=torch.float32)
    loaded = load_model(folder.path)
    assert loaded.card.architecture == architecture
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        before = network.maps(images, classify=True)
        after = loaded.network.maps(images, classify=True)
    assert torch.allclose(before.pixel, after.pixel, atol=1e-4)
    assert torch.allclose(before.class_scores, after.class_scores, atol=1e-3)
