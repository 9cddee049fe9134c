"""The folds of the papers' public code, as they are."""

import numpy as np
import pytest
from PIL import Image

from napari_wsol.errors import BadInputError
from napari_wsol.training.table import read_table

NAMES = ('one', 'two', 'three', 'four')


@pytest.fixture
def root(tmp_path):
    """Images and masks, in folders as the lists name them."""
    root = tmp_path / 'data'
    for folder in ('GlaS', 'masks'):
        (root / folder).mkdir(parents=True)
        for name in NAMES:
            Image.fromarray(np.zeros((8, 8), np.uint8)).save(
                root / folder / f'{name}.bmp'
            )
    return root


def write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(lines) + '\n')


def told(table):
    return [
        (r.image.stem, r.label, r.mask.stem if r.mask else None, r.split)
        for r in table.rows
    ]


@pytest.fixture
def plain(tmp_path):
    """Three CSVs without a header, beside files that are not for us."""
    fold = tmp_path / 'fold_0'
    write(
        fold / 'train_s_0_f_0.csv',
        'GlaS/one.bmp,masks/one.bmp,benign',
        'GlaS/two.bmp,,malignant',
    )
    write(
        fold / 'valid_s_0_f_0.csv', 'GlaS/three.bmp,masks/three.bmp,malignant'
    )
    write(fold / 'test_s_0_f_0.csv', 'GlaS/four.bmp,masks/four.bmp,benign')
    write(fold / 'encoding.yaml', 'benign: 0', 'malignant: 1')
    write(fold / 'seed.txt', '0')
    return fold


def test_a_fold_of_plain_csvs(plain, root):
    assert told(read_table(plain, root)) == [
        ('four', 'benign', 'four', 'test'),
        ('one', 'benign', 'one', 'train'),
        ('two', 'malignant', None, 'train'),
        ('three', 'malignant', 'three', 'val'),
    ]


def test_one_plain_csv_is_its_split(plain, root):
    table = read_table(plain / 'valid_s_0_f_0.csv', root)
    assert told(table) == [('three', 'malignant', 'three', 'val')]


@pytest.fixture
def lists(tmp_path):
    """A folder of lists; of validation, ``valpx`` has the masks."""
    fold = tmp_path / 'GLAS' / 'fold-0'
    content = {
        'train': [('one', 0), ('two', 1)],
        'valcl': [('three', 1)],
        'valpx': [('three', 1)],
        'test': [('four', 0)],
    }
    for split, rows in content.items():
        paths = [f'GlaS/{name}.bmp' for name, _ in rows]
        write(fold / split / 'image_ids.txt', *paths)
        write(
            fold / split / 'class_labels.txt',
            *(f'GlaS/{name}.bmp,{number}' for name, number in rows),
        )
        masks = [
            f'GlaS/{name}.bmp,masks/{name}.bmp,'
            if split in ('valpx', 'test')
            else f'GlaS/{name}.bmp,None,'
            for name, _ in rows
        ]
        write(fold / split / 'localization.txt', *masks)
    write(fold.parent / 'encoding.yaml', 'benign: 0', 'malignant: 1')
    return fold


def test_a_fold_of_lists(lists, root):
    assert told(read_table(lists, root)) == [
        ('one', 'benign', None, 'train'),
        ('two', 'malignant', None, 'train'),
        ('three', 'malignant', 'three', 'val'),
        ('four', 'benign', 'four', 'test'),
    ]


def test_without_names_classes_are_their_numbers(lists, root):
    (lists.parent / 'encoding.yaml').unlink()
    assert read_table(lists, root).labels == ('0', '1')


def test_every_bad_line_of_a_fold_is_named(lists, plain, root):
    write(lists / 'train' / 'class_labels.txt', 'GlaS/one.bmp,0')
    write(lists / 'test' / 'image_ids.txt', 'GlaS/four.bmp', 'GlaS/five.bmp')
    with pytest.raises(BadInputError) as caught:
        read_table(lists, root)
    message = str(caught.value)
    assert 'train/image_ids.txt line 2: no class of "GlaS/two.bmp"' in message
    assert 'test/image_ids.txt line 2: image "GlaS/five.bmp" does' in message
    write(plain / 'test_s_0_f_0.csv', 'GlaS/four.bmp,,benign', 'GlaS/one.bmp')
    with pytest.raises(BadInputError, match='line 2: 1 cells instead of'):
        read_table(plain, root)


def test_missing_images_lead_to_the_option(plain):
    with pytest.raises(BadInputError, match='say where they are with --imag'):
        read_table(plain)


def test_a_missing_root_is_named(plain, tmp_path):
    with pytest.raises(BadInputError, match='no folder of images at'):
        read_table(plain, tmp_path / 'nowhere')


def test_a_root_serves_our_own_tables_too(tmp_path, root):
    write(tmp_path / 'labels.csv', 'image,label', 'GlaS/one.bmp,benign')
    (row,) = read_table(tmp_path / 'labels.csv', root).rows
    assert row.image == root / 'GlaS' / 'one.bmp'
