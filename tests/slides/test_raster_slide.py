import numpy as np
import pytest
from PIL import Image

from napari_wsol.errors import BadInputError
from napari_wsol.slides import raster_slide
from napari_wsol.slides.opening import open_slide
from napari_wsol.slides.pixel_size import PixelSize


@pytest.mark.parametrize('suffix', ['png', 'bmp'])
def test_lossless_formats(texture, save_png, suffix):
    image = texture(40, 50)
    slide = open_slide(save_png(Image.fromarray(image), f'a.{suffix}'))
    assert slide.level_shapes == ((40, 50),)
    np.testing.assert_array_equal(
        slide.read_level(0, 3, 4, 20, 30), image[3:23, 4:34]
    )


def test_the_content_tells_the_format(texture, tmp_path):
    image = Image.fromarray(texture(40, 50))
    image.save(tmp_path / 'really.jpg', format='PNG')
    slide = open_slide(str(tmp_path / 'really.jpg'))
    np.testing.assert_array_equal(
        slide.read_level(0, 0, 0, 40, 50), np.array(image)
    )


def test_jpeg_keeps_the_stored_orientation(texture, save_png):
    image = Image.fromarray(texture(40, 50))
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save_png(
        image, 'a.jpg', quality=95, subsampling=0, exif=exif, dpi=(300, 300)
    )
    slide = open_slide(path)
    assert slide.shape == (40, 50)
    error = slide.read_level(0, 0, 0, 40, 50).astype(int) - np.array(image)
    assert np.abs(error).mean() < 3
    assert slide.pixel_size is None
    assert '300 dpi' in slide.pixel_size_note


def test_palette_and_opacity(texture, save_png):
    image = Image.fromarray(texture(40, 50)).quantize(64)
    slide = open_slide(save_png(image))
    np.testing.assert_array_equal(
        slide.read_level(0, 0, 0, 40, 50), np.array(image.convert('RGB'))
    )
    clear = Image.new('RGBA', (8, 8), (200, 100, 100, 0))
    slide = open_slide(save_png(clear))
    assert (slide.read_level(0, 0, 0, 8, 8) == 255).all()


def test_a_large_image_is_no_bomb(texture, save_png, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    assert open_slide(save_png(Image.fromarray(texture(100, 90)))).shape == (
        100,
        90,
    )


def test_a_too_large_image_is_refused(texture, save_png, monkeypatch):
    monkeypatch.setattr(raster_slide, 'LARGEST', 1000)
    path = save_png(Image.fromarray(texture(100, 90)))
    with pytest.raises(BadInputError, match='90 x 100 pixels large.*tiled'):
        open_slide(path)


@pytest.mark.parametrize(
    ('mode', 'suffix', 'problem'),
    [
        ('L', 'png', '8-bit grayscale'),
        ('L', 'jpg', '8-bit grayscale'),
        ('LA', 'png', '8-bit grayscale'),
        ('1', 'png', '8-bit grayscale'),
        ('I;16', 'png', '16-bit grayscale'),
        ('CMYK', 'jpg', 'CMYK, colours for printing'),
    ],
)
def test_other_kinds_are_refused_by_name(save_png, mode, suffix, problem):
    path = save_png(Image.new(mode, (20, 20)), f'other.{suffix}')
    with pytest.raises(
        BadInputError,
        match=f'"other.{suffix}" is {problem}. The models expect an 8-bit RGB',
    ):
        open_slide(path)


def test_16_bits_per_colour_are_refused(tmp_path):
    imagecodecs = pytest.importorskip('imagecodecs')
    path = tmp_path / 'deep.png'
    deep = np.full((20, 20, 3), 60_000, np.uint16)
    path.write_bytes(imagecodecs.png_encode(deep))
    with pytest.raises(BadInputError, match='is 16 bits per colour'):
        open_slide(path)


@pytest.mark.parametrize('suffix', ['png', 'jpg', 'bmp'])
@pytest.mark.parametrize('kept', [20, 400])
def test_a_file_cut_short_is_refused(texture, save_png, suffix, kept):
    path = save_png(Image.fromarray(texture(80, 80)), f'cut.{suffix}')
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BadInputError, match=f'"cut.{suffix}" cannot be read'):
        open_slide(path)


def test_the_user_has_the_last_word(texture, save_png):
    path = save_png(Image.fromarray(texture(40, 50)), dpi=(72, 72))
    said = PixelSize(0.5, 0.5, 'entered by the user')
    slide = open_slide(path, said)
    assert slide.pixel_size == said
    assert slide.pixel_size_note == ''
    with pytest.raises(BadInputError, match='outside 0.05-20 µm'):
        open_slide(path, PixelSize(300, 300, 'entered by the user'))
