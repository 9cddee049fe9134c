import subprocess
import sys

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_wsol.errors import BadInputError
from napari_wsol.slides.synthetic import synthetic_slide
from napari_wsol.slides.tiff_writer import write_pyramidal_tiff
from napari_wsol.widgets.reader import get_reader, read_slide


@pytest.fixture
def pyramid(tmp_path):
    slide = synthetic_slide(1100, 1301)
    return write_pyramidal_tiff(
        tmp_path / 'a.ome.tif', slide, compression='deflate'
    ), slide


def test_a_pyramid_becomes_a_multiscale_layer_in_micrometres(pyramid):
    path, slide = pyramid
    read = get_reader(str(path))
    assert read is not None
    [(levels, attributes, kind)] = read(str(path))
    assert kind == 'image'
    assert [level.shape for level in levels] == [
        (1100, 1301, 3),
        (550, 651, 3),
    ]
    assert attributes['name'] == 'a.ome.tif'
    assert attributes['rgb'] is attributes['multiscale'] is True
    assert attributes['scale'] == (0.5, 0.5)
    assert attributes['units'] == ('micrometer', 'micrometer')
    assert attributes['axis_labels'] == ('y', 'x')
    noted = attributes['metadata']['napari_wsol']
    assert noted['path'] == str(path)
    assert noted['mpp'] == (0.5, 0.5)
    assert noted['pixel_size_source'] == 'OME PhysicalSizeX'
    np.testing.assert_array_equal(
        levels[0][1000:1050, 500:1100].compute(),
        slide.read_level(0, 1000, 500, 50, 600),
    )


def test_napari_takes_what_is_read(pyramid):
    from napari.layers import Image as ImageLayer

    [(levels, attributes, _)] = read_slide(str(pyramid[0]))
    layer = ImageLayer(levels, **attributes)
    assert layer.ndim == 2
    assert layer.multiscale
    np.testing.assert_allclose(
        layer.extent.world, [[0, 0], [1099 / 2, 1300 / 2]]
    )


def test_without_a_pixel_size_the_layer_is_in_pixels(tmp_path):
    path = tmp_path / 'a.tif'
    tifffile.imwrite(
        path,
        np.full((64, 64, 3), 230, np.uint8),
        photometric='rgb',
        tile=(16, 16),
        resolution=(72, 72),
        resolutionunit='INCH',
    )
    [(_, attributes, _)] = get_reader(str(path))(str(path))
    assert attributes['scale'] == (1, 1)
    assert attributes['units'] == ('pixel', 'pixel')
    noted = attributes['metadata']['napari_wsol']
    assert noted['mpp'] is None
    assert '72 dpi' in noted['pixel_size_note']


def test_other_readers_keep_theirs(tmp_path):
    grey = tmp_path / 'grey.tif'
    tifffile.imwrite(grey, np.zeros((64, 64), np.uint16), tile=(16, 16))
    plain = tmp_path / 'plain.tif'
    tifffile.imwrite(plain, np.zeros((9, 9, 3), np.uint8), photometric='rgb')
    png = tmp_path / 'a.png'
    Image.new('RGB', (9, 9)).save(png)
    broken = tmp_path / 'broken.tif'
    broken.write_bytes(b'II*\0 no more')
    labels = tmp_path / 'a.zarr'
    zarr.open_group(labels, mode='w')
    missing = tmp_path / 'missing.tif'
    for path in (grey, plain, png, broken, labels, missing, tmp_path):
        assert get_reader(str(path)) is None
    assert get_reader([str(png), str(png)]) is None


def test_what_only_looks_like_a_slide_is_refused_in_words(tmp_path):
    path = tmp_path / 'fake.svs'
    path.write_text('no slide')
    read = get_reader(str(path))
    assert read is not None
    with pytest.raises(BadInputError, match='"fake.svs" is in no format'):
        read(str(path))


@pytest.mark.parametrize(
    ('name', 'unit'),
    [
        ('cmu-1-small-region.svs', 'micrometer'),
        ('he-detail.ome.tif', 'micrometer'),
        ('tcga-cr-7395-01a-01-ts1.svs', 'pixel'),
    ],
)
def test_real_slides(data_dir, name, unit):
    path = str(data_dir / 'slides' / name)
    [(levels, attributes, _)] = get_reader(path)(path)
    assert attributes['units'] == (unit, unit)
    assert levels[0][:100, 50:90].compute().shape == (100, 40, 3)


def test_the_reader_imports_neither_torch_nor_napari(pyramid):
    code = (
        'import sys\n'
        'from napari_wsol.widgets.reader import get_reader\n'
        "assert 'dask' not in sys.modules\n"
        "assert 'numpy' not in sys.modules\n"
        f'get_reader({str(pyramid[0])!r})({str(pyramid[0])!r})\n'
        "assert not {'torch', 'napari'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, '-c', code], check=True)
