"""What a training does with its settings, and what it says when it fails."""

import csv
import math

import pytest
import torch
from tiny_training import Tiny, same, write_images

from napari_wsol.errors import WsolError
from napari_wsol.methods.cam import ClassActivation
from napari_wsol.training.batches import read_ahead
from napari_wsol.training.loop import EpochDone, Remark


@pytest.fixture(scope='module')
def views(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp('images'))


@pytest.fixture
def tiny(views, tmp_path):
    return Tiny(views, tmp_path / 'run')


def falling_then_flat(errors):
    """Validation that says one figure after another."""
    told = iter(errors)
    return lambda network: {'validation_error': next(told)}


def test_the_same_seed_gives_the_same_weights(views, tmp_path):
    one, two, other = (
        Tiny(views, tmp_path / f'{number}', seed=seed)
        for number, seed in enumerate((0, 0, 1))
    )
    for training in (one, two, other):
        training.fit()
    assert same(one.weights, two.weights)
    assert not same(one.weights, other.weights)


def test_what_is_read_does_not_depend_on_the_threads(tiny):
    read = [
        list(read_ahead(tiny.sampler.looks, tiny.sampler.draw(0), threads))
        for threads in (1, 4)
    ]
    one, four = (
        [look.crop for looks in each for look in looks] for each in read
    )
    assert one == four


def test_what_is_frozen_does_not_move(tiny):
    before = tiny.weights
    tiny.fit(frozen=('encoder', 'classifier'))
    after = tiny.weights
    moved = {
        name.split('.')[0]
        for name in before
        if not torch.equal(before[name], after[name])
    }
    assert moved == {'neck', 'localizer', 'range'}
    assert all(p.requires_grad for p in tiny.network.parameters())


def test_an_encoder_frozen_for_an_epoch_learns_after_it(views, tmp_path):
    """One epoch of two: the encoder is where one epoch alone brings it."""
    always = Tiny(views, tmp_path / 'always', epochs=2)
    before = always.weights
    always.fit(freeze_encoder=True)
    at_first = Tiny(views, tmp_path / 'first', epochs=2)
    at_first.fit(freeze_encoder=1, checkpoint='last')
    key = next(name for name in before if name.startswith('encoder'))
    assert torch.equal(always.weights[key], before[key])
    assert not torch.equal(at_first.weights[key], before[key])


def test_accumulated_batches_update_once(views, tmp_path):
    """Eight images by two at a time, three times two: one update in all."""
    tiny = Tiny(views[:6], tmp_path, batch=2, epochs=1)
    tiny.fit(accumulate=4)
    state = torch.load(tmp_path / 'last.pt', weights_only=True)
    assert state['schedule']['last_epoch'] == 1
    assert all(s['step'] == 1 for s in state['optimizer']['state'].values())


def test_the_average_is_validated_and_handed_on(tiny):
    seen = []

    def validate(network):
        seen.append(network.state_dict()['localizer.to_modalities.weight'] + 0)
        return {'validation_error': 0.0}

    tiny.validate = validate
    tiny.fit(ema=0.9)
    state = torch.load(tiny.folder / 'last.pt', weights_only=True)
    key = 'localizer.to_modalities.weight'
    averaged = state['average']['average'][key]
    assert torch.equal(seen[-1], averaged)
    assert torch.equal(tiny.weights[key], averaged)
    assert not torch.equal(state['network'][key], averaged)


def test_nothing_better_for_long_ends_a_stage(tiny):
    tiny.epochs = 9
    tiny.validate = falling_then_flat([5, 3, 3, 3, 3])
    events = tiny.fit(patience=2)
    assert sum(isinstance(e, EpochDone) for e in events) == 4
    assert isinstance(events[-1], Remark)
    assert 'stopped after 4 of 9 epochs' in events[-1].message
    before = tiny.weights
    assert tiny.fit(patience=2, resume=True)[-1] == events[-1]
    assert same(before, tiny.weights)


def test_some_epochs_and_the_last_are_validated(tiny):
    tiny.epochs = 5
    tiny.validate = falling_then_flat([5, 3, 3])
    events = tiny.fit(validate_every=2)
    done = [e.figures for e in events if isinstance(e, EpochDone)]
    assert [f.get('validation_error') for f in done] == [None, 5, None, 3, 3]
    last = torch.load(tiny.folder / 'last.pt', weights_only=True)
    assert same(tiny.weights, last['network'])


@pytest.mark.parametrize(('checkpoint', 'file'), [('best', 1), ('last', 2)])
def test_the_best_or_the_last_weights_are_handed_on(tiny, checkpoint, file):
    kept = []

    def validate(network):
        kept.append(tiny.weights)
        return {'validation_error': [2.0, 1.0, 3.0][len(kept) - 1]}

    tiny.validate = validate
    tiny.fit(checkpoint=checkpoint)
    assert same(kept[file], tiny.weights)


def test_a_complete_stage_is_not_trained_again(tiny):
    tiny.fit()
    before = tiny.weights
    for parameter in tiny.network.parameters():
        parameter.data.zero_()
    assert tiny.fit(resume=True) == []
    assert same(before, tiny.weights)


def test_figures_are_written_and_drawn(tiny):
    tiny.fit()
    with (tiny.folder / 'metrics.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert [row['epoch'] for row in rows] == ['0', '1', '2']
    drawn = (tiny.folder / 'metrics.svg').read_text()
    assert drawn.count('<polyline') == 3
    assert all(
        name in drawn
        for name in ('localizer', 'classifier', 'validation error')
    )


class Broken(ClassActivation):
    """A method whose second epoch divides by zero."""

    def begin_epoch(self, network, epoch):
        self.epoch = epoch

    def terms(self, network, batch):
        terms = super().terms(network, batch)
        if self.epoch == 1:
            terms['size'] = terms['classifier'] * math.inf
        return terms


def test_a_term_that_is_no_number_is_named(tiny):
    with pytest.raises(WsolError, match='epoch 2 of "tiny": size of the'):
        tiny.fit(method=Broken())


def test_batches_of_one_class_are_spoken_of(views, tmp_path):
    told = Tiny(views, tmp_path / 'one', batch=1, epochs=1).fit()
    assert isinstance(told[0], Remark)
    assert '8 of 8 batches hold images of one class only' in told[0].message
    told = Tiny(views, tmp_path / 'all', batch=8, epochs=1).fit()
    assert not any(isinstance(event, Remark) for event in told)
