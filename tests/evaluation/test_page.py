"""Cases, charts and the page."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from napari_wsol.evaluation.cases import Case, Gallery
from napari_wsol.evaluation.charts import Line, Series, chart
from napari_wsol.evaluation.cohort import Cohort, Observation
from napari_wsol.evaluation.page import render_page
from napari_wsol.evaluation.pixels import ScoreHistogram, confusion
from napari_wsol.evaluation.plots import plots
from napari_wsol.evaluation.report import ImageResult, Report

RNG = np.random.default_rng(0)
REPORT = Report(
    model='tiny',
    model_hash='0' * 64,
    data='made <up>',
    split='val',
    n_images=2,
    n_masks=1,
    n_groups=2,
    n_negative=0,
    threshold=0.5,
    f1_foreground=81.25,
    f1_classes={'benign': 70.0},
    classes=('benign', 'malignant'),
    confusion_matrix=((1, 0), (1, 0)),
    intervals={'f1_foreground': (70.0, 90.0)},
)
ROWS = [
    ImageResult(
        f'<{name}>.png', 'benign', 'malignant', False, 0.9, f1, f1, 50.0,
        12.0, 0.1, 0.2, 0.9, '', 0.1,
    )
    for name, f1 in (('a', 90.0), ('b', 10.0))
]  # fmt: skip


def case(score):
    return Case(
        score, f'{score}.png', '', {'image': np.zeros((4, 5, 3), 'u1')}
    )


@pytest.fixture
def cohort():
    truth = RNG.random(500) < 0.4
    score = np.clip(RNG.normal(0.35 + 0.3 * truth, 0.2), 0, 1)
    histogram = ScoreHistogram()
    histogram.add(score, truth)
    cohort = Cohort(('benign', 'malignant'))
    found = confusion(score >= 0.5, truth)
    chances = np.array([0.3, 0.7])
    cohort.add(Observation('a', 0, chances, confusion=found), histogram)
    cohort.add(Observation('b', 1, chances))
    return cohort


def test_the_gallery_keeps_both_ends_and_draws_little():
    drawn = []

    def draw(score):
        drawn.append(score)
        return case(score)

    gallery = Gallery(best=2, worst=3)
    scores = [50, 40, 60, 30, 70, *[55] * 20, 10, 90, 51]
    for score in scores:
        gallery.offer(score, lambda score=score: draw(score))
    assert [c.score for c in gallery.worst_cases()] == [10, 30, 40]
    assert [c.score for c in gallery.best_cases()] == [90, 70]
    assert len(drawn) == 7


def test_no_image_is_both_among_the_best_and_the_worst():
    gallery = Gallery()
    for score in (1, 2, 3):
        gallery.offer(score, lambda score=score: case(score))
    assert [c.score for c in gallery.worst_cases()] == [1]
    assert [c.score for c in gallery.best_cases()] == [3, 2]


def test_a_chart_is_well_formed_and_leaves_out_what_is_not_known():
    x = np.array([0, np.nan, 1])
    y = np.array([0, 0.5, 1])
    svg = chart(
        [Series('a < b', x, y, 'red'), Series('', x, y, 'red', 'points')],
        'across',
        'up',
        lines=[Line(0.7, 'here')],
    )
    tags = [element.tag for element in ElementTree.fromstring(svg).iter()]
    assert tags.count('circle') == 2
    assert 'nan' not in svg


def test_there_is_a_chart_for_what_is_known(cohort):
    titles = [title for title, _, _ in plots(cohort, 0.5)]
    assert len(titles) == 4
    assert 'Reliability' in titles
    for _, svg, _ in plots(cohort, 0.5):
        ElementTree.fromstring(svg)
    assert plots(Cohort(()), 0.5) == []


class Tags(HTMLParser):
    """Collects what a page refers to and which tags stay open."""

    def __init__(self):
        super().__init__()
        self.open, self.sources = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ('meta', 'img'):
            self.open.append(tag)
        self.sources += [v for k, v in attrs if k in ('src', 'href')]

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone(cohort):
    gallery = Gallery()
    for score in (10, 90):
        gallery.offer(score, lambda score=score: case(score))
    page = render_page(REPORT, ROWS, cohort, gallery)
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    assert len(tags.sources) == 2
    assert all(s.startswith('data:image/jpeg;base64,') for s in tags.sources)
    assert not re.search(r'https?:|url\(|@import', page)


def test_the_page_shows_figures_with_intervals_and_images_worst_first(cohort):
    page = render_page(REPORT, ROWS, cohort, None)
    assert '81.2' in page
    assert '[70.0, 90.0]' in page
    assert 'F1 benign' in page
    assert 'made &lt;up&gt;' in page
    assert '<up>' not in page
    assert page.index('&lt;b&gt;.png') < page.index('&lt;a&gt;.png')
