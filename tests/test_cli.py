import json
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import zarr
from PIL import Image

from napari_wsol import __version__
from napari_wsol.cli import demonstration, main
from napari_wsol.models.folder import read_folder
from napari_wsol.models.library import find_model


def one_line(text):
    (line,) = text.splitlines()
    assert 'Traceback' not in line
    return line


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """Keep lines whole and uncoloured."""
    monkeypatch.setenv('COLUMNS', '200')
    monkeypatch.delenv('FORCE_COLOR', raising=False)


@pytest.fixture(scope='session')
def trained(untaught):
    return untaught.path


@pytest.fixture(scope='session')
def picture(tmp_path_factory):
    """An H&E-coloured image of 150 x 200 px without a pixel size."""
    rng = np.random.default_rng(0)
    colours = np.array([[225, 150, 190], [120, 70, 150]], np.uint8)
    blobs = colours[rng.integers(0, 2, (10, 13))].repeat(16, 0).repeat(16, 1)
    path = tmp_path_factory.mktemp('images') / 'colon.png'
    Image.fromarray(blobs[:150, :200]).save(path)
    return path


def predict(*words, model, output):
    return main(
        [
            *('predict', *map(str, words)),
            *('--model', str(model), '--output', str(output)),
            *('--device', 'cpu', '--whole'),
        ]
    )


def test_version_and_help(capsys):
    assert main(['--version']) == 0
    assert __version__ in capsys.readouterr().out
    assert main([]) == 0
    overview = capsys.readouterr().out
    for command in ('demo', 'predict', 'train', 'evaluate', 'models'):
        assert command in overview
        assert main([command, '--help']) == 0
        assert '--help' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['predcit'], 'predict'),
        (['predict'], 'IMAGE'),
        (['predict', 'a.png'], '--output'),
        (['predict', 'a.png', '--output', 'x', '--device', 'abacus'], 'cuda'),
        (
            ['predict', 'a.png', '--output', 'x', '--threshold', '2'],
            '--threshold',
        ),
        (['predict', 'a.png', '--output', 'x', '--map', 'heat'], 'layer-cam'),
        (['evaluate', 'a', '--set-threshold', '--map', 'cam'], '--map'),
        (['predict', 'a.png', '--output', 'x', '--model', 'huge'], 'no model'),
        (['models', 'show', 'huge'], 'no model "huge"'),
        (['train', 'x.csv', '--output', 'y', '--set', 'a=1'], '--set a=1'),
        (['train', 'x.csv', '--output', 'y', '--set', 'crop=33'], 'crop'),
        (['train', 'x.csv', '--output', 'y', '--init', 'huge'], 'no model'),
        (['train', 'x.csv', '--output', 'y'], 'no data set'),
    ],
)
def test_bad_words_end_with_code_2_and_one_line(words, said, capsys, tmp_path):
    assert main(words) == 2
    assert said in one_line(capsys.readouterr().err)


def test_predict_writes_maps_and_figures(picture, trained, tmp_path, capsys):
    output = tmp_path / 'new' / 'results'
    assert predict(picture, '--mpp', '0.5', model=trained, output=output) == 0
    assert 'marked' in one_line(capsys.readouterr().out)
    figures = json.loads((output / 'colon.json').read_text())
    assert sum(figures['class_probabilities'].values()) == pytest.approx(1)
    assert figures['mpp'] == 0.5
    assert figures['mpp_source'] == 'entered by the user'
    assert figures['model_hash'] == read_folder(trained).card.sha256
    group = zarr.open_group(output / 'colon.zarr', mode='r')
    probability = np.asarray(group['probability/0'])
    mask = np.asarray(group['labels/mask/0'])
    marked = probability >= figures['threshold']
    np.testing.assert_array_equal(mask > 0, marked)
    with Image.open(output / 'colon-maps.png') as image:
        assert min(image.size) > 50
    regions = json.loads((output / 'colon.geojson').read_text())['features']
    rows = (output / 'colon-regions.csv').read_text('utf-8-sig').splitlines()
    assert 0 < len(regions) == len(rows) - 1


def test_predict_does_not_repeat_what_is_finished(
    picture, trained, tmp_path, capsys
):
    words = picture, '--mpp', '0.5'
    assert predict(*words, model=trained, output=tmp_path) == 0
    said = capsys.readouterr().out
    before = (tmp_path / 'colon.json').stat().st_mtime_ns
    assert predict(*words, model=trained, output=tmp_path) == 0
    again = capsys.readouterr()
    assert again.out == said
    assert '1 of 1 had been finished before' in one_line(again.err)
    assert (tmp_path / 'colon.json').stat().st_mtime_ns == before
    words = *words, '--threshold', '0.9'
    assert predict(*words, model=trained, output=tmp_path) == 0
    assert json.loads((tmp_path / 'colon.json').read_text())['threshold'] > 0.8


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['--cluster', 'here'], 'tcp://HOST:8786'),
        (['--workers', '2'], '--cluster'),
        (['--split'], '--cluster'),
        (['--cluster', 'local', '--split', '--map', 'cam'], '--map cam'),
        (['--cluster', 'tcp://x:1', '--workers', '2'], '--workers'),
        (['--cluster', 'local', '--resource', 'GPU=no'], 'GPU=1'),
        (['--cluster', 'tls://x:1', '--tls-ca', 'ca.pem'], '--tls-cert'),
        (
            [
                *('--cluster', 'tcp://x:1', '--tls-ca', 'a'),
                *('--tls-cert', 'b', '--tls-key', 'c'),
            ],
            'tls://',
        ),
    ],
)
def test_options_of_a_cluster_must_fit_together(
    words, said, picture, trained, tmp_path, capsys
):
    assert predict(picture, *words, model=trained, output=tmp_path) == 2
    assert said in one_line(capsys.readouterr().err)


def test_what_a_cluster_needs_is_named_where_it_is_missing(
    picture, trained, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, 'distributed', None)
    words = picture, '--cluster', 'local'
    assert predict(*words, model=trained, output=tmp_path) == 2
    needed = 'pip install "napari-wsol[cluster]"'
    assert needed in one_line(capsys.readouterr().err)


def test_predict_maps_what_the_classifier_saw(picture, trained, tmp_path):
    words = (picture, '--mpp', '0.5', '--map', 'layer-cam')
    assert predict(*words, model=trained, output=tmp_path) == 0
    figures = json.loads((tmp_path / 'colon.json').read_text())
    assert figures['map'] == 'layer-cam'
    assert figures['threshold'] == 0.5
    group = zarr.open_group(tmp_path / 'colon.zarr', mode='r')
    assert group['probability/0'].shape == (5, 7)


def test_an_image_without_pixel_size_is_asked_for_it(
    picture, trained, tmp_path, capsys
):
    assert predict(picture, model=trained, output=tmp_path / 'x') == 2
    words = one_line(capsys.readouterr().err)
    assert 'pixel size of "colon.png" is not known' in words
    assert '--mpp' in words


@pytest.mark.parametrize(
    ('name', 'content'),
    [
        ('empty.svs', b''),
        ('noise.png', b'\x89PNG\r\n\x1a\nnot a picture'),
        ('text.tif', b'II*\x00and then nothing'),
        ('words.txt', b'hello'),
    ],
)
def test_rubbish_is_refused_in_one_line(
    name, content, trained, tmp_path, capsys
):
    (tmp_path / name).write_bytes(content)
    code = predict(
        tmp_path / name, '--mpp', '1', model=trained, output=tmp_path / 'out'
    )
    assert code == 2
    assert name in one_line(capsys.readouterr().err)


def test_a_bad_image_does_not_stop_the_others(
    picture, trained, tmp_path, capsys
):
    missing = tmp_path / 'missing.png'
    code = predict(
        *(missing, picture, '--mpp', '0.5'),
        model=trained,
        output=tmp_path / 'results',
    )
    assert code == 1
    told, overview = capsys.readouterr().err.splitlines()
    assert str(missing) in told
    assert str(tmp_path / 'results' / 'index.html') in overview
    assert (tmp_path / 'results' / 'colon.json').exists()


def test_an_output_that_cannot_be_written_is_bad_input(
    picture, trained, tmp_path, capsys
):
    (tmp_path / 'file').write_text('in the way')
    code = predict(
        picture, '--mpp', '1', model=trained, output=tmp_path / 'file' / 'x'
    )
    assert code == 2
    assert 'cannot be written' in one_line(capsys.readouterr().err)


def test_nothing_beside_the_image_is_overwritten(picture, trained, tmp_path):
    image = tmp_path / 'colon.png'
    image.write_bytes(picture.read_bytes())
    (tmp_path / 'colon.json').write_text('{"drawn by": "hand"}')
    assert predict(image, '--mpp', '1', model=trained, output=tmp_path) == 0
    assert image.read_bytes() == picture.read_bytes()
    assert (tmp_path / 'colon.json').read_text() == '{"drawn by": "hand"}'
    before = sorted(tmp_path.iterdir())
    assert tmp_path / 'colon-2.json' in before
    assert predict(image, '--mpp', '1', model=trained, output=tmp_path) == 0
    assert sorted(tmp_path.iterdir()) == before


def test_ctrl_c_says_what_is_kept(
    picture, trained, tmp_path, capsys, monkeypatch
):
    @contextmanager
    def impatient(_):
        def stop(_):
            raise KeyboardInterrupt

        yield SimpleNamespace(show=stop)

    words = picture, '--mpp', '0.2'
    with monkeypatch.context() as patch:
        patch.setattr('napari_wsol.cli.prediction.cohort_table', impatient)
        assert predict(*words, model=trained, output=tmp_path) == 130
    said = capsys.readouterr().err
    assert f'kept in {tmp_path}' in said
    assert 'Traceback' not in said
    assert predict(*words, model=trained, output=tmp_path) == 0


def test_details_of_an_error_are_shown_on_demand(capsys, monkeypatch):
    def fail():
        raise RuntimeError('two\nlines')

    monkeypatch.setattr('napari_wsol.cli.models.list_models', fail)
    assert main(['models']) == 1
    assert 'RuntimeError: two lines' in one_line(capsys.readouterr().err)
    assert main(['models', '--debug']) == 1
    assert 'Traceback' in capsys.readouterr().err


def test_a_full_disk_is_named(capsys, monkeypatch):
    def fail():
        raise OSError(28, 'No space left on device', 'results')

    monkeypatch.setattr('napari_wsol.cli.models.list_models', fail)
    assert main(['models', 'list']) == 1
    assert 'disk is full ("results")' in one_line(capsys.readouterr().err)


def test_models_are_imported_shown_and_exported(model, tmp_path, capsys):
    assert main(['models', 'import', str(model.path)]) == 0
    assert find_model('tiny').card == model.card
    assert main(['models', 'import', str(model.path)]) == 2
    assert 'already a model' in one_line(capsys.readouterr().err)
    assert main(['models', 'import', str(model.path), '--replace']) == 0
    assert main(['models']) == 0
    assert 'Glands of any kind' in capsys.readouterr().out
    assert main(['models', 'show', 'tiny']) == 0
    assert 'lymph nodes' in capsys.readouterr().out
    assert main(['models', 'export', 'tiny', str(tmp_path / 'copy')]) == 0
    assert read_folder(tmp_path / 'copy').card == model.card
    assert main(['models', 'export', 'tiny', str(tmp_path / 'copy')]) == 2


def test_a_broken_model_is_reported_by_the_list(model, capsys):
    main(['models', 'import', str(model.path)])
    (find_model('tiny').path / 'config.json').write_text('{}')
    capsys.readouterr()
    assert main(['models', 'list']) == 0
    assert 'config.json' in one_line(capsys.readouterr().err)


@pytest.fixture
def small_demo(trained, monkeypatch):
    """Let the demo run the tiny model over a corner of its slide."""
    from napari_wsol.slides import synthetic

    slide = synthetic.synthetic_slide(200, 300)
    monkeypatch.setattr(synthetic, 'synthetic_slide', lambda: slide)
    monkeypatch.setattr(demonstration, 'DEFAULT_MODEL', str(trained))


def test_demo_without_a_viewer_writes_maps(small_demo, tmp_path):
    words = ['demo', '--headless', '--output', str(tmp_path / 'demo')]
    assert main([*words, '--device', 'cpu']) == 0
    names = {path.name for path in (tmp_path / 'demo').iterdir()}
    assert names == {
        'synthetic_slide.zarr',
        'synthetic_slide.json',
        'synthetic_slide.geojson',
        'synthetic_slide-regions.csv',
        'synthetic_slide-fields.csv',
        'synthetic_slide-maps.png',
        'thumbnails',
    }


@pytest.mark.skipif(
    sys.platform in ('darwin', 'win32'), reason='there is always a screen'
)
def test_demo_without_a_screen_says_so(
    small_demo, tmp_path, capsys, monkeypatch
):
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    words = ['demo', '--output', str(tmp_path), '--device', 'cpu']
    assert main(words) == 0
    assert 'no screen' in one_line(capsys.readouterr().err)
    assert (tmp_path / 'synthetic_slide.json').exists()


@pytest.fixture
def table(picture, tmp_path):
    """Two images with masks, one of them in the split "test"."""
    Image.open(picture).save(tmp_path / 'a.png')
    Image.open(picture).rotate(180).save(tmp_path / 'b.png')
    truth = np.zeros((150, 200), np.uint8)
    truth[40:100, 50:150] = 255
    Image.fromarray(truth).save(tmp_path / 'mask.png')
    path = tmp_path / 'labels.csv'
    path.write_text(
        'image,label,mask,split,mpp\n'
        'a.png,benign,mask.png,train,0.5\n'
        'b.png,cancer,mask.png,test,0.5\n'
    )
    return path


def test_evaluate_writes_a_report(table, trained, tmp_path, capsys):
    place = tmp_path / 'reports' / 'report.json'
    words = ['evaluate', str(table), '--model', str(trained)]
    words += ['--output', str(place), '--device', 'cpu']
    chosen = ['--split', 'test', '--rename', 'cancer=malignant']
    assert main([*words, *chosen]) == 0
    report = json.loads(place.read_text())
    assert report['n_images'] == report['n_masks'] == 1
    assert report['split'] == 'test'
    assert report['classification_error'] in (0, 100)
    assert report['tp'] + report['fn'] == pytest.approx(100)
    assert report['fp'] + report['tn'] == pytest.approx(100)
    assert 0 <= report['pxap'] <= 100
    assert f'{report["f1_foreground"]:.2f}' in capsys.readouterr().out
    rows = place.with_suffix('.csv').read_text().splitlines()
    assert len(rows) == 2
    assert 'b.png,cancer,' in rows[1]
    assert 'b.png' in place.with_suffix('.html').read_text()
    assert main([*words, '--split', 'absent']) == 2
    assert 'train, test' in one_line(capsys.readouterr().err)


def test_evaluate_chooses_a_threshold_on_validation_only(
    table, trained, tmp_path, capsys
):
    assert (
        main(['models', 'export', str(trained), str(tmp_path / 'mine')]) == 0
    )
    words = ['evaluate', str(table), '--model', str(tmp_path / 'mine')]
    words += ['--set-threshold', '--device', 'cpu', '--split']
    assert main([*words, 'test']) == 2
    assert 'split "test"' in one_line(capsys.readouterr().err)
    table.write_text(table.read_text().replace(',train,', ',val,'))
    assert main([*words, 'val', '--threshold', '0.3']) == 2
    assert 'leave out --threshold' in one_line(capsys.readouterr().err)
    assert main([*words, 'val']) == 0
    chosen = read_folder(tmp_path / 'mine').card.threshold
    told = capsys.readouterr()
    assert f'is now {chosen:g} (was 0.5)' in one_line(told.err)
    assert f'threshold              {chosen:g}' in told.out


def test_the_places_of_a_report_do_not_collide(table, capsys):
    assert main(['evaluate', str(table), '--output', 'report.csv']) == 2
    assert 'report.json' in one_line(capsys.readouterr().err)


def test_evaluate_tells_where_splits_were_mixed(
    table, trained, tmp_path, capsys
):
    words = ['evaluate', str(table), '--model', str(trained)]
    words += ['--output', str(tmp_path / 'report.json'), '--device', 'cpu']
    assert main(words) == 0
    assert 'whatever their split' in one_line(capsys.readouterr().err)
    assert json.loads((tmp_path / 'report.json').read_text())['n_images'] == 2


def test_train_looks_with_the_pixel_size_that_the_table_states(
    picture, tmp_path
):
    """From the words on the command line to a model that is found again."""
    rows = ['image,label,group,split,mpp']
    for number in range(6):
        name = f'{number}.png'
        Image.open(picture).rotate(180 * (number % 2)).save(tmp_path / name)
        split = 'val' if number >= 4 else 'train'
        label = ('benign', 'malignant')[number % 2]
        rows.append(f'{name},{label},p{number},{split},0.5')
    (tmp_path / 'labels.csv').write_text('\n'.join(rows) + '\n')
    words = ['train', str(tmp_path / 'labels.csv'), '--method', 'cam']
    words += ['--output', str(tmp_path / 'run'), '--device', 'cpu']
    for setting in (
        'encoder=test_efficientnet',
        'weights=random',
        'epochs=1',
        'batch=2',
        'crop=64',
        'margin=32',
    ):
        words += ['--set', setting]
    assert main(words) == 0
    card = read_folder(tmp_path / 'run' / 'model').card
    assert card.method == 'cam'
    assert card.mpp == 1.0
    assert card.training.recipe['pooling'] == 'gap'
