"""A run as a whole: what it writes, and that nothing else decides its bits."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zarr

from napari_wsol.errors import (
    BadInputError,
    CancelledError,
    OutOfMemoryError,
    PixelSizeError,
    WsolError,
)
from napari_wsol.inference.job import tile_side
from napari_wsol.inference.predicting import predict
from napari_wsol.inference.settings import (
    Begun,
    ChunkDone,
    PredictionSettings,
    Progress,
)
from napari_wsol.inference.view_first import View
from napari_wsol.models.loading import LoadedModel
from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.pixel_size import PixelSize

from .conftest import TinyNetwork, exhaust

EVERYWHERE = PredictionSettings(tissue_only=False, precision='float32')

MakeSlide = Callable[..., ArraySlide]


def contents(store: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in sorted(store.rglob('*'))
        if path.is_file()
    }


def one_pass(slide: ArraySlide, network: TinyNetwork) -> np.ndarray:
    """The ROI probability of the image read at once, mirrored around."""
    pixels = slide.read_level(0, 0, 0, *slide.shape)
    height, width = slide.shape
    around = ((64, 64 + -height % 32), (64, 64 + -width % 32), (0, 0))
    pixels = np.pad(pixels, around, mode='reflect')
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        maps = network.glance(images - 0.5, classify=False)
    roi = 1 - maps.pixel[0, 0, 8:-8, 8:-8].numpy()
    return roi[: -(-height // 8), : -(-width // 8)]


def test_tiles_give_what_one_pass_gives(
    slide: ArraySlide,
    tiny_model: LoadedModel,
    network: TinyNetwork,
    tmp_path: Path,
) -> None:
    store = tmp_path / 'a.zarr'
    events, result = exhaust(predict(slide, tiny_model, store, EVERYWHERE))

    found = zarr.open_array(store / 'probability' / '0')[:]
    expected = one_pass(slide, network)
    assert found.shape == (38, 63)
    assert np.abs(found - expected).max() < 2e-4
    assert any(isinstance(event, ChunkDone) for event in events)
    progress = [event for event in events if isinstance(event, Progress)]
    assert progress[-1].done == pytest.approx(0.15)
    assert progress[-1].seconds_left == 0
    assert result.megapixels == pytest.approx(0.15)
    assert result.foreground_fraction == pytest.approx((found >= 0.5).mean())
    assert (result.step_y, result.step_x) == (8, 8)


def test_maps_agree_with_each_other(
    slide: ArraySlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    store = tmp_path / 'a.zarr'
    _, result = exhaust(predict(slide, tiny_model, store, EVERYWHERE))

    root = zarr.open_group(store)
    probability = root['probability/0'][:]
    mask = root['labels/mask/0'][:]
    classes = root['class_probability/0'][:]
    entropy = root['entropy/0'][:]
    assert (probability * 4096 == np.round(probability * 4096)).all()
    np.testing.assert_array_equal(mask > 0, probability >= 0.5)
    np.testing.assert_allclose(classes.sum(0), 1, atol=1e-3)
    marked = mask > 0
    best = np.take_along_axis(
        classes, mask[None].clip(1).astype(int) - 1, axis=0
    )[0]
    assert (best[marked] >= classes.max(0)[marked] - 1e-3).all()
    p = probability.astype(float).clip(1e-9, 1 - 1e-9)
    expected = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    np.testing.assert_allclose(entropy, expected, atol=2e-3)
    assert sum(result.class_probabilities or ()) == pytest.approx(1)
    assert result.entropy_background == pytest.approx(1)


def test_looking_around_changes_no_bit(
    slide: ArraySlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    _, first = exhaust(
        predict(
            slide,
            tiny_model,
            tmp_path / 'a',
            EVERYWHERE,
            fingerprint_of_image='x',
        )
    )
    looks = random.Random(5)
    view = View()
    ended = threading.Event()

    def look_around() -> None:
        while not ended.wait(0.0005):
            view.box = Box(looks.randrange(280), looks.randrange(480), 20, 20)

    looking = threading.Thread(target=look_around, daemon=True)
    looking.start()
    events, second = exhaust(
        predict(
            slide,
            tiny_model,
            tmp_path / 'b',
            EVERYWHERE,
            fingerprint_of_image='x',
            view=view,
        )
    )
    ended.set()
    looking.join()
    seen = {event.box for event in events if isinstance(event, ChunkDone)}
    assert contents(tmp_path / 'a') == contents(tmp_path / 'b')
    assert first.class_probabilities == second.class_probabilities
    assert len(seen) > 1


def test_what_is_looked_at_is_shown_first(
    slide: ArraySlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    corner = Box(slide.shape[0] - 10, slide.shape[1] - 10, 5, 5)
    run = predict(
        slide,
        tiny_model,
        tmp_path / 'a',
        replace(EVERYWHERE, batch=1),
        view=View(corner),
    )
    shown = [event.box for event in run if isinstance(event, ChunkDone)]
    assert shown[0].intersection(corner)
    assert not shown[-1].intersection(corner)


def test_all_in_view_is_glanced_at_before_anything_is_looked_at_twice(
    slide: ArraySlide,
    tiny_model: LoadedModel,
    network: TinyNetwork,
    tmp_path: Path,
) -> None:
    view = View(Box(0, 0, 200, 130))
    run = predict(
        slide,
        tiny_model,
        tmp_path / 'a',
        replace(EVERYWHERE, batch=1),
        view=view,
    )
    shown: list[Box] = []
    while 'apart' not in network.looks:
        event = next(run)
        if isinstance(event, ChunkDone):
            shown.append(event.box)
    assert len(shown) == len(set(shown)) == 4
    assert all(map(view.shows, shown))
    _, result = exhaust(run)
    assert network.looks.count('glance') == network.looks.count('apart')
    assert result.class_probabilities is not None


def test_no_memory_for_the_second_look_takes_smaller_batches(
    slide: ArraySlide,
    tiny_model: LoadedModel,
    network: TinyNetwork,
    tmp_path: Path,
    monkeypatch: Any,
) -> None:
    real = network.seen_apart

    def fail(images: torch.Tensor, *about: torch.Tensor) -> torch.Tensor:
        if len(images) > 1:
            raise torch.OutOfMemoryError('CUDA out of memory.')
        return real(images, *about)

    plain, short = tmp_path / 'plain', tmp_path / 'short'
    exhaust(predict(slide, tiny_model, plain, replace(EVERYWHERE, batch=1)))
    monkeypatch.setattr(network, 'seen_apart', fail)
    settings = replace(EVERYWHERE, batch=4)
    _, result = exhaust(predict(slide, tiny_model, short, settings))
    assert [n for n in result.notes if 'Memory was short: 1 instead' in n]
    for name in ('probability/0', 'classifier/scores'):
        np.testing.assert_array_equal(
            zarr.open_array(short / name)[:], zarr.open_array(plain / name)[:]
        )


def test_what_is_shown_early_has_its_class(
    slide: ArraySlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    view = View(Box(0, 0, *slide.shape))
    settings = replace(EVERYWHERE, batch=1)
    run = predict(slide, tiny_model, tmp_path / 'a', settings, view=view)
    first = next(event for event in run if isinstance(event, ChunkDone))
    run.close()
    root = zarr.open_group(tmp_path / 'a', mode='r')
    rows, cols = (
        slice(round(start / 8) + 1, round(stop / 8) - 1)
        for start, stop in (
            (first.box.y, first.box.bottom),
            (first.box.x, first.box.right),
        )
    )
    classes = np.asarray(root['class_probability/0'])[:, rows, cols]
    np.testing.assert_allclose(classes.sum(0), 1, atol=1e-3)


def test_the_store_can_be_looked_into_from_the_beginning(
    slide: ArraySlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    events = predict(slide, tiny_model, tmp_path / 'a', EVERYWHERE)
    begun = next(events)
    assert isinstance(begun, Begun)
    shape = zarr.open_group(begun.prediction.store)['probability/0'].shape
    _, result = exhaust(events)
    assert result.store == begun.prediction.store
    assert shape == (38, 63)
    assert result.step_y == begun.prediction.step_y
    assert begun.prediction.class_probabilities is None


def test_batch_size_changes_the_maps_by_no_more_than_rounding(
    slide: ArraySlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    maps = []
    for batch in (1, 5):
        store = tmp_path / str(batch)
        exhaust(
            predict(slide, tiny_model, store, replace(EVERYWHERE, batch=batch))
        )
        maps.append(zarr.open_array(store / 'probability' / '0')[:])
    # Convolutions may sum in another order for another batch size.
    assert np.abs(maps[0] - maps[1]).max() <= 1 / 4096


def test_stopped_run_resumes_to_the_same_bits(
    make_slide: MakeSlide,
    tiny_model: LoadedModel,
    network: TinyNetwork,
    tmp_path: Path,
) -> None:
    slide = make_slide(1200, 250)

    def start(name: str) -> Any:
        settings = replace(EVERYWHERE, batch=2)
        return predict(
            slide,
            tiny_model,
            tmp_path / name,
            settings,
            fingerprint_of_image='x',
        )

    network.batches.clear()
    _, whole = exhaust(start('whole'))
    all_batches = len(network.batches)
    for stop_after in (1, 3, 8):
        name = f'stopped-{stop_after}'
        events = start(name)
        seen = 0
        for event in events:
            seen += isinstance(event, Progress)
            if seen == stop_after:
                break
        events.close()
        network.batches.clear()
        _, resumed = exhaust(start(name))
        assert contents(tmp_path / name) == contents(tmp_path / 'whole')
        assert resumed.class_probabilities == whole.class_probabilities
        assert resumed.foreground_fraction == whole.foreground_fraction
        # What was not lost is not computed again, but for the neighbours
        # that the seam needs.
        assert len(network.batches) <= all_batches - stop_after + 4
    network.batches.clear()
    _, again = exhaust(start('whole'))
    assert not network.batches
    assert again.entropy_image == whole.entropy_image


def test_another_image_or_setting_starts_anew(
    slide: ArraySlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    store = tmp_path / 'a.zarr'
    _, first = exhaust(
        predict(slide, tiny_model, store, EVERYWHERE, fingerprint_of_image='x')
    )
    higher = replace(EVERYWHERE, threshold=0.9)
    _, second = exhaust(
        predict(slide, tiny_model, store, higher, fingerprint_of_image='x')
    )
    assert not second.notes
    assert second.foreground_fraction < first.foreground_fraction
    mask = zarr.open_array(store / 'labels' / 'mask' / '0')[:]
    assert (mask > 0).mean() == pytest.approx(second.foreground_fraction)


def test_foreign_folder_is_left_alone(
    slide: ArraySlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    (tmp_path / 'thesis.doc').write_text('years of work')
    with pytest.raises(BadInputError, match='left as it is'):
        exhaust(predict(slide, tiny_model, tmp_path, EVERYWHERE))
    assert (tmp_path / 'thesis.doc').read_text() == 'years of work'


def test_a_store_object_works_as_well(
    slide: ArraySlide, tiny_model: LoadedModel
) -> None:
    store = zarr.storage.MemoryStore()
    _, result = exhaust(predict(slide, tiny_model, store, EVERYWHERE))
    assert zarr.open_group(store)['probability/0'].shape == (38, 63)
    assert result.store == 'MemoryStore'


@pytest.mark.parametrize('size', [(9, 7), (32, 200), (129, 128)])
def test_small_images(
    make_slide: MakeSlide,
    tiny_model: LoadedModel,
    network: TinyNetwork,
    size: tuple[int, int],
) -> None:
    slide = make_slide(*size)
    store = zarr.storage.MemoryStore()
    _, result = exhaust(predict(slide, tiny_model, store, EVERYWHERE))
    found = zarr.open_group(store)['probability/0'][:]
    assert found.shape == (-(-size[0] // 8), -(-size[1] // 8))
    assert result.class_probabilities is not None
    assert np.isfinite(result.class_probabilities).all()
    if min(size) > 64:
        expected = one_pass(slide, network)
        assert np.abs(found - expected).max() < 2e-4


def test_uneven_pixels_are_resampled_along_each_axis(
    make_slide: MakeSlide, tiny_model: LoadedModel
) -> None:
    slide = make_slide(300, 500, PixelSize(0.25, 0.4, 'a test'))
    store = zarr.storage.MemoryStore()
    _, result = exhaust(predict(slide, tiny_model, store, EVERYWHERE))
    assert (result.step_y, result.step_x) == pytest.approx((16, 10))
    root = zarr.open_group(store)
    assert root['probability/0'].shape == (19, 50)
    attributes = root['probability'].attrs['ome']
    transforms = attributes['multiscales'][0]['datasets'][0][
        'coordinateTransformations'
    ]
    assert transforms[0]['scale'] == pytest.approx([4.0, 4.0])
    assert transforms[1]['translation'] == pytest.approx(
        [7.5 * 0.25, 4.5 * 0.4]
    )


def test_only_asked_boxes_are_computed_and_counted(
    slide: ArraySlide, tiny_model: LoadedModel
) -> None:
    whole_store = zarr.storage.MemoryStore()
    exhaust(predict(slide, tiny_model, whole_store, EVERYWHERE))
    box = Box(10, 20, 70, 60)
    asked = replace(EVERYWHERE, boxes=(box,))
    store = zarr.storage.MemoryStore()
    _, result = exhaust(predict(slide, tiny_model, store, asked))

    found = zarr.open_group(store)['probability/0'][:]
    whole = zarr.open_group(whole_store)['probability/0'][:]
    inside = np.zeros(found.shape, bool)
    inside[1:10, 2:10] = True
    np.testing.assert_allclose(found[inside], whole[inside], atol=5e-4)
    assert not found[~inside].any()
    assert result.foreground_fraction == pytest.approx(
        (found[inside] >= 0.5).mean()
    )
    assert result.megapixels < 0.02


def test_boxes_outside_the_image_are_refused(
    slide: ArraySlide, tiny_model: LoadedModel
) -> None:
    asked = replace(EVERYWHERE, boxes=(Box(-50, -50, 20, 20),))
    with pytest.raises(BadInputError, match='outside the image'):
        predict(slide, tiny_model, zarr.storage.MemoryStore(), asked)


def test_glass_is_background_and_not_computed(
    make_slide: MakeSlide, tiny_model: LoadedModel
) -> None:
    slide = make_slide(300, 1000, blank_from=400)
    store = zarr.storage.MemoryStore()
    settings = replace(EVERYWHERE, tissue_only=True)
    _, result = exhaust(predict(slide, tiny_model, store, settings))
    found = zarr.open_group(store)['probability/0'][:]
    assert found[:, :45].all()
    assert not found[:, 56:].any()
    assert result.tissue_fraction == pytest.approx(0.4, abs=0.05)
    assert result.megapixels < 0.2


def test_slide_of_glass_has_no_answer(
    make_slide: MakeSlide, tiny_model: LoadedModel
) -> None:
    slide = make_slide(blank_from=0)
    settings = replace(EVERYWHERE, tissue_only=True)
    store = zarr.storage.MemoryStore()
    _, result = exhaust(predict(slide, tiny_model, store, settings))
    assert result.class_probabilities is None
    assert result.foreground_fraction == 0
    assert 'No tissue' in result.notes[0]


def test_out_of_memory_halves_the_batch_and_says_so_once(
    slide: ArraySlide,
    tiny_model: LoadedModel,
    network: TinyNetwork,
    tmp_path: Path,
) -> None:
    small = tmp_path / 'small.zarr'
    exhaust(predict(slide, tiny_model, small, replace(EVERYWHERE, batch=1)))
    network.largest_batch = 1
    store = tmp_path / 'a.zarr'
    settings = replace(EVERYWHERE, batch=4)
    _, result = exhaust(predict(slide, tiny_model, store, settings))
    assert [n for n in result.notes if 'Memory was short: 1 instead' in n]
    np.testing.assert_array_equal(
        zarr.open_array(store / 'probability' / '0')[:],
        zarr.open_array(small / 'probability' / '0')[:],
    )


def test_no_memory_for_a_single_tile_is_told(
    slide: ArraySlide, tiny_model: LoadedModel, monkeypatch: Any
) -> None:
    def fail(images: torch.Tensor, *, classify: bool) -> None:
        if images.shape[-1] > 128:
            raise RuntimeError(
                "DefaultCPUAllocator: can't allocate memory: you tried to "
                'allocate 12 bytes.'
            )
        return network.__class__.glance(network, images, classify=classify)

    network = tiny_model.network
    monkeypatch.setattr(network, 'glance', fail)
    store = zarr.storage.MemoryStore()
    with pytest.raises(OutOfMemoryError, match='too little memory'):
        exhaust(predict(slide, tiny_model, store, EVERYWHERE))


def test_other_failures_are_not_called_memory(
    slide: ArraySlide, tiny_model: LoadedModel, monkeypatch: Any
) -> None:
    real = tiny_model.network.glance

    def fail(images: torch.Tensor, *, classify: bool) -> Any:
        if images.shape[-1] > 128:
            raise RuntimeError('expected scalar type Half but found Float')
        return real(images, classify=classify)

    monkeypatch.setattr(tiny_model.network, 'glance', fail)
    store = zarr.storage.MemoryStore()
    with pytest.raises(RuntimeError, match='scalar type'):
        exhaust(predict(slide, tiny_model, store, EVERYWHERE))


def workers() -> list[str]:
    return [
        thread.name
        for thread in threading.enumerate()
        if thread.name.startswith('wsol')
    ]


def test_cancel_stops_within_a_batch_and_leaves_no_thread(
    slide: ArraySlide, tiny_model: LoadedModel, network: TinyNetwork
) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked == 3

    store = zarr.storage.MemoryStore()
    settings = replace(EVERYWHERE, batch=1)
    network.batches.clear()
    with pytest.raises(CancelledError):
        exhaust(
            predict(slide, tiny_model, store, settings, cancelled=cancelled)
        )
    assert len(network.batches) == 2
    assert not workers()


def test_closing_leaves_no_thread(
    slide: ArraySlide, tiny_model: LoadedModel
) -> None:
    before = torch.get_num_threads()
    store = zarr.storage.MemoryStore()
    events = predict(slide, tiny_model, store, EVERYWHERE, threads=1)
    assert isinstance(next(events), Begun)
    next(events)
    assert workers()
    events.close()
    assert not workers()
    assert torch.get_num_threads() == before


def test_missing_pixel_size_is_told_before_anything_runs(
    make_slide: MakeSlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    slide = make_slide(pixel_size=None)
    with pytest.raises(PixelSizeError, match='not known'):
        predict(slide, tiny_model, tmp_path / 'a.zarr', EVERYWHERE)
    assert not (tmp_path / 'a.zarr').exists()


def test_model_without_pixel_size_takes_pixels_as_they_are(
    make_slide: MakeSlide, tiny_model: LoadedModel
) -> None:
    anywhere = replace(
        tiny_model, card=tiny_model.card.model_copy(update={'mpp': None})
    )
    slide = make_slide(pixel_size=None)
    store = zarr.storage.MemoryStore()
    _, result = exhaust(predict(slide, anywhere, store, EVERYWHERE))
    assert (result.step_y, result.mpp, result.foreground_mm2) == (
        8,
        None,
        None,
    )


def test_place_that_is_a_file_cannot_be_written(
    slide: ArraySlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(WsolError, match='file'):
        exhaust(
            predict(slide, tiny_model, tmp_path / 'file' / 'a', EVERYWHERE)
        )


def test_full_disk_is_told_in_one_line(
    slide: ArraySlide, tiny_model: LoadedModel
) -> None:
    class FullStore(zarr.storage.MemoryStore):
        async def set(self, key: str, value: Any, *more: Any) -> None:
            if '/c/' in key:
                raise OSError(28, 'No space left on device')
            await super().set(key, value, *more)

    with pytest.raises(WsolError, match='the disk is full') as caught:
        exhaust(predict(slide, tiny_model, FullStore(), EVERYWHERE))
    assert '\n' not in str(caught.value)
    assert not workers()


def test_a_small_area_is_cut_into_small_tiles() -> None:
    assert tile_side(1024, (Box(0, 0, 300, 481),), (1.0, 1.0)) == 512
    assert tile_side(1024, (Box(0, 0, 300, 481),), (0.5, 0.5)) == 1024
    assert tile_side(1024, (Box(0, 0, 9, 9),), (1.0, 1.0)) == 256
