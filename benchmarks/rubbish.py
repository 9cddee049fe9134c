"""Feed the command line what it cannot use, and print what it answers.

    python benchmarks/rubbish.py

Every answer should be one line that names the file and says what to do, with
exit code 2 (1 for a full disk). The full disk is a small tmpfs: that line
needs root on Linux and is left out elsewhere.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from napari_wsol.cli import main as command
from napari_wsol.models.library import DEFAULT_MODEL, find_model


def images(folder):
    """Files that are no brightfield image: name -> path."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (256, 256, 3), np.uint8)
    whole = folder / 'whole.tif'
    tifffile.imwrite(whole, pixels, tile=(64, 64), photometric='rgb')
    truncated = folder / 'truncated.tif'
    truncated.write_bytes(whole.read_bytes()[:60_000])
    empty = folder / 'zero-byte.svs'
    empty.touch()
    cmyk = folder / 'cmyk.jpg'
    Image.fromarray(pixels).convert('CMYK').save(cmyk)
    gray = folder / '16-bit-gray.tif'
    tifffile.imwrite(gray, pixels[..., 0].astype(np.uint16) * 200)
    (folder / 'a-folder').mkdir()
    return [truncated, empty, cmyk, gray, folder / 'a-folder']


def models(folder):
    """Copies of the bundled model, each broken in one way."""
    source = find_model(DEFAULT_MODEL).path

    def copy(name):
        return Path(shutil.copytree(source, folder / name))

    changed = copy('wrong-hash') / 'model.safetensors'
    content = bytearray(changed.read_bytes())
    content[-1] ^= 255
    changed.write_bytes(content)
    (copy('missing-weights') / 'model.safetensors').unlink()
    card = copy('future-card') / 'config.json'
    told = json.loads(card.read_text())
    card.write_text(json.dumps({**told, 'format_version': 99}))
    disguised = copy('pickle-renamed') / 'model.safetensors'
    disguised.write_bytes(pickle.dumps({'weights': [1, 2, 3]}))
    return sorted(p for p in folder.iterdir() if p.is_dir())


@contextlib.contextmanager
def full_disk(folder):
    """A disk of 64 KB, or None where it cannot be made."""
    folder.mkdir()
    words = ['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', str(folder)]
    made = shutil.which('mount') and not subprocess.call(
        words, stderr=subprocess.DEVNULL
    )
    try:
        yield folder if made else None
    finally:
        if made:
            subprocess.call(['umount', str(folder)])


def answer(what, *words):
    """Run one command and print its exit code and what it said."""
    said = io.StringIO()
    with (
        contextlib.redirect_stderr(said),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        code = command([str(word) for word in words])
    lines = [line for line in said.getvalue().splitlines() if line.strip()]
    print(f'{what:16} exit {code}, {len(lines)} line(s): {" | ".join(lines)}')


def main():
    """Every kind of rubbish in turn."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ['NO_COLOR'] = '1'
        good = folder / 'good.png'
        rng = np.random.default_rng(0)
        pixels = rng.integers(100, 200, (512, 512, 3), np.uint8)
        Image.fromarray(pixels).save(good)
        run = ('--mpp', '1', '--whole', '--output')
        out = folder / 'out'
        for path in images(folder):
            answer(path.name, 'predict', path, *run, out)
        (folder / 'models').mkdir()
        for path in models(folder / 'models'):
            answer(path.name, 'predict', good, '--model', path, *run, out)
        table = folder / 'data.csv'
        table.write_text('image,label\ngone.png,a\nlost.png,b\ngood.png,b\n')
        answer('missing files', 'train', table, '--output', out / 'run')
        answer('output is a file', 'predict', good, *run, table)
        answer('unwritable', 'predict', good, *run, '/proc/nowhere')
        with full_disk(folder / 'disk') as disk:
            if disk is not None:
                answer('full disk', 'predict', good, *run, disk / 'out')


if __name__ == '__main__':
    main()
