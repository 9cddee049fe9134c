"""Which Dask cluster a cohort runs on, and the way to it."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_wsol.errors import BadInputError, WsolError

if TYPE_CHECKING:
    from distributed import Client, Security

LOCAL = 'local'
SCHEMES = ('tcp://', 'tls://')
CONNECT_SECONDS = 15

LOOPBACK = '127.0.0.1'


@dataclass(frozen=True)
class Tls:
    """Files, in PEM, with which both sides prove who they are."""

    ca: Path
    cert: Path
    key: Path


@dataclass(frozen=True)
class Cluster:
    """Where a cohort's slides are run.

    Parameters
    ----------
    address
        ``tcp://`` or ``tls://`` of a scheduler, the file that it wrote, or
        ``local`` for processes on this machine.
    workers
        Processes, where local; None takes one for every four cores.
    resources
        What a slide needs of a worker, as in ``{'GPU': 1}``.
    split
        Whether several workers share a slide, in blocks of tiles.

    Raises
    ------
    BadInputError
        Where these do not fit together.
    """

    address: str
    workers: int | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    tls: Tls | None = None
    split: bool = False

    def __post_init__(self) -> None:
        if self.workers is not None and not self.is_local:
            raise BadInputError(
                'The number of workers is that of the cluster at '
                f'"{self.address}": leave out --workers, or use --cluster '
                'local.'
            )
        if not self.is_local:
            self._require_scheduler()

    @property
    def is_local(self) -> bool:
        """Whether it is made for this cohort, on this machine."""
        return self.address == LOCAL

    def _require_scheduler(self) -> None:
        address = self.address
        if not address.startswith(SCHEMES):
            address = _address_in(Path(address))
        if self.tls is None:
            return
        if not address.startswith('tls://'):
            raise BadInputError(
                f'Certificates are of no use at "{address}", which is not '
                'encrypted. Start scheduler and workers with the same '
                'certificates and give the address that begins with tls://.'
            )
        for path in (self.tls.ca, self.tls.cert, self.tls.key):
            if not path.is_file():
                raise BadInputError(f'There is no file "{path}".')


def _address_in(file: Path) -> str:
    """What a scheduler wrote about itself."""
    try:
        return str(json.loads(file.read_text('utf-8'))['address'])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            f'"{file}" is no address of a Dask scheduler: give "local", '
            'tcp://HOST:8786, tls://HOST:8786, or the file that "dask '
            'scheduler --scheduler-file" wrote.'
        ) from error


def require_distributed() -> None:
    """See that Dask distributed is installed.

    Raises
    ------
    BadInputError
        Where it is not.
    """
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise BadInputError(
            'Running slides on a cluster needs Dask distributed, which is '
            'not installed: pip install "napari-wsol[cluster]"'
        ) from error


@contextmanager
def connected(cluster: Cluster) -> Iterator[Client]:
    """A connection to the cluster; a local one lives as long.

    Raises
    ------
    BadInputError
        Where ``distributed`` is missing, or the certificates are no good.
    WsolError
        Where no scheduler answers.
    """
    require_distributed()
    if cluster.is_local:
        with _local(cluster) as client:
            yield client
        return
    client = _remote(cluster)
    try:
        yield client
    finally:
        client.close()


def local_workers(cluster: Cluster) -> int:
    """How many processes a local cluster has."""
    from dask.system import CPU_COUNT

    return cluster.workers or max(1, CPU_COUNT // 4)


def threads_of(cluster: Cluster) -> int | None:
    """A local worker's share of the cores; None where others started it."""
    from dask.system import CPU_COUNT

    if not cluster.is_local:
        return None
    return max(1, CPU_COUNT // local_workers(cluster))


@contextmanager
def _local(cluster: Cluster) -> Iterator[Client]:
    """Processes that listen on the loopback interface only."""
    import dask
    from distributed import Client, LocalCluster

    with (
        dask.config.set({'distributed.worker.profile.enabled': False}),
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch,
        LocalCluster(
            n_workers=local_workers(cluster),
            threads_per_worker=1,
            host=LOOPBACK,
            dashboard_address=None,
            scheduler_kwargs={'dashboard_address': f'{LOOPBACK}:0'},
            memory_limit=0,  # batches follow the free memory already
            resources=dict(cluster.resources) or None,
            local_directory=scratch,
            preload=['napari_wsol.cohorts.deaf'],
            silence_logs=logging.CRITICAL + 1,
        ) as processes,
        Client(processes, set_as_default=False) as client,
    ):
        yield client


def _remote(cluster: Cluster) -> Client:
    from distributed import Client

    file = Path(cluster.address)
    is_file = not cluster.address.startswith(SCHEMES)
    address = _address_in(file) if is_file else cluster.address
    security = _security(cluster.tls)
    files = security.get_tls_config_for_role('client')
    if address.startswith('tls://') and not files['cert']:
        raise BadInputError(
            f'"{address}" is encrypted: give --tls-ca, --tls-cert and '
            '--tls-key, or put them into the configuration of Dask.'
        )
    try:
        return Client(
            address,
            security=security,
            timeout=CONNECT_SECONDS,
            set_as_default=False,
        )
    except OSError as error:
        raise WsolError(
            f'No Dask scheduler answers at "{address}" '
            f'({str(error).splitlines()[0]}). Check the address, that it '
            'runs, and, for tls://, that it has the same certificates.'
        ) from error


def _security(tls: Tls | None) -> Security:
    """As the files say, or else Dask's own configuration."""
    from distributed import Security

    if tls is None:
        return Security()
    return Security(
        require_encryption=True,
        tls_ca_file=str(tls.ca),
        tls_client_cert=str(tls.cert),
        tls_client_key=str(tls.key),
    )
