"""The network compiled for this machine, where that pays for itself.

Fused kernels make a network faster by a fifth or so on a CPU
(``docs/results.md``), and change the last bits of what it says. The first
time on a machine costs the better part of a minute; after that its kernels
lie in the cache.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from napari_wsol.models.localizer import Glance, Localizer
from napari_wsol.settings import cache_folder

PAYS_FROM = 400.0
"""Working megapixels per core; for fewer, compiling takes longer than it
saves the first time."""

_COMPILERS = ('g++', 'clang++')


@dataclass(frozen=True)
class Looks:
    """How a network is asked; see ``models.localizer.Localizer``.

    Parameters
    ----------
    glance
        From network, images and whether to classify.
    seen_apart
        From network, images, the classifier's maps of them, and a mask.
    """

    glance: Callable[[Localizer, Tensor, bool], Glance]
    seen_apart: Callable[[Localizer, Tensor, Tensor, Tensor], Tensor]


def _glance(network: Localizer, images: Tensor, classify: bool) -> Glance:
    return network.glance(images, classify=classify)


def _seen_apart(
    network: Localizer, images: Tensor, whole: Tensor, mask: Tensor
) -> Tensor:
    return network.seen_apart(images, whole, mask)


PLAIN = Looks(_glance, _seen_apart)


@cache
def compiled_looks() -> Looks:
    """The looks that compile themselves when they are first used.

    That raises what torch, or the machine's compiler, has to complain of.
    """
    # Read when torch's compiler is first loaded. One process compiles: more
    # would each take the memory of a whole torch.
    os.environ.setdefault(
        'TORCHINDUCTOR_CACHE_DIR', str(cache_folder() / 'compiled')
    )
    os.environ.setdefault('TORCHINDUCTOR_COMPILE_THREADS', '1')
    return Looks(
        torch.compile(_glance, dynamic=False),
        torch.compile(_seen_apart, dynamic=False),
    )


def pays_off(device: torch.device, megapixels: float) -> bool:
    """Whether a run is long enough to have the network compiled for it.

    Only on CPUs with a C++ compiler beside them: elsewhere it is done where
    the user says so.

    Parameters
    ----------
    megapixels
        Of the working image, all that the run computes.
    """
    cores = torch.get_num_threads()
    return (
        device.type == 'cpu'
        and megapixels >= PAYS_FROM * cores
        and can_compile(device)
    )


def can_compile(device: torch.device) -> bool:
    """Whether what compiling needs is installed, as far as one can see."""
    named = os.environ.get('CXX')
    compilers = (named,) if named else _COMPILERS
    if not any(map(shutil.which, compilers)):
        return False
    return device.type != 'cuda' or bool(importlib.util.find_spec('triton'))
