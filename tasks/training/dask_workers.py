"""Units on an existing Dask cluster: references go out, probabilities come back through the store."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from sklearn.base import ClassifierMixin
from threadpoolctl import threadpool_limits

from evenhand.errors import EvenhandError
from evenhand.strategies import TrainingRows
from tasks.processes.turn_lock import Turns
from tasks.settings import settings
from tasks.storage.store import open_store
from tasks.training.context import TrainingContext
from tasks.training.dask_lightgbm import fit_together
from tasks.training.run import code_hash
from tasks.training.units import Unit

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 30


class ClusterError(EvenhandError):
    """A Dask cluster can't be used, or is not fit for this training."""


class Place(NamedTuple):
    """What a process would work with: the digits are the same only where these are."""

    store: str
    code: str


class Sent(NamedTuple):
    """A unit that was done elsewhere; its probabilities are an object of the store."""

    unit: Unit
    key: str | None
    sha256: str | None


def here() -> Place:
    """Tell what this process works with."""
    store = settings().store_uri
    return Place(store if "://" in store else str(Path(store).absolute()), code_hash())


class DaskWorkers:
    """A Dask cluster in the place of :class:`tasks.processes.pool.Workers`. A context manager.

    Dask runs a unit again whose worker ended, and gives it up after its own number of attempts.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://10.0.0.5:8786``.

    Raises
    ------
    ClusterError
        On entry: when nobody answers there, no worker is there, or one reads another store or runs other code.
    """

    shared: Path | None = None
    """Workers on other machines share no folder: each encodes a fold once for itself."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: Client | None = None
        self._turns = Turns()

    def __enter__(self) -> DaskWorkers:
        self._client = _connected(self._address)
        try:
            _check(self._address, self._client.run(here))
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close()  # what this training asked for and nobody waits for is forgotten there

    def run(self, what: str, function: Callable[..., Unit], work: TrainingContext, *args: object) -> Unit:
        """Run a unit on the cluster and fetch what it left.

        Parameters
        ----------
        what : str
            Names the unit for people, and in Dask's pages.
        function : callable
            :func:`tasks.training.units.run_unit`.
        work : TrainingContext
        *args
            Candidate and fold.

        Raises
        ------
        ClusterError
            When its workers ended over it again and again, or the scheduler is gone.
        """
        assert self._client is not None  # noqa: S101  entered
        name = f"{what}, {work.folder.name}, {uuid4().hex}"  # of a name that it has, Dask gives the result it has
        with self._turns.beside_others(), self._told(what):
            future = self._client.submit(done_elsewhere, function, work, *args, key=name, pure=False)
            sent: Sent = future.result()
        return fetched(sent, work)

    def together(self, model: ClassifierMixin, rows: TrainingRows) -> ClassifierMixin:
        """Fit a distributed model on every worker at once, with nothing beside it; see :func:`fit_together`.

        Raises
        ------
        ClusterError
            As :meth:`run` does.
        """
        assert self._client is not None  # noqa: S101  entered
        with self._turns.alone(), self._told("a distributed model"):
            return fit_together(self._client, model, rows)

    def drop(self, fold: int) -> None:
        """Do nothing: no rows are shared."""

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Say in our words how the cluster failed."""
        from distributed import CancelledError, KilledWorker
        from distributed.comm.core import CommClosedError

        try:
            yield
        except KilledWorker as error:
            raise ClusterError(f"{what}: its workers ended over it again and again: {error}") from None
        except (CancelledError, CommClosedError) as error:
            raise ClusterError(f"{what}: the Dask scheduler at {self._address} is gone: {error}") from None


def done_elsewhere(function: Callable[..., Unit], work: TrainingContext, *args: Any) -> Sent:
    """Run a unit in a process that has no folder in common with the training's."""
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(limits=1):
        unit = function(replace(work, folder=Path(folder)), *args)
        if unit.probabilities is None:
            return Sent(unit, None, None)
        within = unit.probabilities.relative_to(folder)
        data = unit.probabilities.read_bytes()
    key = f"units/{work.folder.name}/{within.relative_to('units').as_posix()}"
    open_store().put_bytes(data, key, overwrite=True)
    return Sent(replace(unit, probabilities=within), key, hashlib.sha256(data).hexdigest())


def fetched(sent: Sent, work: TrainingContext) -> Unit:
    """Bring a unit's probabilities into the training's folder and take them out of the store.

    Raises
    ------
    ClusterError
        When they are not what the worker wrote.
    """
    if sent.key is None or sent.unit.probabilities is None:
        return sent.unit
    store = open_store()
    data = store.local(sent.key).read_bytes()
    if hashlib.sha256(data).hexdigest() != sent.sha256:
        raise ClusterError(f"{store.uri(sent.key)} is not what the worker wrote: damaged, or written by another")
    path = work.folder / sent.unit.probabilities
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_bytes(data)
    partial.replace(path)
    store.delete(sent.key)
    return replace(sent.unit, probabilities=path)


def _connected(address: str) -> Client:
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError:
        raise ClusterError(
            "RUNNER=dask needs packages of its own: install the extra, pip install -e '.[dask]'"
        ) from None
    runner = DaskTaskRunner(address=address, client_kwargs={"timeout": CONNECT_SECONDS})
    try:
        return runner.client
    except (OSError, ValueError, TimeoutError) as error:
        raise ClusterError(f"no Dask scheduler answers at {address!r} (EVENHAND_DASK_ADDRESS): {error}") from None


def _check(address: str, places: dict[str, Place]) -> None:
    mine = here()
    if not places:
        raise ClusterError(f"the Dask scheduler at {address} has no worker: start some with `dask worker {address}`")
    for worker, place in sorted(places.items()):
        if Place(*place) != mine:
            what = "store (EVENHAND_STORE)" if place[0] != mine.store else "code"
            raise ClusterError(f"worker {worker} has another {what}: {Place(*place)}, and this training has {mine}")
