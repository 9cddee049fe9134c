"""The page of a slide: whole, right, and silent about the patient."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
import shapely
from exchange_cases import STEP, drawn

from napari_wsol.regions.drawings import Picture, bars, outlined
from napari_wsol.regions.region import Frame
from napari_wsol.regions.report import (
    Case,
    SlideReport,
    render_report,
    write_report,
)
from napari_wsol.regions.verdicts import Verdicts
from napari_wsol.slides.geometry import Box

PIXELS = np.full((50, 60, 3), 200, np.uint8)
OVERVIEW = Picture(PIXELS, Box(0, 0, 100 * STEP, 120 * STEP))
VERDICTS = Verdicts(
    frozenset({1}),
    {2: 'fold <b>', 3: ''},
    ((shapely.box(500, 0, 520, 10), 'benign'),),
)


@pytest.fixture
def report():
    table, outlines = drawn()
    case = Case(2, Picture(PIXELS, table.box(1)), 'smaller than <most>')
    return SlideReport(
        table, outlines, OVERVIEW, VERDICTS, cases=(case,), minutes=0.5
    )


class Page(HTMLParser):
    """The tags, that they are closed, and the rows of the tables."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.rows, self.title = [], [], [], ''
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == 'tr':
            self.rows.append([])
        if tag in ('td', 'th'):
            self.rows[-1].append('')
        if tag != 'meta':
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] == ['title']:
            self.title = data
        elif self.rows and {'td', 'th'} & set(self.open):
            self.rows[-1][-1] += data

    def row(self, name):
        return next(row[1:] for row in self.rows if row[0] == name)


def test_the_page_is_whole_and_needs_nothing_else(report):
    text = render_report(report)
    page = Page(text)
    sources = [
        value
        for _, attrs in page.tags
        for key, value in attrs.items()
        if key in ('src', 'href')
    ]
    assert len(sources) == 2
    assert all(source.startswith('data:image/jpeg') for source in sources)
    assert 'url(' not in text
    assert 'script' not in text


def test_it_counts_what_was_decided_and_how_fast(report):
    page = Page(render_report(report))
    assert page.row('Regions')[0] == '4'
    assert page.row('Accepted')[0] == '1'
    assert page.row('False positive')[0] == '2'
    assert page.row('Not decided')[0] == '1'
    assert page.row('Missed')[0] == '1'
    assert page.row('Per minute')[0] == '8.0'
    untimed = Page(render_report(replace(report, minutes=None)))
    assert not any(row[:1] == ['Minutes'] for row in untimed.rows)


def areas_in(page):
    """The rows of the second table."""
    start = next(i for i, row in enumerate(page.rows) if row[0] == '')
    return {row[0]: row[1:] for row in page.rows[start:]}


def test_areas_are_told_in_square_millimetres(report):
    rows = areas_in(Page(render_report(report)))
    area = report.table.area
    assert rows[''][0] == 'mm²'
    assert float(rows['All'][0]) == pytest.approx(area.sum() / 1e6, rel=1e-3)
    assert float(rows['Accepted'][0]) == pytest.approx(area[0] / 1e6, rel=1e-3)
    share = area[1:3].sum() / area.sum()
    assert rows['False positive'][1] == f'{share:.1%}'
    assert float(rows['Missed'][0]) == pytest.approx(200 / 16 / 1e6, rel=1e-3)
    assert float(rows['Class benign'][0]) == pytest.approx(
        area[[0, 2]].sum() / 1e6, rel=1e-3
    )


def test_without_a_pixel_size_areas_are_told_in_pixels():
    table, outlines = drawn(Frame(2, 2))
    page = Page(render_report(SlideReport(table, outlines, OVERVIEW)))
    rows = areas_in(page)
    assert rows[''][0] == 'px²'
    assert float(rows['All'][0]) == pytest.approx(table.area.sum(), rel=1e-3)


def test_a_slide_without_regions_has_a_page():
    table, outlines = drawn()
    nothing = table.chosen(np.array([], int))
    page = Page(render_report(SlideReport(nothing, outlines, OVERVIEW)))
    assert page.row('Regions')[0] == '0'


def test_no_name_is_told_unless_asked_for(report, tmp_path):
    path = tmp_path / 'Jane Doe' / 'S23-1.html'
    write_report(path, report)
    text = path.read_text('utf-8')
    assert Page(text).title == 'Slide'
    assert 'Doe' not in text
    assert 'S23' not in text
    assert str(tmp_path) not in text
    named = Page(render_report(replace(report, name='S23-1.svs')))
    assert named.title == 'S23-1.svs'


def test_what_people_wrote_is_shown_as_text(report):
    hostile = '<script>alert("x")</script>'
    text = render_report(
        replace(report, name=hostile, notes=(hostile, 'a & b'))
    )
    assert '<script' not in text
    assert 'fold <b>' not in text
    assert 'fold &lt;b&gt;' in text
    assert 'smaller than &lt;most&gt;' in text
    assert 'a &amp; b' in text
    table = replace(report.table, roi_classes=('<i>benign', 'malignant'))
    assert '<i>benign' not in render_report(replace(report, table=table))


def paths_of(svg):
    """Coordinates of each path by its class."""
    return {
        element.get('class'): [
            [tuple(map(float, point.split())) for point in ring.split('L')]
            for ring in re.findall('M([^Z]*)Z', element.get('d'))
        ]
        for element in ElementTree.fromstring(svg).iter('path')
    }


def test_outlines_lie_where_the_regions_are_on_the_picture():
    box = Box(100, 200, 500, 600)
    region = shapely.box(260, 150, 320, 350).difference(
        shapely.box(280, 200, 300, 300)
    )
    rings = paths_of(
        outlined(Picture(PIXELS, box), {'open': [region]}, 'a <title>')
    )['open']
    found = shapely.Polygon(rings[0], rings[1:])
    expected = shapely.box(6, 5, 12, 25).difference(shapely.box(8, 10, 10, 20))
    assert found.equals(expected)


def test_outlines_are_as_fine_as_the_picture_and_end_beside_it():
    far = shapely.Point(300, 300).buffer(5000, quad_segs=2000)
    crumb = shapely.box(10, 10, 10.5, 10.5)
    picture = Picture(PIXELS, Box(0, 0, 500, 600))
    rings = paths_of(outlined(picture, {'open': [far, crumb]}, ''))['open']
    assert len(rings) == 2
    assert len(rings[0]) < 10
    corners = np.array(rings[0])
    assert corners.min() >= -3
    assert corners.max() <= 63
    assert rings[1][0] == (1.0, 1.0) or (1.1, 1.1) in rings[1]


def test_bars_are_as_high_as_their_counts():
    svg = bars(np.array([0, 2, 4]), [(0, '<0'), (1, '1')], 'x', 'y')
    heights = re.findall(r'v-([\d.]+)h', svg)
    assert [float(h) for h in heights] == [85.0, 170.0]
    texts = [each.text for each in ElementTree.fromstring(svg).iter('text')]
    assert {'<0', '1', '4', 'x'} <= set(texts)
