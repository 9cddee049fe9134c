"""The cluster that options of the command line speak of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_wsol.errors import BadInputError

if TYPE_CHECKING:
    from napari_wsol.cohorts.cluster import Cluster, Tls
    from napari_wsol.inference.settings import DeviceChoice, MapChoice

GPU = 'GPU'
"""The resource that workers with a GPU offer, unless told otherwise."""


def cluster_of(
    address: str | None,
    workers: int | None,
    needs: list[str],
    certificates: dict[str, Path | None],
    device: DeviceChoice,
    *,
    split: bool,
    map_: MapChoice,
) -> Cluster | None:
    """The cluster to run on; None for this process.

    Parameters
    ----------
    needs
        ``NAME=AMOUNT`` texts. Without one, slides for CUDA need a worker
        that offers ``GPU=1``, except where the cluster is local.
    certificates
        Option -> file.
    split
        Whether slides are shared out, which only the localizer's map can be.

    Raises
    ------
    BadInputError
        Where options do not fit together.
    """
    if address is None:
        given = {
            '--workers': workers,
            '--resource': needs,
            '--split': split,
            **certificates,
        }
        for option, value in given.items():
            if value:
                raise BadInputError(
                    f'{option} speaks of a cluster: say with --cluster which '
                    'one ("local", or the address of a scheduler).'
                )
        return None
    if split and map_ != 'localizer':
        raise BadInputError(
            f'--map {map_} is stretched over a whole slide, which one worker '
            'has to see: leave out --split.'
        )
    from napari_wsol.cohorts.cluster import LOCAL, Cluster, require_distributed

    require_distributed()
    resources = dict(map(_resource, needs))
    if not resources and device == 'cuda' and address != LOCAL:
        resources = {GPU: 1.0}
    return Cluster(address, workers, resources, _tls(certificates), split)


def _resource(text: str) -> tuple[str, float]:
    name, equals, amount = text.partition('=')
    try:
        value = float(amount if equals else 1)
    except ValueError:
        value = 0.0
    if not name or not value > 0:
        raise BadInputError(
            f'--resource {text}: give a name and a number, as in GPU=1.'
        )
    return name, value


def _tls(certificates: dict[str, Path | None]) -> Tls | None:
    from napari_wsol.cohorts.cluster import Tls

    files = [path for path in certificates.values() if path is not None]
    if not files:
        return None
    if len(files) < len(certificates):
        missing = [name for name, path in certificates.items() if not path]
        raise BadInputError(
            f'{" and ".join(missing)} must be given, too: encryption needs '
            f'all of {", ".join(certificates)}.'
        )
    return Tls(*files)
