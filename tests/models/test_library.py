import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from huggingface_hub import constants

from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.models.folder import verify_folder, write_folder
from napari_wsol.models.library import (
    broken_models,
    bundled_dir,
    find_model,
    import_model,
    list_models,
)

COMMIT = '1f2e3d4c' * 5
HUB_ID = f'lab/tiny@{COMMIT}'


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as one model needs, on the loopback interface."""

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.server.asked.append(self.path)
        path = urlsplit(self.path).path
        files = self.server.files
        if path == f'/api/models/lab/tiny/revision/{COMMIT}':
            names = ', '.join(f'{{"rfilename": "{name}"}}' for name in files)
            self.answer(
                f'{{"id": "lab/tiny", "sha": "{COMMIT}", "private": false, '
                f'"siblings": [{names}]}}'.encode()
            )
        elif path == f'/api/models/lab/tiny/tree/{COMMIT}':
            entries = ', '.join(
                f'{{"type": "file", "path": "{name}", "oid": "{i:040x}", '
                f'"size": {len(content)}}}'
                for i, (name, content) in enumerate(files.items())
            )
            self.answer(f'[{entries}]'.encode())
        elif path.startswith(f'/lab/tiny/resolve/{COMMIT}/'):
            self.answer(files[path.rpartition('/')[2]])
        else:
            missing = 'Revision' if 'lab/tiny' in path else 'Repo'
            self.send_response(404)
            self.send_header('X-Error-Code', f'{missing}NotFound')
            self.send_header('Content-Length', '0')
            self.end_headers()

    def answer(self, content):
        self.send_response(200)
        self.send_header('Content-Length', str(len(content)))
        self.send_header('X-Repo-Commit', COMMIT)
        self.send_header('ETag', f'"{hash(content) & 0xFFFFFFFF:08x}"')
        self.end_headers()
        if self.command == 'GET':
            self.wfile.write(content)

    def log_message(self, *_):
        pass


def point_at(port, monkeypatch):
    """Let huggingface_hub take a port of this computer for the hub."""
    for name in ('ENDPOINT', 'HUGGINGFACE_CO_URL_TEMPLATE'):
        url = getattr(constants, name)
        path = url.partition('://')[2].partition('/')[1:]
        monkeypatch.setattr(
            constants, name, f'http://127.0.0.1:{port}{"".join(path)}'
        )


@pytest.fixture
def hub(tmp_path, model, monkeypatch):
    """A hub that holds the model as lab/tiny, with a file of another kind."""
    with ThreadingHTTPServer(('127.0.0.1', 0), Hub) as server:
        server.asked = []
        server.files = {
            path.name: path.read_bytes() for path in model.path.iterdir()
        } | {'pytorch_model.bin': b'not wanted'}
        point_at(server.server_port, monkeypatch)
        monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(tmp_path / 'hub'))
        monkeypatch.setattr(constants, 'HF_HUB_DISABLE_XET', True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_own_models_are_listed_and_broken_ones_explained(model):
    (model.path.parent / 'unfinished').mkdir()
    (model.path.parent / '.hidden').mkdir()
    names = [found.card.name for found in list_models(model.path.parent)]
    assert names[-1] == 'tiny'
    (broken,) = broken_models(model.path.parent)
    assert broken.path.name == 'unfinished'
    assert 'lacks the file config.json' in broken.reason


def test_the_bundled_models_are_in_order():
    assert broken_models() == []
    for found in list_models():
        assert found.path.parent == bundled_dir()
        assert found.path.name == found.card.name
        verify_folder(found)


def test_a_model_is_found_by_name_and_by_folder(model, monkeypatch):
    place = model.path.parent
    assert find_model('tiny', place) == model
    assert find_model(model.path) == model
    assert find_model(str(model.path)) == model
    monkeypatch.chdir(place)
    assert find_model('./tiny').card == model.card


def test_an_unknown_model_names_the_known_ones(model):
    with pytest.raises(BadInputError, match='no model "huge".*tiny'):
        find_model('huge', model.path.parent)


def test_the_name_of_a_broken_model_gives_the_reason(model):
    (model.path / 'config.json').unlink()
    with pytest.raises(BadInputError, match='lacks the file config.json'):
        find_model('tiny', model.path.parent)


def test_two_models_of_one_name_are_not_confused(model, card, weights):
    write_folder(model.path.parent / 'other', card, weights)
    with pytest.raises(BadInputError, match='2 models named "tiny"'):
        find_model('tiny', model.path.parent)


def test_an_imported_model_is_found_and_not_replaced_unasked(
    model, monkeypatch, tmp_path
):
    monkeypatch.setenv('NAPARI_WSOL_MODELS', str(tmp_path / 'own'))
    imported = import_model(model)
    assert find_model('tiny') == imported
    with pytest.raises(BadInputError, match='already a model'):
        import_model(model)
    assert import_model(model, replace=True) == imported


def test_the_name_of_a_bundled_model_cannot_be_taken(
    model, monkeypatch, tmp_path
):
    monkeypatch.setattr(
        'napari_wsol.models.library.bundled_dir', lambda: model.path.parent
    )
    with pytest.raises(BadInputError, match='name of a bundled model'):
        import_model(model, tmp_path / 'own')


@pytest.mark.parametrize('name', ['lab/tiny', 'lab/tiny@main'])
def test_a_hub_model_needs_a_fixed_revision(name, hub):
    with pytest.raises(BadInputError, match='say which revision'):
        find_model(name, allow_download=True)
    assert hub.asked == []


def test_nothing_is_downloaded_unasked(hub):
    with pytest.raises(BadInputError, match=f'models import {HUB_ID}'):
        find_model(HUB_ID)
    assert hub.asked == []


def test_a_hub_model_is_downloaded_once_and_used_offline(
    hub, model, monkeypatch
):
    downloaded = find_model(HUB_ID, allow_download=True)
    assert downloaded.card == model.card
    assert not (downloaded.path / 'pytorch_model.bin').exists()
    hub.asked.clear()
    point_at(9, monkeypatch)
    assert find_model(HUB_ID) == downloaded
    assert find_model(HUB_ID, allow_download=True) == downloaded
    assert hub.asked == []


def test_an_interrupted_download_is_taken_up_again(hub, model):
    downloaded = find_model(HUB_ID, allow_download=True)
    downloaded.weights.unlink()
    with pytest.raises(BadInputError, match='not on this computer'):
        find_model(HUB_ID)
    assert find_model(HUB_ID, allow_download=True).card == model.card


def test_a_damaged_download_is_refused(hub):
    hub.files['model.safetensors'] = b'rubbish'
    with pytest.raises(BadInputError, match='safetensors'):
        find_model(HUB_ID, allow_download=True)


def test_what_the_hub_does_not_have_is_said(hub):
    with pytest.raises(BadInputError, match='no revision "0000000"'):
        find_model('lab/tiny@0000000', allow_download=True)
    with pytest.raises(BadInputError, match='no model "lab/huge"'):
        find_model('lab/huge@0000000', allow_download=True)


def test_being_offline_is_said(hub, monkeypatch):
    point_at(9, monkeypatch)
    with pytest.raises(WsolError, match='cannot be reached'):
        find_model('lab/tiny@v1', allow_download=True)
