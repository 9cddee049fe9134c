import numpy as np
import pytest
import zarr

from napari_wsol.errors import BadInputError
from napari_wsol.slides.opening import open_slide


def write(path, image, axes, *, version='0.4', steps=(1, 4), scale=0.5, **kw):
    """OME-Zarr of an (H, W, C) image, other axes with one element."""
    group = zarr.open_group(
        path, mode='w', zarr_format=2 if version == '0.4' else 3
    )
    datasets = []
    for number, step in enumerate(steps):
        level = image[::step, ::step]
        present = [a for a in axes if a in 'yxc']
        level = level.transpose(['yxc'.index(a) for a in present])
        level = level.reshape(
            [
                level.shape[present.index(a)] if a in present else 1
                for a in axes
            ]
        )
        group.create_array(str(number), data=level, chunks=level.shape)
        factors = {'y': scale * step, 'x': kw.get('scale_x', scale) * step}
        datasets.append(
            {
                'path': str(number),
                'coordinateTransformations': [
                    {
                        'type': 'scale',
                        'scale': [factors.get(a, 1.0) for a in axes],
                    }
                ],
            }
        )
    kinds = {'t': 'time', 'c': 'channel'}
    described = [{'name': a, 'type': kinds.get(a, 'space')} for a in axes]
    for axis in described:
        if axis['type'] == 'space' and kw.get('unit', 'micrometer'):
            axis['unit'] = kw.get('unit', 'micrometer')
    multiscales = [{'axes': described, 'datasets': datasets}]
    if version == '0.4':
        multiscales[0]['version'] = version
        group.attrs['multiscales'] = multiscales
    else:
        group.attrs['ome'] = {'version': version, 'multiscales': multiscales}
    return path


@pytest.mark.parametrize('version', ['0.4', '0.5'])
@pytest.mark.parametrize('axes', ['cyx', 'yxc', 'tczyx', 'czyx'])
def test_versions_and_axes(tmp_path, texture, version, axes):
    image = texture(60, 80)
    path = write(tmp_path / 'a.zarr', image, axes, version=version)
    slide = open_slide(path)
    assert slide.level_shapes == ((60, 80), (15, 20))
    assert slide.pixel_size is not None
    assert slide.pixel_size.mpp == 0.5
    assert slide.pixel_size.source == 'OME-Zarr scale'
    np.testing.assert_array_equal(
        slide.read_level(0, 5, 6, 20, 30), image[5:25, 6:36]
    )
    np.testing.assert_array_equal(
        slide.read_level(1, 0, 0, 15, 20), image[::4, ::4]
    )


def test_opacity(tmp_path, texture):
    rgba = np.concatenate(
        [texture(8, 8), np.zeros((8, 8, 1), np.uint8)], axis=2
    )
    slide = open_slide(write(tmp_path / 'a.zarr', rgba, 'cyx', steps=(1,)))
    assert (slide.read_level(0, 0, 0, 8, 8) == 255).all()


@pytest.mark.parametrize(
    ('unit', 'scale', 'expected'),
    [('nanometer', 250, 0.25), ('millimeter', 0.001, 1), ('meter', 5e-7, 0.5)],
)
def test_units(tmp_path, texture, unit, scale, expected):
    path = write(
        tmp_path / 'a.zarr', texture(8, 8), 'cyx', unit=unit, scale=scale
    )
    size = open_slide(path).pixel_size
    assert size is not None
    assert size.mpp == pytest.approx(expected)


def test_pixels_need_not_be_square(tmp_path, texture):
    path = write(tmp_path / 'a.zarr', texture(8, 8), 'cyx', scale_x=0.25)
    size = open_slide(path).pixel_size
    assert size is not None
    assert (size.y, size.x) == (0.5, 0.25)


@pytest.mark.parametrize(('unit', 'scale'), [('', 1), ('micrometer', 1000)])
def test_no_believable_scale(tmp_path, texture, unit, scale):
    path = write(
        tmp_path / 'a.zarr', texture(8, 8), 'cyx', unit=unit, scale=scale
    )
    slide = open_slide(path)
    assert slide.pixel_size is None
    assert ('1000 x 1000 µm' in slide.pixel_size_note) is (scale == 1000)


def test_downsamples_are_those_stated(tmp_path, texture):
    path = write(tmp_path / 'a.zarr', texture(61, 83), 'cyx')
    slide = open_slide(path)
    assert slide.level_shapes[1] == (16, 21)
    assert slide.level_downsamples[1] == (4, 4)


def test_a_bioformats2raw_folder_is_entered(tmp_path, texture):
    image = texture(20, 20)
    group = zarr.open_group(tmp_path / 'a.zarr', mode='w', zarr_format=2)
    group.attrs['bioformats2raw.layout'] = 3
    write(tmp_path / 'a.zarr' / '0', image, 'tczyx')
    slide = open_slide(tmp_path / 'a.zarr')
    np.testing.assert_array_equal(slide.read_level(0, 0, 0, 20, 20), image)


@pytest.mark.parametrize(
    ('image', 'problem'),
    [
        (np.zeros((8, 8, 1), np.uint8), '8-bit grayscale'),
        (np.zeros((8, 8, 5), np.uint8), 'an image of 5 channels'),
        (np.zeros((8, 8, 3), np.uint16), 'of type uint16'),
        (np.zeros((8, 8, 3), np.uint8), 'mostly black'),
    ],
)
def test_what_is_not_rgb_is_refused(tmp_path, image, problem):
    path = write(tmp_path / 'a.zarr', image, 'cyx')
    with pytest.raises(BadInputError, match=f'"a.zarr" is {problem}'):
        open_slide(path)


def test_folders_without_an_image(tmp_path):
    with pytest.raises(BadInputError, match='is a folder, but no OME-Zarr'):
        open_slide(tmp_path)
    zarr.open_group(tmp_path / 'empty.zarr', mode='w')
    with pytest.raises(BadInputError, match='without an OME-Zarr image'):
        open_slide(tmp_path / 'empty.zarr')


def test_a_missing_level_names_the_folder(tmp_path, texture):
    path = write(tmp_path / 'a.zarr', texture(8, 8), 'cyx')
    (path / '1' / '.zarray').unlink()
    with pytest.raises(BadInputError, match='"a.zarr" cannot be read'):
        open_slide(path)
