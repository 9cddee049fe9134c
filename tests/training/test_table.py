"""A data set is validated whole, before anything runs."""

import numpy as np
import pytest
from PIL import Image

from napari_wsol.errors import BadInputError
from napari_wsol.slides.geometry import Box
from napari_wsol.training.splitting import (
    hold_out,
    training_and_validation,
    untested_labels,
)
from napari_wsol.training.table import Row, read_table


@pytest.fixture
def images(tmp_path):
    for name in ('a', 'b', 'c', 'd'):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(
            tmp_path / f'{name}.png'
        )
    return tmp_path


def write(folder, *lines, header='image,label'):
    path = folder / 'data.csv'
    path.write_text('\n'.join([header, *lines]) + '\n')
    return path


def test_a_field_and_an_mpp_are_read(images):
    path = write(
        images,
        'a.png,benign,"1,2,3,4",0.5',
        'b.png,malignant,,',
        header='image,label,field,mpp',
    )
    first, second = read_table(path).rows
    assert first.field == Box(1, 2, 3, 4)
    assert first.mpp == 0.5
    assert second.field is None
    assert second.mpp is None


def test_a_folder_of_classes_is_a_table(images):
    for label in ('benign', 'malignant'):
        (images / label).mkdir()
    (images / 'a.png').rename(images / 'benign' / 'a.png')
    (images / 'b.png').rename(images / 'malignant' / 'b.png')
    table = read_table(images)
    assert [row.label for row in table.rows] == ['benign', 'malignant']


def test_every_bad_row_is_named_by_its_line(images):
    path = write(
        images,
        'a.png,benign,,',
        'missing.png,benign,,',
        'b.png,,,',
        'c.png,benign,"1,2,3",',
        'd.png,benign,,900',
        header='image,label,field,mpp',
    )
    with pytest.raises(BadInputError) as caught:
        read_table(path)
    message = str(caught.value)
    assert 'line 3: image "missing.png" does not exist' in message
    assert 'line 4: no label' in message
    assert 'line 5: field "1,2,3"' in message
    assert 'line 6: mpp "900"' in message
    assert 'line 2' not in message


def test_a_group_in_two_splits_is_refused(images):
    path = write(
        images,
        'a.png,benign,p1,train',
        'b.png,malignant,p1,val',
        header='image,label,group,split',
    )
    with pytest.raises(BadInputError, match='group "p1" is in the splits'):
        read_table(path)


def test_missing_columns_are_named(images):
    path = write(images, 'a.png,x', header='file,class')
    with pytest.raises(BadInputError, match='columns "image" and "label"'):
        read_table(path)


def test_a_binary_file_is_no_table(images):
    path = images / 'data.csv'
    path.write_bytes(bytes(range(256)))
    with pytest.raises(BadInputError, match='not a CSV'):
        read_table(path)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(BadInputError, match='no data set at'):
        read_table(tmp_path / 'none.csv')


def test_the_digest_tells_labels_apart(images):
    one = read_table(write(images, 'a.png,x', 'b.png,y')).digest
    two = read_table(write(images, 'a.png,y', 'b.png,y')).digest
    assert one != two


def rows(groups, labels):
    return tuple(
        Row(f'{i}.png', label, group=group)
        for i, (group, label) in enumerate(zip(groups, labels, strict=True))
    )


def test_held_out_groups_are_whole():
    mine = rows('aabbccddee', ['x', 'y'] * 5)
    kept, gone = hold_out(mine, share=0.2, seed=0)
    assert gone
    assert not {r.group for r in kept} & {r.group for r in gone}
    assert {r.label for r in gone} == {'x', 'y'}


def test_one_group_cannot_be_split():
    with pytest.raises(BadInputError, match='too few groups'):
        hold_out(rows('aaaa', 'xyxy'), share=0.2, seed=0)


def test_a_validation_split_of_one_label_is_refused(images):
    path = write(
        images,
        'a.png,x,train',
        'b.png,y,train',
        'c.png,x,val',
        header='image,label,split',
    )
    with pytest.raises(BadInputError, match='validation part'):
        training_and_validation(read_table(path))


def test_a_class_without_a_training_image_is_refused(images):
    path = write(
        images,
        'a.png,x,train',
        'b.png,y,train',
        'c.png,x,val',
        'd.png,z,val',
        header='image,label,split',
    )
    with pytest.raises(BadInputError, match='is labelled z: the model'):
        training_and_validation(read_table(path))


def test_a_class_without_a_validation_image_is_known(images):
    path = write(
        images,
        'a.png,x,train',
        'b.png,y,train',
        'c.png,x,val',
        header='image,label,split',
    )
    table = read_table(path)
    assert untested_labels(table, table.split('val')) == ('y',)
