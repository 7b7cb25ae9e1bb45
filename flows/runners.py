"""Runners: where the units of a training run. Each is a Prefect task whichever it is, and the digits are the same.

Those of a ``distributed`` model alone depend on how many workers share its rows.
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
from tasks.training.run import Training

# A worker process takes 2 CPU seconds to start. On fewer rows fits are so short that this costs more than it gains.
ROWS_FOR_PROCESSES = 20_000


def units_at_once() -> int:
    """Count the units that are on their way together: as many as cores, or what a Dask cluster is asked for."""
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


class Runner:
    """What runs the units of one training. A context manager, which ends every process it started.

    Parameters
    ----------
    name : {"auto", "threads", "processes", "dask"} or None
        ``auto`` is processes from 20,000 training rows on, and threads below; None is what the environment says.
    training : Training
    """

    def __init__(self, name: RunnerName | None, training: Training) -> None:
        self._name = name or settings().runner
        self._training = training
        self._stack = ExitStack()
        self._workers: Workers | DaskWorkers | None = None

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def workers(self, parts: Parts) -> tuple[Workers | DaskWorkers | None, Parts]:
        """Return the processes that units run in, and the parts as they share them with this one.

        There are no processes where units run in the threads of this one.

        Raises
        ------
        ClusterError
            When the Dask cluster that is asked for can't be used.
        """
        if self._workers is None and self._name == "dask":
            if not settings().dask_address:
                raise ClusterError("runner dask needs EVENHAND_DASK_ADDRESS, such as tcp://10.0.0.5:8786; it is empty")
            self._workers = self._stack.enter_context(DaskWorkers(settings().dask_address))
        enough = parts.train.rows >= ROWS_FOR_PROCESSES
        if self._workers is None and (self._name == "processes" or (self._name == "auto" and enough)):
            folder = self._training.folder / "units" / "shared"
            self._workers = self._stack.enter_context(Workers(cores(), folder, self._training.say))
        shared = self._workers.shared if self._workers else None
        return self._workers, parts.model_copy(update={"shared": shared})
