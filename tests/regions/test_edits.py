"""What was done in QuPath comes back as decisions."""

import json
from dataclasses import replace

import pytest
import shapely
from exchange_cases import STEP, drawn

from napari_wsol.errors import BadInputError
from napari_wsol.regions.edits import DELETED, Edits, read_edits
from napari_wsol.regions.exchange import region_id, write_geojson
from napari_wsol.regions.verdicts import Verdicts

ORIGIN = 300.0, 120.0


@pytest.fixture
def result():
    return drawn()


class QuPath:
    """Opens an export, and saves it as QuPath does."""

    def __init__(self, path, result, **options):
        self.path, self.result = path, result
        options.setdefault('origin', ORIGIN)
        self.origin = options['origin']
        write_geojson(path, *result, 'slide 1', **options)
        self.features = json.loads(path.read_text('utf-8'))['features']

    def region(self, number):
        wanted = region_id('slide 1', number)
        return next(f for f in self.features if f['id'] == wanted)

    def classify(self, number, *names):
        properties = self.region(number)['properties']
        key, told = ('name', names[0]) if len(names) == 1 else ('names', names)
        properties['classification'] = {key: told, 'color': [1, 2, 3]}
        if not names:
            del properties['classification']

    def delete(self, number):
        self.features.remove(self.region(number))

    def draw(self, area, name=None, **properties):
        moved = shapely.transform(area, lambda p: p - self.origin[::-1])
        if name:
            properties['classification'] = {'name': name, 'color': [1, 2, 3]}
        self.features.append(
            {
                'type': 'Feature',
                'id': f'00000000-0000-4000-8000-{len(self.features):012}',
                'geometry': shapely.geometry.mapping(moved),
                'properties': {'objectType': 'annotation', **properties},
            }
        )

    def reshape(self, number, area):
        moved = shapely.transform(area, lambda p: p - self.origin[::-1])
        self.region(number)['geometry'] = shapely.geometry.mapping(moved)

    def saved(self):
        for feature in self.features:
            kind = feature['properties'].get('classification', {})
            if ':' in kind.get('name', ''):
                kind['names'] = [
                    n.strip() for n in kind.pop('name').split(':')
                ]
            feature['properties'].pop('isLocked', None)
        told = {'type': 'FeatureCollection', 'features': self.features}
        self.path.write_text(json.dumps(told), 'utf-8')
        return read_edits(
            self.path, *self.result, 'slide 1', origin=self.origin
        )


@pytest.fixture
def qupath(tmp_path, result):
    return QuPath(tmp_path / 'regions.geojson', result)


def test_nothing_edited_is_no_edit(qupath):
    assert qupath.saved() == Edits()


def test_nothing_edited_is_no_edit_where_all_was_decided(tmp_path, result):
    verdicts = Verdicts(
        frozenset({1}), {2: 'other: fold', 3: '', 4: 'necrosis'}
    )
    qupath = QuPath(tmp_path / 'a.geojson', result, verdicts=verdicts)
    assert qupath.saved() == Edits()


def test_nothing_edited_is_no_edit_where_outlines_were_simpler(
    tmp_path, result
):
    path = tmp_path / 'a.geojson'
    qupath = QuPath(path, result, tolerance=6 * STEP)
    outline = shapely.geometry.shape(qupath.region(2)['geometry'])
    polygon = result[1].polygon(2)
    assert abs(outline.area / polygon.area - 1) > 0.05
    assert qupath.saved() == Edits()


def test_deleted_regions_are_rejected(qupath):
    qupath.delete(2)
    qupath.delete(4)
    assert qupath.saved() == Edits(rejected=((2, DELETED), (4, DELETED)))


def test_classes_of_false_positives_reject_with_their_reason(qupath):
    qupath.classify(1, 'False positive')
    qupath.classify(3, 'False positive', 'other', 'pen mark')
    qupath.classify(4, 'false positive: necrosis')
    assert qupath.saved().rejected == (
        (1, ''), (3, 'other: pen mark'), (4, 'necrosis'),
    )  # fmt: skip


def test_a_rejected_region_that_gets_its_class_back_is_accepted(
    tmp_path, result
):
    verdicts = Verdicts(rejected={2: 'fold', 3: ''})
    qupath = QuPath(tmp_path / 'a.geojson', result, verdicts=verdicts)
    qupath.classify(2, 'malignant')
    assert qupath.saved() == Edits(accepted=(2,))


def test_another_class_is_told_and_accepts_where_it_is_of_a_region(qupath):
    qupath.classify(1, 'malignant')
    qupath.classify(2, 'Stroma')
    found = qupath.saved()
    assert found.accepted == (1,)
    assert found.reclassified == ((1, 'malignant'), (2, 'Stroma'))


def test_a_class_that_is_taken_away_changes_nothing(qupath):
    qupath.classify(1, 'x')
    del qupath.region(1)['properties']['classification']
    qupath.region(2)['properties']['classification'] = {}
    assert qupath.saved() == Edits()


def test_a_class_may_have_a_colon(tmp_path):
    table, outlines = drawn()
    table = replace(table, roi_classes=('Tumour:grade 1', 'other'))
    qupath = QuPath(tmp_path / 'a.geojson', (table, outlines))
    assert qupath.saved() == Edits()


def test_new_areas_are_missed_regions_at_their_place(qupath):
    area = shapely.box(400, 700, 440, 760).difference(
        shapely.box(410, 710, 420, 720)
    )
    qupath.draw(area, 'malignant')
    qupath.draw(shapely.box(0, 0, 5, 5))
    (first, name), (second, unnamed) = qupath.saved().missed
    assert first.equals(area)
    assert name == 'malignant'
    assert second.equals(shapely.box(0, 0, 5, 5))
    assert unnamed is None


def test_missed_regions_that_were_written_come_back(tmp_path, result):
    area = shapely.box(700, 700, 740, 760)
    verdicts = Verdicts(missed=((area, 'benign'),))
    found = QuPath(tmp_path / 'a.geojson', result, verdicts=verdicts).saved()
    ((back, name),) = found.missed
    assert back.equals(area)
    assert name == 'benign'


def test_an_edited_outline_is_reported_where_it_matters(qupath, result):
    polygon = result[1].polygon(4)
    left, top, right, bottom = polygon.bounds
    qupath.reshape(1, result[1].polygon(1).buffer(0.02))
    qupath.reshape(
        4, shapely.box(left, top, right + 0.02 * (right - left), bottom)
    )
    ((number, outline),) = qupath.saved().reshaped
    assert number == 4
    assert outline.area == pytest.approx(1.02 * polygon.area)
    assert outline.bounds[:2] == pytest.approx((left, top))


def test_a_filled_hole_is_an_edited_outline(qupath, result):
    filled = shapely.Polygon(result[1].polygon(1).exterior)
    qupath.reshape(1, filled)
    ((number, outline),) = qupath.saved().reshaped
    assert number == 1
    assert outline.symmetric_difference(filled).area < 1e-6


def test_merged_regions_are_not_rejected(qupath, result):
    first, second = (result[1].polygon(number) for number in (1, 2))
    merged = shapely.union(first, second)
    qupath.delete(1)
    qupath.delete(2)
    qupath.delete(3)
    qupath.draw(merged, 'benign')
    found = qupath.saved()
    assert found.replaced == (1, 2)
    assert found.rejected == ((3, DELETED),)
    ((area, _),) = found.missed
    assert area.symmetric_difference(merged).area < 1e-6


def test_what_is_no_area_of_tissue_is_counted_and_left(qupath):
    qupath.draw(shapely.Point(3, 4))
    qupath.draw(shapely.LineString([(0, 0), (5, 5)]), 'malignant')
    qupath.draw(shapely.box(0, 0, 5, 5), 'False positive')
    qupath.draw(shapely.box(0, 0, 5, 5), objectType='detection')
    assert qupath.saved() == Edits(ignored=4)


def test_a_list_of_features_is_read_too(qupath, result):
    qupath.delete(2)
    qupath.path.write_text(json.dumps(qupath.features), 'utf-8-sig')
    found = read_edits(qupath.path, *result, 'slide 1', origin=ORIGIN)
    assert found == Edits(rejected=((2, DELETED),))


def test_a_file_without_our_metadata_still_speaks(qupath):
    for feature in qupath.features:
        del feature['properties']['metadata']
    qupath.classify(1, 'False positive', 'fold')
    assert qupath.saved() == Edits(rejected=((1, 'fold'),))


def test_a_file_of_another_slide_is_refused_and_rejects_nothing(
    qupath, result
):
    with pytest.raises(BadInputError, match='none of the 4 regions'):
        read_edits(qupath.path, *result, 'slide 2', origin=ORIGIN)


def test_a_region_that_is_there_twice_is_refused(qupath):
    qupath.features.append(qupath.region(2))
    with pytest.raises(BadInputError, match='region 2 twice'):
        qupath.saved()


@pytest.mark.parametrize(
    'text',
    [
        '',
        'no',
        '5',
        '[5]',
        '{"features": {"a": 1}}',
        '{"features": [{"id": "x"}]}',
        '[{"id": "x", "geometry": {"type": "Blob"}}]',
        '[{"geometry": {"type": "Polygon", "coordinates": [[[0, 0]]]}}]',
        '[{"geometry": {"type": "Polygon", "coordinates": 3}}]',
        (
            '[{"geometry": {"type": "Polygon", "coordinates": '
            '[[[0, 0], [NaN, 1], [1, 1], [0, 0]]]}}]'
        ),
        '[{"geometry": null}]',
        '[' * 100_000,
    ],
)
def test_a_bad_file_is_named_and_nothing_of_it_is_taken(
    tmp_path, result, text
):
    path = tmp_path / 'bad.geojson'
    path.write_text(text)
    with pytest.raises(BadInputError, match='bad.geojson" is no GeoJSON'):
        read_edits(path, *result, 'slide 1')


def test_a_missing_file_is_named(tmp_path, result):
    with pytest.raises(BadInputError, match='No such file'):
        read_edits(tmp_path / 'gone.geojson', *result, 'slide 1')
