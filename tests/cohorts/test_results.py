import pytest

from napari_wsol.cohorts.results import Results, result_names
from napari_wsol.errors import BadInputError


def test_results_of_one_name_do_not_overwrite_each_other(tmp_path):
    images = [
        tmp_path / name
        for name in ('a/x.svs', 'b/x.svs', 'x-2.png', 'a/../a/x.svs')
    ]
    names = result_names(images, tmp_path / 'out')
    assert list(names.values()) == ['x', 'x-2', 'x-2-2']


@pytest.mark.parametrize('name', ['x.json', 'x.geojson', 'x-regions.csv'])
def test_files_of_others_are_left_alone(name, tmp_path):
    (tmp_path / name).write_text('drawn by hand')
    names = result_names([tmp_path / 'a' / 'x.svs'], tmp_path)
    assert list(names.values()) == ['x-2']


@pytest.mark.parametrize('name', ['slide.zarr', 'slide-maps.png'])
def test_an_image_is_never_replaced_by_a_result(name, tmp_path):
    images = [tmp_path / name, tmp_path / 'a' / 'slide.svs']
    with pytest.raises(BadInputError, match='replace the image itself'):
        result_names(images, tmp_path)


def test_the_card_is_the_last_to_be_cleared(tmp_path):
    results = Results(tmp_path, 'x')
    (tmp_path / 'x.json').write_text('{}')
    results.picture.mkdir()
    with pytest.raises(OSError, match='x-maps.png'):
        results.clear()
    assert results.card.exists()
