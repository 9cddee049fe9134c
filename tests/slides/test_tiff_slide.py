from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile

from napari_wsol.errors import BadInputError
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.opening import open_slide
from napari_wsol.slides.tiff_slide import TiffSlide

KINDS = {
    'tiled deflate': {'tile': (64, 48), 'compression': 'deflate'},
    'tiled raw': {'tile': (64, 48)},
    'tiled jpeg 2000': {'tile': (64, 64), 'compression': 'jpeg2000'},
    'planes': {'tile': (64, 64), 'planarconfig': 'separate'},
    'strips': {'rowsperstrip': 17, 'compression': 'lzw'},
    'raw': {},
    'bigtiff': {'bigtiff': True, 'tile': (64, 64)},
    'big endian': {'byteorder': '>', 'compression': 'zstd'},
}


def write(path, image, *, bigtiff=False, byteorder=None, **kw):
    if kw.get('planarconfig') == 'separate':
        image = image.transpose(2, 0, 1)
    with tifffile.TiffWriter(
        path, bigtiff=bigtiff, byteorder=byteorder
    ) as tiff:
        tiff.write(image, photometric='rgb', **kw)
    return path


@pytest.mark.parametrize('kind', KINDS)
def test_every_layout_reads_its_pixels(tmp_path, texture, kind):
    image = texture(201, 155)
    slide = open_slide(write(tmp_path / 'a.tif', image, **KINDS[kind]))
    assert slide.level_shapes == ((201, 155),)
    whole = slide.read_level(0, 0, 0, 201, 155)
    np.testing.assert_array_equal(whole, image)
    for y, x, h, w in [(0, 0, 1, 1), (60, 40, 70, 90), (150, 100, 51, 55)]:
        part = slide.read_level(0, y, x, h, w)
        np.testing.assert_array_equal(part, image[y : y + h, x : x + w])
    slide.close()


@pytest.fixture
def pyramid(tmp_path, texture):
    """OME-TIFF whose levels 1, 4 and 16 are SubIFDs."""
    image = texture(512, 640)
    path = tmp_path / 'pyramid.ome.tif'
    options = {'tile': (128, 128), 'photometric': 'rgb'}
    with tifffile.TiffWriter(path, ome=True) as tiff:
        tiff.write(
            image,
            subifds=2,
            metadata={
                'axes': 'YXS',
                'PhysicalSizeY': 0.5,
                'PhysicalSizeX': 250,
                'PhysicalSizeXUnit': 'nm',
            },
            **options,
        )
        tiff.write(image[::4, ::4], subfiletype=1, **options)
        tiff.write(image[::16, ::16], subfiletype=1, **options)
    return path, image


def test_pyramid_in_subifds_with_physical_size(pyramid):
    path, image = pyramid
    slide = open_slide(path)
    assert slide.level_shapes == ((512, 640), (128, 160), (32, 40))
    assert slide.pixel_size is not None
    assert (slide.pixel_size.y, slide.pixel_size.x) == (0.5, 0.25)
    assert slide.pixel_size.source == 'OME PhysicalSizeX'
    np.testing.assert_array_equal(
        slide.read_level(1, 10, 20, 50, 60), image[::4, ::4][10:60, 20:80]
    )
    assert slide.read(Box(0, 0, 512, 640), 4).shape == (64, 40, 3)
    slide.close()


@pytest.mark.parametrize('subfiletype', [0, 1])
def test_pyramid_in_pages(tmp_path, texture, subfiletype):
    image = texture(400, 600)
    path = tmp_path / 'pages.tif'
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(image, tile=(64, 64), photometric='rgb')
        tiff.write(texture(90, 40), photometric='rgb')
        for step in (2, 4):
            tiff.write(
                image[::step, ::step],
                subfiletype=subfiletype,
                photometric='rgb',
            )
    slide = open_slide(path)
    assert slide.level_shapes == ((400, 600), (200, 300), (100, 150))
    np.testing.assert_array_equal(
        slide.read_level(2, 0, 0, 100, 150), image[::4, ::4]
    )
    slide.close()


def test_only_the_tiles_asked_for_are_decoded(pyramid, monkeypatch):
    path, _ = pyramid
    slide = TiffSlide(path)
    decoded = []
    segment = slide._segment
    monkeypatch.setattr(
        slide,
        '_segment',
        lambda page, index: decoded.append(index) or segment(page, index),
    )
    slide.read_level(0, 130, 10, 100, 100)
    assert decoded == [5]
    slide.read_level(0, 100, 100, 60, 60)
    assert decoded == [5, 0, 1, 6]
    slide.close()


def test_several_threads_read_the_same(pyramid):
    path, image = pyramid
    slide = open_slide(path)
    places = [(y, x) for y in range(0, 512, 50) for x in range(0, 640, 90)]

    def same(place):
        y, x = place
        part = slide.read_level(0, y, x, min(64, 512 - y), min(64, 640 - x))
        return np.array_equal(part, image[y : y + 64, x : x + 64])

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(same, places * 3))
    slide.close()


@pytest.mark.parametrize('extra', ['unassalpha', 'assocalpha', 'unspecified'])
def test_opacity(tmp_path, extra):
    rgba = np.full((32, 32, 4), 100, np.uint8)
    rgba[:16, :, 3] = 255
    rgba[16:, :, 3] = 102
    path = tmp_path / 'rgba.tif'
    tifffile.imwrite(path, rgba, photometric='rgb', extrasamples=[extra])
    slide = open_slide(path)
    pixels = slide.read_level(0, 0, 0, 32, 32)
    assert (pixels[:16] == 100).all()
    below = {'unassalpha': 193, 'assocalpha': 253, 'unspecified': 100}
    assert (pixels[16:] == below[extra]).all()
    slide.close()


@pytest.mark.parametrize(
    ('resolution', 'unit', 'expected', 'note'),
    [
        ((20000, 40000), 'CENTIMETER', (0.25, 0.5), ''),
        ((10, 10), 'CENTIMETER', None, '1000 x 1000 µm per pixel'),
        ((72, 72), 'INCH', None, '72 dpi'),
        ((300, 300), 'INCH', None, '300 dpi'),
        ((50800, 50800), 'INCH', None, '5.08e+04 dpi tag (0.5 µm'),
        ((1, 1), 'NONE', None, ''),
    ],
)
def test_resolution_tags(tmp_path, texture, resolution, unit, expected, note):
    path = tmp_path / 'tags.tif'
    tifffile.imwrite(
        path,
        texture(64, 64),
        photometric='rgb',
        resolution=resolution,
        resolutionunit=unit,
    )
    slide = open_slide(path)
    size = slide.pixel_size
    assert (size and (size.x, size.y)) == (
        expected and (expected[1], expected[0])
    )
    assert note in slide.pixel_size_note
    slide.close()


def test_imagej_scale(tmp_path, texture):
    path = tmp_path / 'imagej.tif'
    tifffile.imwrite(
        path,
        texture(64, 64),
        imagej=True,
        resolution=(4, 2),
        metadata={'unit': 'micron'},
    )
    slide = open_slide(path)
    assert slide.pixel_size is not None
    assert (slide.pixel_size.y, slide.pixel_size.x) == (0.5, 0.25)
    slide.close()


@pytest.mark.parametrize(
    ('image', 'options', 'problem'),
    [
        (np.zeros((64, 64), np.uint8), {}, '8-bit grayscale'),
        (np.zeros((64, 64), np.uint16), {}, '16-bit grayscale'),
        (
            np.zeros((64, 64, 3), np.uint16),
            {'photometric': 'rgb'},
            '16-bit RGB',
        ),
        (
            np.zeros((5, 64, 64, 3), np.uint8),
            {'photometric': 'rgb'},
            'a stack of 5 images',
        ),
        (
            np.zeros((64, 64, 4), np.uint8),
            {'photometric': 'separated'},
            'CMYK',
        ),
        (
            np.zeros((4, 64, 64), np.uint8),
            {'ome': True, 'metadata': {'axes': 'CYX'}},
            'an image of 4 channels',
        ),
    ],
)
def test_what_is_not_rgb_is_refused_by_name(tmp_path, image, options, problem):
    path = tmp_path / 'other.tif'
    options = {'photometric': 'minisblack'} | options
    tifffile.imwrite(path, image, **options)
    with pytest.raises(
        BadInputError, match=f'"other.tif" is {problem}.*expect an 8-bit RGB'
    ):
        open_slide(path)


@pytest.mark.parametrize('kept', [0.02, 0.3, 0.7, 0.99])
def test_a_file_cut_short_is_refused(pyramid, kept):
    path, _ = pyramid
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(BadInputError, match=r'"pyramid.ome.tif" cannot be'):
        open_slide(path)


def test_damaged_pixels_name_the_file(tmp_path, texture):
    path = write(
        tmp_path / 'bad.tif',
        texture(64, 64),
        tile=(64, 64),
        compression='deflate',
    )
    with tifffile.TiffFile(path) as tiff:
        offset = tiff.pages[0].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[offset : offset + 40] = b'x' * 40
    path.write_bytes(content)
    with pytest.raises(BadInputError, match='"bad.tif" cannot be read'):
        open_slide(path)


def test_after_close_a_read_says_so(pyramid):
    slide = TiffSlide(pyramid[0])
    slide.close()
    with pytest.raises(BadInputError, match='cannot be read'):
        slide.read_level(0, 0, 0, 5, 5)
