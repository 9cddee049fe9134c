from __future__ import annotations

import threading
import tracemalloc
from multiprocessing import Pipe

import dask.array as da
import numpy as np
import pytest
import zarr
from PIL import Image

from napari_wsol.engine.blocks import LARGEST_SIDE, BlockReader, BlockService
from napari_wsol.engine.messages import FileImage, ViewerImage
from napari_wsol.errors import BadInputError, WsolError


@pytest.fixture
def pixels():
    generator = np.random.default_rng(0)
    return generator.integers(0, 255, (300, 200, 3), np.uint8)


@pytest.fixture
def service():
    service = BlockService()
    yield service
    service.close()


@pytest.fixture
def reader(service):
    here, there = Pipe()
    thread = threading.Thread(target=service.serve, args=(here,))
    thread.start()
    with here, there:
        yield BlockReader(lambda: there)
        service.close()
        thread.join()


def as_numpy(pixels, folder):
    return pixels


def as_dask(pixels, folder):
    return da.from_array(pixels, chunks=(64, 64, 3))


def as_zarr(pixels, folder):
    array = zarr.create_array(
        folder / 'a.zarr', shape=pixels.shape, dtype='u1', chunks=(64, 64, 3)
    )
    array[:] = pixels
    return array


@pytest.mark.parametrize('kind', [as_numpy, as_dask, as_zarr])
def test_blocks_are_the_pixels_of_the_array(
    service, reader, pixels, kind, tmp_path
):
    service.register('a', [kind(pixels, tmp_path)])
    block = reader.read('a', 0, 10, 20, 100, 150)
    np.testing.assert_array_equal(block, pixels[10:110, 20:170])


def test_each_level_is_read_by_its_own_pixels(service, reader, pixels):
    image = service.register('a', [pixels, pixels[::3, ::3]], name='slide')
    assert image == ViewerImage('a', 'slide', ((300, 200), (100, 67)))
    block = reader.read('a', 1, 90, 60, 10, 7)
    np.testing.assert_array_equal(block, pixels[::3, ::3][90:, 60:])


def test_floats_are_converted_as_they_are_shown(service, reader):
    shown = np.array([[-1, 0, 0.5], [1, 2, np.nan]], np.float32)
    service.register('a', [shown.reshape(1, 2, 3)])
    block = reader.read('a', 0, 0, 0, 1, 2)
    assert block.ravel().tolist() == [0, 0, 128, 255, 255, 0]


def test_transparent_pixels_are_white(service, reader):
    service.register('a', [np.zeros((4, 4, 4), np.uint8)])
    assert (reader.read('a', 0, 0, 0, 4, 4) == 255).all()


def test_large_rectangles_come_in_several_blocks(service, reader):
    height, width = LARGEST_SIDE + 40, 2 * LARGEST_SIDE + 3
    gradient = np.arange(height * width * 3, dtype=np.uint32) % 251
    pixels = gradient.astype(np.uint8).reshape(height, width, 3)
    service.register('a', [pixels])
    block = reader.read('a', 0, 5, 7, height - 5, width - 7)
    np.testing.assert_array_equal(block, pixels[5:, 7:])


def test_no_more_than_the_block_is_copied(service, reader, tmp_path):
    slide = zarr.create_array(
        tmp_path / 'slide.zarr',
        shape=(60_000, 60_000, 3),
        dtype='u1',
        chunks=(512, 512, 3),
        fill_value=200,
    )
    service.register('a', [slide])
    reader.read('a', 0, 0, 0, 512, 512)
    tracemalloc.start()
    try:
        for place in range(0, 59_000, 6_000):
            block = reader.read('a', 0, place, place, 1000, 1000)
            assert block[0, 0, 0] == 200
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40e6


def test_threads_get_their_own_blocks(service, reader, pixels):
    service.register('a', [pixels])
    wrong = []

    def read(y):
        for x in range(0, 150, 10):
            block = reader.read('a', 0, y, x, 20, 20)
            if (block != pixels[y : y + 20, x : x + 20]).any():
                wrong.append((y, x))

    threads = [
        threading.Thread(target=read, args=(y,)) for y in range(0, 280, 40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_image_that_was_closed_is_an_error_in_words(
    service, reader, pixels
):
    service.register('a', [pixels])
    service.unregister('a')
    service.unregister('a')
    with pytest.raises(WsolError, match='closed in the viewer'):
        reader.read('a', 0, 0, 0, 8, 8)
    service.register('a', [pixels])
    assert reader.read('a', 0, 0, 0, 8, 8).shape == (8, 8, 3)


def test_an_array_that_cannot_be_read_is_an_error_in_words(service, reader):
    def broken(block_info=None):
        raise OSError('the disk is gone')

    array = da.map_blocks(
        broken, chunks=((8,), (8,), (3,)), dtype=np.uint8, meta=np.empty(0)
    ).astype(np.uint8)
    service.register('a', [array], name='my slide')
    with pytest.raises(WsolError, match=r'my slide.*the disk is gone'):
        reader.read('a', 0, 0, 0, 8, 8)


def test_a_viewer_that_is_gone_is_an_error_in_words(pixels):
    here, there = Pipe()
    here.close()
    with there, pytest.raises(WsolError, match='closed'):
        BlockReader(lambda: there).read('a', 0, 0, 0, 8, 8)


def test_what_is_not_rgb_is_refused_before_it_is_sent(service):
    with pytest.raises(BadInputError, match='"stain".*grayscale'):
        service.register('a', [np.zeros((8, 8))], name='stain')


def test_a_file_with_the_same_pixels_is_read_by_the_engine(
    service, pixels, tmp_path
):
    path = tmp_path / 'a.png'
    Image.fromarray(pixels).save(path)
    source = service.image_source([pixels], name='a', path=path)
    assert source == FileImage(str(path))


@pytest.mark.parametrize('why', ['no path', 'no file', 'changed', 'cropped'])
def test_otherwise_the_viewer_hands_out_blocks(
    service, reader, pixels, tmp_path, why
):
    path = tmp_path / 'a.png'
    Image.fromarray(pixels).save(path)
    shown = {'changed': 255 - pixels, 'cropped': pixels[:-1]}.get(why, pixels)
    path = {'no path': None, 'no file': tmp_path / 'b.png'}.get(why, path)
    source = service.image_source([shown], name='a', path=path)
    assert isinstance(source, ViewerImage)
    assert source.level_shapes == (shown.shape[:2],)
    block = reader.read(source.key, 0, 0, 0, 50, 50)
    np.testing.assert_array_equal(block, shown[:50, :50])


def test_two_images_of_one_name_have_two_keys(service, pixels):
    first = service.image_source([pixels], name='a')
    second = service.image_source([pixels], name='a')
    assert first.key != second.key


def test_the_engine_reads_what_the_viewer_registered(client, do, pixels):
    client.blocks.register('a', [pixels])
    shape, content = do('blocks', 'a;0;3;4;100;50')[-1].result
    assert shape == (100, 50, 3)
    assert content == pixels[3:103, 4:54].tobytes()


def test_a_lost_image_fails_its_job_in_words(do):
    event = do('blocks', 'lost;0;3;4;100;50')[-1]
    assert 'closed in the viewer' in event.message
    assert event.details == ''
