import json
import pickle
import struct

import pytest

from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.models import folder as module
from napari_wsol.models.folder import (
    copy_folder,
    read_folder,
    verify_folder,
    write_folder,
)
from napari_wsol.models.readme import render_readme


def edit_card(model, **fields):
    path = model.path / 'config.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_what_is_written_is_read_back_and_verified(tmp_path, card, weights):
    written = write_folder(tmp_path / 'new' / 'model', card, weights)
    read = read_folder(written.path)
    verify_folder(read)
    assert read == written
    assert read.card.sha256 == module.hash_file(read.weights)
    assert {file.name for file in read.path.iterdir()} == {
        'model.safetensors',
        'config.json',
        'README.md',
    }


def test_weights_may_be_given_as_a_file(tmp_path, card, weights):
    source = tmp_path / 'weights'
    source.write_bytes(weights)
    written = write_folder(tmp_path / 'model', card, source)
    assert written.weights.read_bytes() == weights


def test_a_model_is_never_overwritten_unasked(model, card, weights):
    with pytest.raises(BadInputError, match='already a model'):
        write_folder(model.path, card, weights)
    changed = card.model_copy(update={'threshold': 0.25})
    write_folder(model.path, changed, weights, replace=True)
    assert read_folder(model.path).card.threshold == 0.25


def test_replacing_spares_what_is_no_model(tmp_path, card, weights):
    (tmp_path / 'thesis.txt').write_text('years of work')
    with pytest.raises(BadInputError, match='is not a model'):
        write_folder(tmp_path, card, weights, replace=True)
    assert (tmp_path / 'thesis.txt').read_text() == 'years of work'


def test_a_full_disk_leaves_the_old_model(model, card, weights, monkeypatch):
    def full(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(module.os, 'fsync', full)
    with pytest.raises(WsolError, match='No space left on device'):
        write_folder(model.path, card, weights, replace=True)
    verify_folder(read_folder(model.path))
    assert [path.name for path in model.path.parent.iterdir()] == [
        model.path.name
    ]


def test_the_old_model_returns_where_the_new_cannot_be_put(
    model, card, weights, monkeypatch
):
    rename = module.Path.rename

    def refuse_partial(self, target):
        if self.name.endswith('.partial'):
            raise OSError(5, 'Input/output error')
        return rename(self, target)

    monkeypatch.setattr(module.Path, 'rename', refuse_partial)
    with pytest.raises(WsolError, match='Input/output error'):
        write_folder(model.path, card, weights, replace=True)
    verify_folder(read_folder(model.path))


def test_rubbish_weights_are_not_written(tmp_path, card):
    with pytest.raises(BadInputError, match='safetensors'):
        write_folder(tmp_path / 'model', card, b'rubbish')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('name', ['config.json', 'model.safetensors'])
def test_a_missing_file_is_named(model, name):
    (model.path / name).unlink()
    with pytest.raises(BadInputError, match=f'lacks the file {name}'):
        read_folder(model.path)


def test_what_is_no_folder_is_refused(model):
    with pytest.raises(BadInputError, match='does not exist'):
        read_folder(model.path / 'nowhere')
    with pytest.raises(BadInputError, match='is a file'):
        read_folder(model.weights)


def test_a_card_of_a_future_version_asks_for_an_update(model):
    edit_card(model, format_version=99, new_field=1)
    with pytest.raises(BadInputError, match='newer.*update the plugin'):
        read_folder(model.path)


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('method', 'crystal-ball'),
        ('threshold', 7),
        ('negative_class', 'absent'),
        ('colour', 'unknown field'),
        ('mpp', 'fine'),
    ],
)
def test_each_bad_field_of_a_card_is_named(model, field, value):
    edit_card(model, **{field: value})
    with pytest.raises(BadInputError, match=field) as caught:
        read_folder(model.path)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    'text', ['{"name": ', '[1, 2]', '[' * 100_000, '\x00\x01']
)
def test_a_card_that_is_no_json_object_is_refused(model, text):
    (model.path / 'config.json').write_text(text)
    with pytest.raises(BadInputError, match='model card'):
        read_folder(model.path)


def test_changed_weights_are_found(model):
    content = bytearray(model.weights.read_bytes())
    content[-1] ^= 1
    model.weights.write_bytes(bytes(content))
    with pytest.raises(BadInputError, match='not the ones'):
        verify_folder(model)


def test_weights_of_unknown_origin_are_refused(model):
    edit_card(model, sha256='')
    with pytest.raises(BadInputError, match='no sha256'):
        verify_folder(read_folder(model.path))


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ('the pickle was run',))


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (pickle.dumps(Bomb(), 2), 'pickle'),
        (pickle.dumps(Bomb(), 5), 'pickle'),
        (b'PK\x03\x04' + bytes(64), 'pickle'),
        (b'', 'no whole safetensors'),
        (struct.pack('<Q', 2**63) + bytes(64), 'no whole safetensors'),
        (struct.pack('<Q', 99_000_000) + bytes(64), 'no whole safetensors'),
        (struct.pack('<Q', 8) + b'{"a": 1}', 'no whole safetensors'),
        (struct.pack('<Q', 2) + b'{}', 'holds no weights'),
    ],
)
def test_what_is_no_safetensors_file_is_refused(model, content, message):
    model.weights.write_bytes(content)
    with pytest.raises(BadInputError, match=message):
        verify_folder(model)


def test_a_truncated_file_is_refused(model):
    model.weights.write_bytes(model.weights.read_bytes()[:-3])
    with pytest.raises(BadInputError, match='only in part'):
        verify_folder(model)


def test_a_copy_is_the_same_model(model, tmp_path):
    (model.path / 'README.md').write_text('by hand')
    copy = copy_folder(model, tmp_path / 'copy')
    assert copy.card == model.card
    assert (copy.path / 'README.md').read_text() == 'by hand'
    assert copy.weights.read_bytes() == model.weights.read_bytes()


def test_a_damaged_model_is_not_copied(model, tmp_path):
    model.weights.write_bytes(model.weights.read_bytes() + b'x')
    with pytest.raises(BadInputError, match='safetensors'):
        copy_folder(model, tmp_path / 'copy')
    assert not (tmp_path / 'copy').exists()


def test_the_readme_says_what_the_card_says(card):
    text = render_readme(card)
    for words in (
        card.title,
        card.finds,
        card.tissue,
        'not for diagnosis',
        *card.classes,
        *card.limits,
        '0.5 µm',
        '91.5',
        card.training.attribution,
    ):
        assert words in text
