"""The store: valid OME-Zarr, in place, with honest coarser levels."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from ome_zarr_models.v05 import Image, ImageLabel
from ome_zarr_models.v05.labels import Labels

from napari_wsol.errors import WsolError
from napari_wsol.inference import layout
from napari_wsol.inference.maps import chunk_maps, halved
from napari_wsol.inference.predicting import predict
from napari_wsol.inference.settings import PredictionSettings, Progress
from napari_wsol.models.loading import LoadedModel
from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.pixel_size import PixelSize

from .conftest import TinyNetwork, exhaust, loaded

EVERYWHERE = PredictionSettings(tissue_only=False, precision='float32')

MakeSlide = Callable[..., ArraySlide]


@pytest.fixture
def many_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, 'COARSEST', 12)


def contents(store: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in sorted(store.rglob('*'))
        if path.is_file()
    }


@pytest.mark.usefixtures('many_levels')
def test_groups_are_valid_ome_zarr(
    slide: ArraySlide, tiny_model: LoadedModel
) -> None:
    memory = zarr.storage.MemoryStore()
    exhaust(predict(slide, tiny_model, memory, EVERYWHERE))
    root = zarr.open_group(memory, mode='r')

    for group in (
        root,
        root['probability'],
        root['entropy'],
        root['class_probability'],
    ):
        model = Image.from_zarr(group)
        (image,) = model.ome_attributes.multiscales
        assert len(image.datasets) == 4
        assert {a.unit for a in image.axes if a.name in 'yx'} == {'micrometer'}
    assert Labels.from_zarr(root['labels']).ome_attributes.labels == ['mask']
    label = ImageLabel.from_zarr(root['labels/mask'])
    assert len(label.ome_attributes.multiscales[0].datasets) == 4


def test_levels_lie_over_each_other(
    slide: ArraySlide, tiny_model: LoadedModel, many_levels: None
) -> None:
    memory = zarr.storage.MemoryStore()
    exhaust(predict(slide, tiny_model, memory, EVERYWHERE))
    attributes = zarr.open_group(memory)['entropy'].attrs['ome']
    for level, dataset in enumerate(attributes['multiscales'][0]['datasets']):
        scale, translation = dataset['coordinateTransformations']
        step = 8 * 2**level
        assert scale['scale'] == [step * 0.5] * 2
        # the outer corner of the first pixel stays at -half a level-0 pixel
        assert translation['translation'] == [(step - 1) / 2 * 0.5] * 2


def test_pixels_without_size_have_no_unit(
    make_slide: MakeSlide, tiny_model: LoadedModel
) -> None:
    card = tiny_model.card.model_copy(update={'mpp': None})
    memory = zarr.storage.MemoryStore()
    slide = make_slide(pixel_size=None)
    exhaust(predict(slide, replace(tiny_model, card=card), memory, EVERYWHERE))
    model = Image.from_zarr(zarr.open_group(memory, mode='r'))
    assert [a.unit for a in model.ome_attributes.multiscales[0].axes] == [
        None,
        None,
    ]


def test_coarser_levels_summarise_the_finest(
    slide: ArraySlide, tiny_model: LoadedModel, many_levels: None
) -> None:
    memory = zarr.storage.MemoryStore()
    exhaust(predict(slide, tiny_model, memory, EVERYWHERE))
    root = zarr.open_group(memory)
    for name in ('probability', 'entropy', 'labels/mask', 'class_probability'):
        finer = root[f'{name}/0'][...]
        for level in (1, 2, 3):
            finer = halved(name, finer)
            np.testing.assert_array_equal(root[f'{name}/{level}'][...], finer)


def test_resumed_run_ends_with_the_same_levels(
    make_slide: MakeSlide,
    tiny_model: LoadedModel,
    many_levels: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr('napari_wsol.inference.writing.REFRESH', 0.0)
    slide = make_slide(900, 256)

    def start(name: str) -> Any:
        return predict(
            slide,
            tiny_model,
            tmp_path / name,
            replace(EVERYWHERE, batch=1),
            fingerprint_of_image='x',
        )

    exhaust(start('whole'))
    for stop_after in (5, 11):
        name = str(stop_after)
        events = start(name)
        for _ in range(stop_after):
            while not isinstance(next(events), Progress):
                pass
        events.close()
        (tmp_path / name / 'probability' / '0.partial').write_bytes(b'dead')
        exhaust(start(name))
        assert contents(tmp_path / name) == contents(tmp_path / 'whole')


class DyingStore(zarr.storage.MemoryStore):
    """A disk that is pulled out after some writes."""

    writes_left = 10**9

    async def set(self, key: str, value: Any, *more: Any) -> None:
        if self.writes_left == 0:
            raise OSError(5, 'Input/output error')
        self.writes_left -= 1
        await super().set(key, value, *more)


def test_death_between_any_two_writes_changes_no_bit(
    make_slide: MakeSlide, tiny_model: LoadedModel, many_levels: None
) -> None:
    slide = make_slide(400, 256)

    def run(store: DyingStore) -> None:
        exhaust(
            predict(
                slide,
                tiny_model,
                store,
                EVERYWHERE,
                fingerprint_of_image='x',
            )
        )

    def bits(store: DyingStore) -> dict[str, bytes]:
        return {k: v.to_bytes() for k, v in store._store_dict.items()}

    whole = DyingStore()
    run(whole)
    writes = 10**9 - whole.writes_left
    for survived in range(3, writes, 11):
        store = DyingStore()
        store.writes_left = survived
        with pytest.raises(WsolError, match='Input/output'):
            run(store)
        store.writes_left = 10**9
        run(store)
        assert bits(store) == bits(whole)


def test_class_agnostic_model_marks_one_kind_of_region(
    slide: ArraySlide, tiny_model: LoadedModel
) -> None:
    agnostic = loaded(tiny_model.card, TinyNetwork(channels=2))
    memory = zarr.storage.MemoryStore()
    exhaust(predict(slide, agnostic, memory, EVERYWHERE))
    root = zarr.open_group(memory)
    assert 'class_probability' not in root
    assert set(np.unique(root['labels/mask/0'][...])) <= {0, 1}
    (label,) = root['labels/mask'].attrs['ome']['image-label']['properties']
    assert label == {'label-value': 1, 'class': 'region of interest'}


def test_without_classifier_there_are_no_scores(
    slide: ArraySlide, tiny_model: LoadedModel
) -> None:
    memory = zarr.storage.MemoryStore()
    settings = replace(EVERYWHERE, classify=False)
    _, result = exhaust(predict(slide, tiny_model, memory, settings))
    assert result.class_probabilities is None
    assert 'classifier' not in zarr.open_group(memory)


def test_anisotropic_area_is_in_square_millimetres(
    make_slide: MakeSlide, tiny_model: LoadedModel
) -> None:
    slide = make_slide(512, 512, PixelSize(0.25, 1.0, 'a test'))
    settings = replace(EVERYWHERE, threshold=0.0)
    memory = zarr.storage.MemoryStore()
    _, result = exhaust(predict(slide, tiny_model, memory, settings))
    assert result.foreground_fraction == 1
    assert result.foreground_mm2 == pytest.approx(0.128 * 0.512)


def test_unwanted_pixels_are_background_at_any_threshold() -> None:
    pixel = np.full((3, 4, 4), 1 / 3, np.float32)
    wanted = np.zeros((4, 3), bool)
    wanted[1, 1] = True
    made = chunk_maps(pixel, wanted, threshold=0.0)
    assert made.maps['labels/mask'].sum() == 1
    assert (made.wanted, made.foreground) == (1, 1)
    assert made.maps['probability'].shape == (4, 3)


def test_coarse_mask_is_foreground_from_two_of_four() -> None:
    mask = np.array([[0, 0, 2, 0, 1], [0, 1, 2, 0, 1]], np.uint8)
    np.testing.assert_array_equal(halved('labels/mask', mask), [[0, 2, 1]])
