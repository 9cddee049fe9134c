import csv
import time
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from napari_wsol.cohorts.index_page import PAGE, write_page
from napari_wsol.cohorts.running import run_here
from napari_wsol.cohorts.summary import TABLE, Summary, write_table
from napari_wsol.cohorts.task import Told
from napari_wsol.errors import BadInputError
from napari_wsol.inference.settings import Progress


class Page(HTMLParser):
    """The cells of a page's rows, and where it links to."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.links = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        self.links += [told[key] for key in ('href', 'src') if key in told]
        if tag == 'tr':
            self.rows.append([])
        if tag in ('td', 'th'):
            self.rows[-1].append('')

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def table(folder):
    with (folder / TABLE).open(encoding='utf-8-sig', newline='') as stream:
        return list(csv.DictReader(stream))


def run(tasks, folder):
    summary = Summary(folder, tasks)
    for event in run_here(tasks):
        summary.take(event)
    return summary


@pytest.fixture
def cohort(make_image, make_task, tmp_path):
    """A slide whose name needs care, and one that is no image."""
    broken = tmp_path / 'broken.svs'
    broken.touch()
    return [
        make_task(make_image('a & <b> 1%.png')),
        make_task(broken),
    ]


def test_every_slide_has_its_row_before_anything_runs(cohort, output):
    Summary(output, cohort)
    assert [row['state'] for row in table(output)] == ['open', 'open']
    assert 'a &amp; &lt;b&gt; 1%.png' in (output / PAGE).read_text()


def test_the_table_tells_what_was_found(cohort, output):
    summary = run(cohort, output)
    done, failed = table(output)
    assert done['image'] == 'a & <b> 1%.png'
    assert done['state'] == 'done'
    classes = 'background', 'benign', 'malignant'
    shares = {name: float(done[f'p_{name}']) for name in classes}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
    assert done['answer'] == max(shares, key=shares.get)
    result = summary.rows[0].result
    assert float(done['marked_mm2']) == pytest.approx(result.foreground_mm2)
    assert done['mpp_source'] == 'entered by the user'
    assert done['model_hash'] == result.model_hash
    assert int(done['regions']) == summary.rows[0].regions
    assert failed['state'] == 'failed'
    assert 'is empty (0 bytes)' in failed['message']


def test_the_page_links_to_files_that_are_there(cohort, output):
    run(cohort, output)
    page = Page((output / PAGE).read_text('utf-8'))
    assert len(page.links) >= 10
    for link in page.links:
        assert (output / unquote(link)).exists(), link
    head, done, failed = page.rows
    assert len(head) == len(done) == len(failed)
    assert done[0] == 'a & <b> 1%.png'
    assert 'is empty (0 bytes)' in failed[3]


def test_earlier_calls_stay_in_the_table(
    cohort, output, make_image, make_task
):
    run(cohort, output)
    before = table(output)
    later = make_task(make_image('c.png', seed=2))
    summary = Summary(output, [later])
    assert table(output) == [*before, {**table(output)[2]}]
    assert summary.rows[2].state == 'open'


def test_a_table_that_was_lost_is_made_from_the_results(cohort, output):
    run(cohort, output)
    before = table(output)
    (output / TABLE).unlink()
    Summary(output, [])
    assert table(output) == before[:1]


def test_a_slide_that_begins_anew_is_open_until_it_ends(cohort, output):
    run(cohort[:1], output)
    summary = Summary(output, cohort[:1])
    progress = Progress(1, 2, 'MP', 1, 1)
    summary.take(Told(cohort[0].name, '', progress))
    assert table(output)[0]['state'] == 'open'
    assert table(output)[0]['answer'] == ''


@pytest.mark.parametrize('name', [TABLE, PAGE])
def test_tables_of_others_are_left_alone(name, output, cohort):
    (output / name).write_text('mine')
    with pytest.raises(BadInputError, match='left as it is'):
        Summary(output, cohort)
    assert (output / name).read_text() == 'mine'


def test_five_hundred_slides_are_written_in_a_moment(cohort, output):
    (row,) = run(cohort[:1], output).rows
    rows = [replace(row, name=f's{number}') for number in range(500)]
    began = time.perf_counter()
    write_table(output / TABLE, rows)
    write_page(output / PAGE, rows)
    assert time.perf_counter() - began < 2
    assert len(table(output)) == 500
    assert len(Page((output / PAGE).read_text()).rows) == 501
