"""Which weights learn how fast, and when."""

import pytest
import torch
from tiny_training import Tiny

from napari_wsol.models.encoders import Encoder
from napari_wsol.training.averaging import WeightAverage
from napari_wsol.training.config import TrainingConfig
from napari_wsol.training.optimizers import (
    encoder_stages,
    make_optimizer,
    rate_factor,
)


def test_the_cosine_warms_up_and_ends_at_the_floor():
    config = TrainingConfig(warmup_steps=10, rate_floor=0.1)
    factors = [rate_factor(step, 100, 10, config) for step in range(101)]
    assert factors[:2] == pytest.approx([0.1, 0.2])
    assert factors[10] == 1
    assert factors[55] == pytest.approx(0.55)
    assert factors[100] == pytest.approx(0.1)


def test_steps_drop_after_whole_epochs():
    config = TrainingConfig(warmup_steps=0, schedule='step', step_epochs=3)
    factors = [rate_factor(step, 80, 10, config) for step in (29, 30, 60)]
    assert factors == pytest.approx([1, 0.1, 0.01])


def test_a_constant_rate_stays():
    config = TrainingConfig(warmup_steps=0, schedule='constant')
    assert {rate_factor(step, 9, 3, config) for step in range(9)} == {1.0}


def test_stages_are_told_apart_by_what_maps_depend_on():
    encoder = Encoder('test_resnet')
    stages = encoder_stages(encoder)
    assert len(stages) == len(encoder.strides)
    names = {id(p): name for name, p in encoder.named_parameters()}
    first, last = (
        {names[id(p)] for p in stage} for stage in (stages[0], stages[-1])
    )
    assert any('conv1' in name for name in first)
    assert all('layer4' in name for name in last)
    assert sum(map(len, stages)) == len(names)


def test_deeper_stages_learn_faster(tmp_path):
    network = Tiny([], tmp_path).network
    config = TrainingConfig(layer_decay=0.5, learning_rate_encoder=1e-3)
    groups = make_optimizer(network, config).param_groups
    assert [group['lr'] for group in groups[:3]] == [1e-3, 5e-4, 2.5e-4]
    assert groups[-1]['lr'] == config.learning_rate_heads
    learning = sum(len(group['params']) for group in groups)
    assert learning == len(list(network.parameters()))


def test_momentum_is_as_in_the_papers(tmp_path):
    config = TrainingConfig(optimizer='sgd')
    optimizer = make_optimizer(Tiny([], tmp_path).network, config)
    assert isinstance(optimizer, torch.optim.SGD)
    assert optimizer.defaults['momentum'] == 0.9
    assert optimizer.defaults['nesterov']


def test_the_average_forgets_the_start_and_is_lent():
    network = torch.nn.BatchNorm1d(1)
    average = WeightAverage(network, 0.99)
    network.weight.data.fill_(3)
    network.num_batches_tracked.fill_(7)
    average.update(network)
    assert average.average['weight'].item() == pytest.approx(2.8)
    assert average.average['num_batches_tracked'] == 7
    with average.lent_to(network):
        assert network.weight.item() == pytest.approx(2.8)
    assert network.weight.item() == 3
