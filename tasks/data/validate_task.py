"""Validate: a snapshot's rows are checked, in a process that goes afterwards where there are many of them."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand.data.references import Reference
from evenhand.problem import Problem
from tasks.data.validation import Validated, validated
from tasks.processes.pool import Workers

# Its library holds 150 MB to the end of the process that imports it; checks take three times the memory of the rows.
ROWS_APART = 100_000
IMPORTS = ("tasks.data.validation", "tasks.data.suites_loaded")

_ahead: list[Workers] = []


def start_ahead() -> None:
    """Start the process of the next validation now: it imports for five seconds, while others do something else."""
    _ahead.append(_process().__enter__())


@task(name="validate", cache_policy=NO_CACHE)
def validate(snapshot: Reference, problem: Problem) -> Validated:
    """Run the problem's suite on a snapshot, as :func:`tasks.data.validation.validated` does.

    Raises
    ------
    ValidationFailed
        As there.
    WorkerEnded
        When its process ended over it, twice.
    """
    if not _ahead and snapshot.rows < ROWS_APART:
        return validated(snapshot, problem)
    with _ahead.pop() if _ahead else _process() as process:
        return process.run(f"validation of {problem.name}", validated, snapshot, problem)


def _process() -> Workers:
    return Workers(1, None, print, IMPORTS, advice="or give it fewer rows")
