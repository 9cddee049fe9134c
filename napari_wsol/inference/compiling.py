"""The network compiled for this machine, where the user says so.

Fused kernels change the last bits of what it says. On two CPU cores they make
the network alone faster by a tenth, and a run, which also reads and writes,
not at all (``docs/results.md``). The first time on a machine costs the better
part of a minute; after that its kernels lie in the cache.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from napari_wsol.models.localizer import Glance, Localizer
from napari_wsol.settings import cache_folder


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
