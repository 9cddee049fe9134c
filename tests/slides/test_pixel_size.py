import pytest

from napari_wsol.errors import PixelSizeError
from napari_wsol.slides.pixel_size import (
    PixelSize,
    in_micrometres,
    pixel_size_from_scale,
    require_pixel_size,
    resolve_pixel_size,
)


@pytest.mark.parametrize(
    ('value', 'unit', 'expected'),
    [
        (0.5, 'micrometer', 0.5),
        (0.5, 'µm', 0.5),
        (0.5, 'μm', 0.5),
        (0.0005, 'millimeter', 0.5),
        (500, 'nm', 0.5),
        (5e-7, 'meter', 0.5),
        (0.00002, 'inch', 0.508),
    ],
)
def test_lengths_become_micrometres(value, unit, expected):
    assert in_micrometres(value, unit) == pytest.approx(expected)


@pytest.mark.parametrize('unit', ['pixel', '', 'second', 'nonsense', 'm²'])
def test_what_is_no_length_says_nothing(unit):
    assert in_micrometres(1, unit) is None


def test_a_layer_speaks_by_its_scale_and_units():
    found = pixel_size_from_scale(
        (1, 0.5, 0.25), ('pixel', 'micrometer', 'micrometer'), 'slide'
    )
    assert found == PixelSize(0.5, 0.25, 'scale of layer "slide"')


@pytest.mark.parametrize(
    ('scale', 'units'),
    [
        ((0.5, 0.5), ('pixel', 'pixel')),
        ((0.5, 0.5), None),
        ((0.5, 0.5), ('micrometer', 'pixel')),
    ],
)
def test_a_layer_in_pixels_says_nothing(scale, units):
    assert pixel_size_from_scale(scale, units, 'slide') is None


def test_units_of_a_layer_can_be_given_as_pint_writes_them():
    pint = pytest.importorskip('pint')
    units = [str(pint.get_application_registry().Unit('um'))] * 2
    found = pixel_size_from_scale((0.5, 0.5), units, 'slide')
    assert found is not None
    assert found.mpp == 0.5


def test_the_first_believable_statement_wins_and_doubts_are_told():
    layer = PixelSize(0.5, 0.5, 'layer')
    tag = PixelSize(1000, 1000, 'tag')
    assert resolve_pixel_size([None, layer, tag]) == (layer, '')
    chosen, note = resolve_pixel_size([tag, None, layer])
    assert chosen == layer
    assert '1000 x 1000 µm per pixel (tag) is ignored' in note
    assert resolve_pixel_size([tag]).pixel_size is None


@pytest.mark.parametrize('mpp', [0.01, 30, float('nan'), -0.5, 0])
def test_implausible_sizes_stop_the_work(mpp):
    size = PixelSize(mpp, mpp, 'tag')
    assert not size.is_plausible
    with pytest.raises(PixelSizeError, match='outside 0.05-20 µm'):
        require_pixel_size(size, 'slide')


def test_a_missing_size_is_asked_for_with_the_reason():
    with pytest.raises(PixelSizeError, match=r'"slide" is not known \(72 dpi'):
        require_pixel_size(None, 'slide', '72 dpi ignored.')


def test_one_figure_for_pixels_that_are_not_square():
    assert PixelSize(0.2, 0.8, 'x').mpp == pytest.approx(0.4)
