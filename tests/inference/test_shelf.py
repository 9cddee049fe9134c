"""Results that are kept for the next time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from made_prediction import made_prediction

from napari_wsol.inference.shelf import SAFE_SECONDS, Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / 'results')


def keep(shelf: Shelf, name: str, size: int = 10) -> Path:
    with shelf.place(name) as store:
        store.mkdir()
        (store / 'c').write_bytes(bytes(size))
    shelf.keep(made_prediction(store=str(store)))
    return store


def grow_old(store: Path, seconds: float) -> None:
    card = store.with_suffix('.json')
    when = card.stat().st_mtime - seconds
    os.utime(card, (when, when))


def test_the_same_run_has_the_same_place(shelf: Shelf) -> None:
    with shelf.place('abc') as first, shelf.place('abd') as other:
        assert first != other
    with shelf.place('abc') as again:
        assert again == first


def test_a_place_in_use_is_given_to_nobody_else(shelf: Shelf) -> None:
    with shelf.place('abc') as first, shelf.place('abc') as second:
        assert first != second


def test_what_is_kept_is_told(shelf: Shelf) -> None:
    assert shelf.kept('abc') == (False, None)
    with shelf.place('abc') as store:
        store.mkdir()
    finished, when = shelf.kept('abc')
    assert (finished, when) == (False, store.stat().st_mtime)
    shelf.keep(made_prediction(store=str(store)))
    finished, when = shelf.kept('abc')
    assert finished
    assert when == store.with_suffix('.json').stat().st_mtime


def test_what_was_used_longest_ago_goes_first(shelf: Shelf) -> None:
    old, older, new = (keep(shelf, name, 100) for name in 'abc')
    grow_old(old, SAFE_SECONDS + 10)
    grow_old(older, SAFE_SECONDS + 20)
    shelf.tidy(most=250)
    assert old.exists()
    assert new.exists()
    assert not older.exists()
    assert shelf.kept('b') == (False, None)


def test_what_may_be_looked_at_stays(shelf: Shelf) -> None:
    store = keep(shelf, 'a', 100)
    shelf.tidy(most=0)
    assert store.exists()
