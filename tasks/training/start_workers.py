"""Start the workers that RUNNER names. A unit is a Prefect task with any of them, and its results are identical.

Only those of a ``distributed`` model depend on how many workers share its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType

from evenhand.errors import ProblemError
from evenhand.training.candidates import Candidate
from tasks.data.partition import Parts
from tasks.processes.pool import Workers
from tasks.settings import RunnerName, cores, settings
from tasks.training.dask.cluster import ClusterError, DaskWorkers
from tasks.training.training import Training

# A worker process takes 2 CPU seconds to start. On fewer rows fits are so short that this costs more than it gains.
ROWS_FOR_PROCESSES = 20_000


def units_at_once() -> int:
    """Count the units that are in hand together: one per core, or as many as a Dask cluster may be given."""
    return max(cores(), settings().dask_units) if settings().dask_address else cores()


def check_runner(name: RunnerName | None, grid: Sequence[Candidate]) -> None:
    """Refuse a distributed model where there is no cluster to fit it.

    Raises
    ------
    ProblemError
    """
    runner = name or settings().runner
    distributed = next((candidate.model.name for candidate in grid if candidate.model.distributed), None)
    if distributed is not None and runner != "dask":
        raise ProblemError(
            f"models: {distributed} is `distributed`: it is fitted by a Dask cluster, with RUNNER=dask and "
            f"EVENHAND_DASK_ADDRESS; found runner {runner!r}"
        )


class WorkerStarter:
    """Starts what runs the units of one training, and ends it. A context manager.

    Parameters
    ----------
    name : {"auto", "threads", "processes", "dask"} or None
        ``auto`` is processes from 20,000 training rows on, and threads below; None takes EVENHAND_RUNNER.
    training : Training
    """

    def __init__(self, name: RunnerName | None, training: Training) -> None:
        self._name = name or settings().runner
        self._training = training
        self._stack = ExitStack()
        self._workers: Workers | DaskWorkers | None = None

    def __enter__(self) -> WorkerStarter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def start(self, parts: Parts) -> tuple[Workers | DaskWorkers | None, Parts]:
        """Start the workers for these rows.

        Returns
        -------
        Workers, DaskWorkers or None
            None where units run in the threads of this process.
        Parts
            With the folder through which the workers share rows.

        Raises
        ------
        ClusterError
            When the Dask cluster that is asked for can't be used.
        """
        workers: Workers | DaskWorkers
        if self._name == "dask":
            if not settings().dask_address:
                raise ClusterError("runner dask needs EVENHAND_DASK_ADDRESS, such as tcp://10.0.0.5:8786; it is empty")
            workers = DaskWorkers(settings().dask_address)
        elif self._name == "processes" or (self._name == "auto" and parts.train.rows >= ROWS_FOR_PROCESSES):
            workers = Workers(cores(), self._training.folder / "units" / "shared", self._training.say)
        else:
            return None, parts
        self._workers = workers
        self._stack.enter_context(workers)
        return workers, parts.model_copy(update={"shared": workers.shared})

    def end_processes(self) -> None:
        """End worker processes of this machine once all units are done: the registration and the gate load models."""
        if isinstance(self._workers, Workers):
            self._workers.end_processes()
