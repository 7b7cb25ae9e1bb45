"""Analyse: where and when recorded crime is likely, and how sure that is. ``python -m flows.analyse --help``."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports below, which take seconds
    import sys

    from flows.commands import analyse as command

    command()
    sys.exit()

from importlib import import_module
from typing import Any

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from evenhand.problem import Problem
from flows.requests import AnalyseRequest
from tasks.analysis.events import make_events
from tasks.analysis.finish import finish_analysis
from tasks.analysis.session import open_analysis
from tasks.analysis.steps import forecast_counts, map_hotspots, survey_past
from tasks.data.ingest import ingest
from tasks.data.problems import load_problem
from tasks.data.suites import Checker
from tasks.data.validate import validate


def prepare(request: AnalyseRequest) -> None:
    """Refuse what can be refused, and import what the steps need, while Prefect's server starts."""
    read_problem(request)
    Checker()
    for name in ("mlflow.store.tracking.sqlalchemy_store", "lightgbm", "scipy.ndimage", "scipy.optimize"):
        import_module(name)


def read_problem(request: AnalyseRequest) -> Problem:
    """Read the problem."""
    return load_problem(request.problem, request.data)


# Two, whatever the machine has: there are two long steps. Any: its type parameter is invariant.
THREADS: Any = ThreadPoolTaskRunner(max_workers=2)


@flow(name="analyse", flow_run_name="{request.problem}", log_prints=True, task_runner=THREADS)
def analyse(request: AnalyseRequest) -> str:
    """From rows to the page; returns its path."""
    problem, seed = read_problem(request), request.seed
    asked = problem.analysis
    with open_analysis(problem, seed) as session:
        session.say(f"fetch {problem.title}")
        snapshot = ingest(problem, request.clear_cache)
        session.say(f"validate {snapshot.rows:,} rows")
        validated = validate(snapshot, problem)
        session.say("read times and places")
        stored = make_events(validated.good, problem)
        looked = survey_past(stored, asked, seed)
        session.say(f"judge methods on the past of {stored.rows.rows:,} events, and forecast")
        forecasts = forecast_counts.submit(stored, looked, asked, seed, session.progress)
        hotspots = map_hotspots.submit(stored, looked, asked, seed, session.progress)
        return finish_analysis(session, stored, looked, forecasts.result(), hotspots.result())
