"""GeoJSON that QuPath takes, without anything that it does not."""

import json
import uuid

import numpy as np
import pytest
import shapely
from exchange_cases import STEP, drawn
from jsonschema import Draft202012Validator

from napari_wsol.errors import BadInputError
from napari_wsol.inference.colours import BACKGROUND_COLOUR, CLASS_COLOURS
from napari_wsol.regions import exchange
from napari_wsol.regions.exchange import region_id, write_geojson
from napari_wsol.regions.region import Frame
from napari_wsol.regions.verdicts import Verdicts

POINT = {'type': 'array', 'items': {'type': 'number'}, 'minItems': 2}
RING = {'type': 'array', 'items': POINT, 'minItems': 4}
AREA = {'type': 'array', 'items': RING, 'minItems': 1}
QUPATH = {
    'type': 'object',
    'required': ['type', 'features'],
    'properties': {
        'type': {'const': 'FeatureCollection'},
        'features': {
            'type': 'array',
            'items': {
                'type': 'object',
                'required': ['type', 'id', 'geometry', 'properties'],
                'additionalProperties': False,
                'properties': {
                    'type': {'const': 'Feature'},
                    'id': {'type': 'string', 'pattern': '^[0-9a-f-]{36}$'},
                    'geometry': {
                        'oneOf': [
                            {
                                'properties': {
                                    'type': {'const': name},
                                    'coordinates': coordinates,
                                },
                                'required': ['type', 'coordinates'],
                            }
                            for name, coordinates in (
                                ('Polygon', AREA),
                                (
                                    'MultiPolygon',
                                    {'type': 'array', 'items': AREA},
                                ),
                            )
                        ]
                    },
                    'properties': {
                        'type': 'object',
                        'required': ['objectType'],
                        'additionalProperties': False,
                        'properties': {
                            'objectType': {'const': 'annotation'},
                            'isLocked': {'type': 'boolean'},
                            'name': {'type': 'string'},
                            'classification': {
                                'type': 'object',
                                'required': ['name', 'color'],
                                'additionalProperties': False,
                                'properties': {
                                    'name': {'type': 'string'},
                                    'color': {
                                        'type': 'array',
                                        'items': {
                                            'type': 'integer',
                                            'minimum': 0,
                                            'maximum': 255,
                                        },
                                        'minItems': 3,
                                        'maxItems': 3,
                                    },
                                },
                            },
                            'measurements': {
                                'type': 'object',
                                'additionalProperties': {'type': 'number'},
                            },
                            'metadata': {
                                'type': 'object',
                                'additionalProperties': {'type': 'string'},
                            },
                        },
                    },
                },
            },
        },
    },
}
"""What QuPath's adapters read without a warning or an exception."""


def written(folder, table, outlines, **options):
    path = folder / 'out' / 'regions.geojson'
    write_geojson(path, table, outlines, 'a result', **options)

    def refuse(constant):
        raise AssertionError(f'{constant} is no JSON')

    told = json.loads(path.read_text('utf-8'), parse_constant=refuse)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    return told


def shapes(told):
    return [shapely.geometry.shape(f['geometry']) for f in told['features']]


def test_it_is_what_qupath_reads(tmp_path):
    table, outlines = drawn()
    told = written(
        tmp_path,
        table,
        outlines,
        verdicts=Verdicts(
            frozenset({1}),
            {2: 'necrosis', 3: ''},
            ((shapely.box(0, 0, 9, 9), None),),
        ),
    )
    Draft202012Validator(QUPATH).validate(told)
    assert len(told['features']) == 5
    for feature, shape in zip(told['features'], shapes(told), strict=True):
        assert shape.is_valid
        assert shape.area > 0
        uuid.UUID(feature['id'])
        for ring in feature['geometry']['coordinates']:
            assert ring[0] == ring[-1]


def test_an_empty_table_gives_an_empty_collection(tmp_path):
    table, outlines = drawn()
    told = written(tmp_path, table.chosen(np.array([], int)), outlines)
    assert told == {'type': 'FeatureCollection', 'features': []}


@pytest.mark.parametrize('origin', [(0.0, 0.0), (1000.0, -250.5)])
def test_outlines_lie_where_they_are_with_their_holes(tmp_path, origin):
    frame = Frame(STEP, STEP, origin_y=1200, origin_x=40)
    table, outlines = drawn(frame)
    told = written(tmp_path, table, outlines, origin=origin)
    for shape, polygon in zip(shapes(told), outlines.polygons, strict=True):
        moved = shapely.transform(
            polygon, lambda p: p - (origin[1], origin[0])
        )
        assert len(shape.interiors) == len(polygon.interiors)
        assert shape.hausdorff_distance(moved) <= 0.01


def test_shells_run_one_way_and_holes_the_other(tmp_path):
    first = shapes(written(tmp_path, *drawn()))[0]
    assert first.exterior.is_ccw
    assert not first.interiors[0].is_ccw


def test_classes_say_what_was_decided(tmp_path):
    table, outlines = drawn()
    missed = shapely.box(0, 0, 9, 9)
    told = written(
        tmp_path,
        table,
        outlines,
        verdicts=Verdicts(
            frozenset({1}), {2: 'fold', 3: ''}, ((missed, 'malignant'),)
        ),
    )
    found = [f['properties'] for f in told['features']]
    classes = [each['classification'] for each in found]
    assert [each['name'] for each in classes] == [
        'benign', 'False positive: fold', 'False positive', 'malignant',
        'malignant',
    ]  # fmt: skip
    assert [tuple(each['color']) for each in classes] == [
        CLASS_COLOURS[0], BACKGROUND_COLOUR, BACKGROUND_COLOUR,
        CLASS_COLOURS[1], CLASS_COLOURS[1],
    ]  # fmt: skip
    assert [each.get('metadata', {}).get('decision') for each in found] == [
        'accepted', 'rejected', 'rejected', None, None,
    ]  # fmt: skip
    assert found[4]['name'] == 'Missed 1'


def test_measurements_have_units_and_unknown_ones_are_left_out(tmp_path):
    table, outlines = drawn()
    first = written(tmp_path, table, outlines)['features'][0]
    measured = first['properties']['measurements']
    assert measured['Area µm^2'] == pytest.approx(350 * (STEP / 4) ** 2)
    assert measured['Mean probability'] == 0.6
    assert 'Mean pixel entropy' not in measured
    assert not any('px' in key for key in measured)
    pixels = written(tmp_path, *drawn(Frame(2, 2)))['features'][0]
    assert pixels['properties']['measurements']['Area px^2'] == 1400


def test_identifiers_are_those_of_the_result_and_of_no_other(tmp_path):
    table, outlines = drawn()
    one, other = (
        [f['id'] for f in written(tmp_path, part, outlines)['features']]
        for part in (table, table.chosen(np.array([3, 1])))
    )
    assert other == [one[3], one[1]]
    assert one[0] == region_id('a result', 1) != region_id('another', 1)


def comb(teeth):
    """A polygon with four corners per tooth."""
    x = np.repeat(np.arange(2 * teeth + 1), 2)[1:-1]
    y = np.tile([2, 2, 1, 1], teeth)
    return shapely.Polygon([(0, 0), *zip(x, y, strict=True), (2 * teeth, 0)])


def test_only_very_complex_outlines_are_made_simpler(tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, 'LARGEST', 1000)
    table, outlines = drawn(cells=(comb(250 + 10), comb(250 - 10)))
    large, small = shapes(written(tmp_path, table, outlines))
    assert shapely.get_num_coordinates(large) < 100
    assert small.equals(shapely.set_precision(outlines.polygons[1], 0.01))
    assert large.is_valid
    assert large.hausdorff_distance(outlines.polygons[0]) <= STEP * 1.01
    kept = shapes(written(tmp_path, table, outlines, tolerance=0))[0]
    assert shapely.get_num_coordinates(kept) > 1000


def test_a_wanted_tolerance_keeps_outlines_valid_and_near(tmp_path):
    rng = np.random.default_rng(0)
    cells = []
    for _ in range(6):
        blob = shapely.MultiPoint(rng.integers(0, 40, (80, 2))).buffer(4)
        squares = [
            shapely.box(x, y, x + 1, y + 1)
            for x in range(-5, 46)
            for y in range(-5, 46)
            if blob.contains(shapely.Point(x + 0.5, y + 0.5))
        ]
        joined = shapely.union_all(squares)
        cells.append(max(shapely.get_parts(joined), key=lambda p: p.area))
    table, outlines = drawn(cells=tuple(cells))
    told = written(tmp_path, table, outlines, tolerance=2 * STEP)
    for shape, polygon in zip(shapes(told), outlines.polygons, strict=True):
        assert shape.is_valid
        assert shapely.get_num_coordinates(shape) < (
            shapely.get_num_coordinates(polygon) / 2
        )
        # A ring's first corner may be moved a little farther.
        assert shape.hausdorff_distance(polygon) < 2.4 * STEP


def test_an_outline_that_is_not_valid_is_mended(tmp_path):
    bow = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    told = written(tmp_path, *drawn(cells=(bow,)))
    (shape,) = shapes(told)
    assert shape.is_valid
    assert shape.geom_type == 'MultiPolygon'
    Draft202012Validator(QUPATH).validate(told)


def test_no_name_of_a_file_or_folder_is_written(tmp_path):
    table, outlines = drawn()
    path = tmp_path / 'Jane Doe' / 'S23-1.geojson'
    write_geojson(path, table, outlines, 'Jane Doe/S23-1.svs')
    text = path.read_text('utf-8')
    assert 'Doe' not in text
    assert 'S23' not in text


def test_a_broken_export_leaves_the_earlier_one(tmp_path):
    table, outlines = drawn()
    path = tmp_path / 'regions.geojson'
    write_geojson(path, table, outlines, 'a')
    before = path.read_text('utf-8')

    class Breaking:
        def polygon(self, number):
            if number == 3:
                raise OSError(28, 'No space left on device')
            return outlines.polygon(number)

    with pytest.raises(BadInputError, match='cannot be written: No space'):
        write_geojson(path, table, Breaking(), 'a')
    assert path.read_text('utf-8') == before
    assert list(tmp_path.iterdir()) == [path]
