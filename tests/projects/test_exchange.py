"""Labels from other places, and to them."""

import csv
import json

import pytest
from conftest import write_image

from napari_wsol.errors import BadInputError
from napari_wsol.projects.project import Project
from napari_wsol.slides.geometry import Box
from napari_wsol.training.table import read_table


def write_table(path, rows, columns):
    with path.open('w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def test_a_table_comes_with_groups_splits_and_masks(project, images):
    mask = write_image(images[0].with_name('mask.png'))
    source = write_table(
        images[0].with_name('labels.csv'),
        [
            [images[0].name, 'benign', mask.name, 'p1', 'val', '', '0.5'],
            [images[1].name, 'polyp', '', 'p2', 'train', '0,0,4,4', ''],
            [images[2].name, 'polyp', '', 'p3', 'test', '', ''],
        ],
        ['image', 'label', 'mask', 'group', 'split', 'field', 'mpp'],
    )
    first, second = (project.items[k] for k in project.import_table(source))
    assert (first.mask, first.mpp, first.group) == (mask, 0.5, 'p1')
    assert project.split_of(first) == 'val'
    assert second.field == Box(0, 0, 4, 4)
    assert project.split_of(second) == 'train'
    assert 'polyp' in project.settings.class_names
    assert len(project.items) == 2
    assert project.import_table(source) == (first.key, second.key)
    assert project.undo() == 'Import 2 items'
    assert 'polyp' not in project.settings.class_names


def test_guessed_groups_do_not_straddle_stated_splits(project, images):
    source = write_table(
        images[0].with_name('labels.csv'),
        [
            [image.name, 'benign', ('train', 'val')[number % 2]]
            for number, image in enumerate(images)
        ],
        ['image', 'label', 'split'],
    )
    keys = project.import_table(source)
    sides = [project.split_of(project.items[key]) for key in keys]
    assert sides == ['train', 'val'] * (len(images) // 2)


def test_a_folder_of_classes_is_a_table(project, tmp_path):
    for label in ('benign', 'normal'):
        write_image(tmp_path / 'sorted' / label / f'{label}1.png')
    keys = project.import_table(tmp_path / 'sorted')
    assert [project.items[key].label for key in keys] == ['benign', 'normal']


def test_a_bad_table_changes_nothing(project, images):
    source = write_table(
        images[0].with_name('x.csv'), [['y.png', 'a']], ['image', 'label']
    )
    with pytest.raises(BadInputError, match='line 2'):
        project.import_table(source)
    assert not project.items
    assert project.undo() is None


def test_an_exported_table_is_imported_as_it_was(project, images, tmp_path):
    keys = project.add_images(images)
    project.set_label(keys[::2], 'benign')
    project.set_label(keys[1::2], 'malignant')
    project.add_field(images[0], Box(0, 0, 4.5, 4), 'background', mpp=0.5)
    target = tmp_path / 'Export' / 'labels.csv'
    project.export_table(target)
    assert len(read_table(target).rows) == len(project.labelled())
    with Project.create(tmp_path / 'other') as other:
        other.import_table(target)
        assert [
            (i.image, i.field, i.label, i.group, i.mpp, other.split_of(i))
            for i in other.labelled()
        ] == [
            (i.image, i.field, i.label, i.group, i.mpp, project.split_of(i))
            for i in project.labelled()
        ]


def test_fields_go_to_qupath_and_come_back(project, images, tmp_path):
    boxes = [Box(0, 0, 4, 5.5), Box(8, 2, 6, 6)]
    for box, label in zip(boxes, ('benign', 'background'), strict=True):
        project.add_field(images[0], box, label, mpp=0.5)
    project.add_field(images[1], Box(1, 1, 2, 2), None, mpp=None)
    project.add_images(images[2:3])
    first, second = project.export_geojson(tmp_path / 'out')
    feature = json.loads(first.read_text('utf-8'))['features'][0]
    assert feature['properties']['classification']['name'] == 'benign'
    assert feature['geometry']['coordinates'][0][2] == [5.5, 4]
    with Project.create(tmp_path / 'other') as other:
        keys = other.import_geojson(first, images[0], mpp=0.5)
        assert [other.items[key].field for key in keys] == boxes
        assert other.settings.class_names == ('benign', 'background')
        (key,) = other.import_geojson(second, images[1])
        assert other.items[key].label is None


def test_what_is_no_rectangle_is_no_field(project, images, tmp_path):
    ring = [[0, 0], [4, 0], [0, 4], [0, 0]]
    path = tmp_path / 'drawn.geojson'
    path.write_text(
        json.dumps(
            [
                {
                    'type': 'Feature',
                    'geometry': {'type': 'Polygon', 'coordinates': [ring]},
                    'properties': {},
                }
            ]
        )
    )
    with pytest.raises(BadInputError, match='1 of 1 .* no rectangles'):
        project.import_geojson(path, images[0])
    path.write_text('{}')
    with pytest.raises(BadInputError, match='no GeoJSON'):
        project.import_geojson(path, images[0])


def test_the_project_keeps_its_fields_as_geojson_too(project, images):
    key = project.add_field(images[0], Box(0, 0, 4, 4), 'benign', mpp=None)
    path = project.folder / 'labels.geojson'
    (feature,) = json.loads(path.read_text('utf-8'))['features']
    assert feature['properties']['metadata']['key'] == key
    assert feature['properties']['metadata']['image'] == (
        f'../my images/{images[0].name}'
    )
    project.remove([key])
    assert json.loads(path.read_text('utf-8'))['features'] == []
