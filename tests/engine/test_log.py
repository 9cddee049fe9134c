from __future__ import annotations

import os

from napari_wsol.engine.log import LAST_WORDS_BYTES, LOG_BYTES, EngineLog


def written(log, text):
    with log.stream as stream:
        stream.write(text)
    return log


def test_only_the_last_words_of_this_process_are_told(tmp_path):
    written(EngineLog(tmp_path), b'earlier')
    log = written(EngineLog(tmp_path), b'x' * LAST_WORDS_BYTES + b' the end')
    assert log.last_words().endswith('x the end')
    assert len(log.last_words()) == LAST_WORDS_BYTES
    assert written(EngineLog(tmp_path), b'later').last_words() == 'later'


def test_a_large_log_is_put_aside(tmp_path):
    written(EngineLog(tmp_path), b'x' * (LOG_BYTES + 1))
    log = written(EngineLog(tmp_path), b'new')
    assert log.last_words() == 'new'
    sizes = sorted(file.stat().st_size for file in tmp_path.iterdir())
    assert sizes == [3, LOG_BYTES + 1]


def test_the_oldest_logs_are_removed(tmp_path):
    for age in range(15):
        file = tmp_path / f'engine-{age}.log'
        file.touch()
        os.utime(file, (1000 - age, 1000 - age))
    written(EngineLog(tmp_path), b'new')
    kept = {file.name for file in tmp_path.iterdir()}
    assert kept == {f'engine-{age}.log' for age in range(10)} | {
        f'engine-{os.getpid()}.log'
    }


def test_an_empty_log_leaves_nothing(tmp_path):
    written(EngineLog(tmp_path), b'').tidy()
    assert not list(tmp_path.iterdir())
