import json
from dataclasses import replace

import pytest
import zarr

from napari_wsol.cohorts.results import Results
from napari_wsol.cohorts.running import run_here
from napari_wsol.cohorts.slide_work import run_slide
from napari_wsol.cohorts.task import SlideReport, Told
from napari_wsol.errors import BadInputError, OutOfMemoryError
from napari_wsol.inference import predicting


def ended(task):
    """How a slide ends, when all is done at once."""
    steps = run_slide(task)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def texts(folder):
    """All that was written as text, and the names of all files."""
    for path in folder.rglob('*'):
        yield path.name
        if path.suffix in ('.json', '.csv', '.geojson', '.html'):
            yield path.read_text('utf-8')


def test_all_files_of_a_slide_are_written(make_image, make_task, output):
    report = ended(make_task(make_image('a.png')))
    assert report.row.state == 'done'
    assert not report.skipped
    results = Results(output, 'a')
    assert results.are_there
    features = json.loads(results.outlines.read_text())['features']
    assert report.row.regions == len(features) > 0
    assert features[0]['properties']['measurements']['Haematoxylin OD'] > 0


def test_nothing_that_is_written_names_the_patients_folder(
    make_image, make_task, output
):
    ended(make_task(make_image('a.png')))
    assert not any('Jane Roe' in text for text in texts(output))


def test_a_finished_slide_is_not_run_again(make_image, make_task, monkeypatch):
    task = make_task(make_image('a.png'))
    first = ended(task)
    monkeypatch.setattr(predicting, 'predict', None)
    second = ended(task)
    assert second.skipped
    assert second.row == first.row


@pytest.mark.parametrize(
    'change', ['threshold', 'pixel size', 'image', 'file']
)
def test_a_slide_is_run_again_where_something_changed(
    change, make_image, make_task, output
):
    task = make_task(make_image('a.png'))
    ended(task)
    match change:
        case 'threshold':
            task = make_task(task.image, threshold=0.9)
        case 'pixel size':
            task = make_task(task.image, mpp=0.4)
        case 'image':
            make_image('a.png', seed=1)
        case 'file':
            Results(output, 'a').overlay.unlink()
    report = ended(task)
    assert (report.row.state, report.skipped) == ('done', False)
    assert ended(task).skipped


def test_a_slide_that_was_stopped_is_taken_up(make_image, make_task, output):
    task = make_task(make_image('a.png', 600, 700))
    steps = run_slide(task)
    for progress in steps:
        if progress.done > progress.total / 2:
            break
    steps.close()
    assert not Results(output, 'a').card.exists()
    assert 'Part of the result was taken from an earlier run.' in (
        ended(task).row.result.notes
    )
    again = make_task(task.image, folder=output.with_name('again'))
    ended(again)
    one, other = (
        zarr.open_group(each.folder / 'a.zarr', mode='r')['probability/0'][...]
        for each in (task, again)
    )
    assert (one == other).all()


def test_a_failing_slide_costs_only_itself(make_image, make_task, tmp_path):
    corrupt, empty = tmp_path / 'b.png', tmp_path / 'c.svs'
    corrupt.write_bytes(make_image('a.png').read_bytes()[:60])
    empty.touch()
    images = [
        *(corrupt, empty, tmp_path / 'missing.tif'),
        make_image('a.png'),
    ]
    events = list(run_here(map(make_task, images)))
    reports = [each for each in events if isinstance(each, SlideReport)]
    states = [each.row.state for each in reports]
    assert states == ['failed', 'failed', 'failed', 'done']
    for report in reports[:3]:
        assert isinstance(report.error, BadInputError)
        assert report.row.image in str(report.error)
        assert str(tmp_path) not in report.row.message
    told = [each for each in events if isinstance(each, Told)]
    assert {each.name for each in told} == {'a'}


def test_used_up_memory_is_said_in_words(make_image, make_task, monkeypatch):
    def predict(*_, **__):
        raise MemoryError

    monkeypatch.setattr(predicting, 'predict', predict)
    report = ended(make_task(make_image('a.png')))
    assert isinstance(report.error, OutOfMemoryError)
    assert 'memory' in report.row.message


def test_another_model_than_the_one_that_was_meant_is_refused(
    make_image, make_task
):
    task = replace(make_task(make_image('a.png')), model_hash='0' * 64)
    assert 'was changed meanwhile' in ended(task).row.message
