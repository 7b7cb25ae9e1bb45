"""An existing Dask cluster as the runner of a training: units are sent by reference, probabilities come back."""

from __future__ import annotations

import tempfile
import threading
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
from tasks.settings import settings
from tasks.training.context import TrainingContext
from tasks.training.dask.distributed_fit import fit_distributed
from tasks.training.training import code_hash
from tasks.training.units import Unit

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 30
MOST_UNITS = 1_000  # in hand at a time; EVENHAND_DASK_UNITS limits them, far below this


class ClusterError(EvenhandError):
    """A Dask cluster can't be used, or is not fit for this training."""


class WorkerState(NamedTuple):
    """The store and the code of a process: where these are the same, so are the digits."""

    store: str
    code: str


class DaskWorkers:
    """A Dask cluster with the interface of :class:`tasks.processes.pool.Workers`. A context manager.

    Dask runs the unit of a worker that ended again, and gives it up after its own number of attempts.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://10.0.0.5:8786``.

    Raises
    ------
    ClusterError
        On entry: when no scheduler answers, it has no worker, or a worker reads another store or runs other code.
    """

    shared: Path | None = None
    """Workers on other machines share no folder: each reads the rows itself."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: Client | None = None
        # A unit takes one permit, a distributed fit all of them: it waits for the units that run, and they for it.
        self._door, self._permits = threading.Lock(), threading.Semaphore(MOST_UNITS)

    def __enter__(self) -> DaskWorkers:
        self._client = _connect(self._address)
        try:
            _check_workers(self._address, self._client.run(worker_state))
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close()  # the scheduler forgets what this training asked for

    def run(self, what: str, function: Callable[..., Unit], context: TrainingContext, *args: object) -> Unit:
        """Run a unit on the cluster and write its probabilities into the training's folder.

        Parameters
        ----------
        what : str
            Names the unit in messages and on Dask's pages.
        function : callable
            :func:`tasks.training.units.run_unit`.
        context : TrainingContext
        *args
            Candidate and fold.

        Raises
        ------
        ClusterError
            When its workers ended over it again and again, or the scheduler is gone.
        """
        assert self._client is not None  # noqa: S101 - set on entry
        name = f"{what}, {context.folder.name}, {uuid4().hex}"  # Dask keeps the result of a name: never the same twice
        with self._door:
            self._permits.acquire()
        try:
            with self._explained(what):
                unit, data = self._client.submit(run_remotely, function, context, *args, key=name, pure=False).result()
        finally:
            self._permits.release()
        return receive_probabilities(unit, data, context.folder)

    def together(self, model: ClassifierMixin, rows: TrainingRows) -> ClassifierMixin:
        """Fit a distributed model on all workers while no unit runs; see :func:`fit_distributed`.

        Raises
        ------
        ClusterError
            As :meth:`run` does.
        """
        assert self._client is not None  # noqa: S101 - set on entry
        with self._door, self._explained("a distributed model"):
            for _ in range(MOST_UNITS):
                self._permits.acquire()
            try:
                return fit_distributed(self._client, model, rows)
            finally:
                self._permits.release(MOST_UNITS)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn a failure of the cluster into one paragraph."""
        from distributed import CancelledError, KilledWorker
        from distributed.comm.core import CommClosedError

        try:
            yield
        except KilledWorker as error:
            raise ClusterError(f"{what}: its workers ended over it again and again: {error}") from None
        except (CancelledError, CommClosedError) as error:
            raise ClusterError(f"{what}: the Dask scheduler at {self._address} is gone: {error}") from None


def worker_state() -> WorkerState:
    """Return the store and the code that this process works with."""
    store = settings().store_uri
    return WorkerState(store if "://" in store else str(Path(store).absolute()), code_hash())


def run_remotely(function: Callable[..., Unit], context: TrainingContext, *args: Any) -> tuple[Unit, bytes | None]:
    """Run a unit in a process that shares no folder with the training.

    Returns
    -------
    Unit
        The path of its probabilities is relative to the training's folder.
    bytes or None
        The file of probabilities; None where nothing was fitted.
    """
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(limits=1):
        unit = function(replace(context, folder=Path(folder)), *args)
        if unit.probabilities is None:
            return unit, None
        return replace(unit, probabilities=unit.probabilities.relative_to(folder)), unit.probabilities.read_bytes()


def receive_probabilities(unit: Unit, data: bytes | None, folder: Path) -> Unit:
    """Write the probabilities of a unit that ran elsewhere into the training's folder."""
    if data is None or unit.probabilities is None:
        return unit
    path = folder / unit.probabilities
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_bytes(data)
    partial.replace(path)
    return replace(unit, probabilities=path)


def _connect(address: str) -> Client:
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


def _check_workers(address: str, states: dict[str, WorkerState]) -> None:
    mine = worker_state()
    if not states:
        raise ClusterError(f"the Dask scheduler at {address} has no worker: start some with `dask worker {address}`")
    for worker, state in sorted(states.items()):
        if WorkerState(*state) != mine:
            what = "store (EVENHAND_STORE)" if state[0] != mine.store else "code"
            raise ClusterError(
                f"worker {worker} has another {what}: {WorkerState(*state)}, and this training has {mine}"
            )
