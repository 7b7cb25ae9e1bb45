"""Train: from a data set to a registered, judged model. ``python -m flows.train --help``."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel, ConfigDict, Field

from evenhand.errors import GateError
from evenhand.features.anomaly import check_features
from evenhand.models import check_models
from evenhand.problem import Problem
from evenhand.problem.presets import Preset
from evenhand.training.candidates import fits, tuned_candidates
from evenhand.training.presets import preset_candidates, preset_stacking
from evenhand.training.tuning import asked_to_tune, check_spaces
from flows.commands import run_command
from flows.grid import Fitting, draw_all, drawn_fits, log_all, say_costs, wait_all
from flows.race import run_race
from flows.runners import Runner, check_runner, units_at_once
from flows.stacking import refit_all, stack_best
from flows.tuned import run_studies
from tasks.data.balance import balance
from tasks.data.ingest import ingest
from tasks.data.problems import load_problem
from tasks.data.split import split
from tasks.data.validate_task import start_ahead, validate
from tasks.gate.judge import judge
from tasks.reporting.finish import finish, log_inputs, write_comparison
from tasks.review.request_review import request_review
from tasks.settings import RunnerName
from tasks.training.compare import compare
from tasks.training.evaluate import choose, evaluate_all, score_all, winning_ending
from tasks.training.leak_check import find_leaks
from tasks.training.register import register_winner
from tasks.training.run import open_training
from tasks.training.transfer_data import borrow, borrows, check_elsewhere
from tasks.training.units import fold_numbers

QUICK_FOLDS = 3


class TrainRequest(BaseModel):
    """Train every candidate of a problem, compare them, register the winner and judge it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str = Field(default="toronto", description="a name in problems/, or the path of a YAML file")
    data: str | None = Field(
        default=None, description="a CSV or Parquet file, or a glob, in the place of the problem's own source"
    )
    preset: Preset = Field(
        default="standard",
        description="standard: the problem's own grid; full: with it, every strategy there is; quick: the grid on a "
        "sample of the training rows and three folds, for a first look, with an experiment and a registered model of "
        "its own",
    )
    seed: int = Field(default=42, ge=0, description="of folds, samplers and models")
    tune: bool = Field(default=False, description="tune what the problem's `tuning` names, too")
    runner: RunnerName | None = Field(
        default=None,
        description="where fits run: threads, processes (one a core), dask (EVENHAND_DASK_ADDRESS), or auto, which is "
        "processes from 20,000 training rows on; unset means EVENHAND_RUNNER, or auto. The result is the same, but "
        "for a model that is `distributed`",
    )
    clear_cache: bool = Field(default=False, description="fetch the data and build the balanced sets anew")


# Imports of seconds, which `--help` and a refusal need not wait for.
LARGE = ("mlflow.store.tracking.sqlalchemy_store", "mlflow.sklearn", "skops.io")


def import_ahead() -> None:
    """Import what the steps will ask for, here and where the rows are validated."""
    start_ahead()
    for name in LARGE:
        import_module(name)


THREADS: Any = ThreadPoolTaskRunner(max_workers=units_at_once())  # Any: its type parameter is invariant


def read_problem(request: TrainRequest) -> Problem:
    """Read the problem and refuse what can be refused without its data."""
    problem = asked_to_tune(load_problem(request.problem, request.data), request.tune)
    grid = preset_candidates(problem, request.preset)
    check_models([candidate.model for candidate in grid])
    check_spaces(tuned_candidates(problem))
    check_features(problem.features)
    check_elsewhere(problem, grid)
    check_runner(request.runner, grid)
    return problem


@flow(name="train", flow_run_name="{request.problem} {request.preset}", log_prints=True, task_runner=THREADS)
def train(request: TrainRequest) -> dict[str, Any]:
    """Read as the list of the steps; returns the summary."""
    problem, seed, quick = read_problem(request), request.seed, request.preset == "quick"
    with open_training(problem, request.preset, seed) as training, Runner(request.runner, training) as runner:
        step = training.step
        snapshot = step("ingest", f"fetch {problem.title}", ingest, problem, request.clear_cache)
        validated = step("validate", f"validate {snapshot.rows:,} rows", validate, snapshot, problem)
        sample = problem.quick_rows if quick else None
        parts = step("split", f"split {validated.good.rows:,} good rows", split, validated.good, problem, sample, seed)
        workers, parts = runner.workers(parts)  # processes, which import meanwhile
        balanced = step("balance", "balance the training rows", balance, parts, problem, request.clear_cache)
        log_inputs(training, problem, snapshot, validated, parts, balanced)

        grid = preset_candidates(problem, request.preset, parts.share)
        if borrows(grid):
            doing = "fetch the rows that models begin on"
            parts = step("elsewhere", doing, borrow, training, parts, problem, grid, request.clear_cache)
        folds = fold_numbers(parts, problem, seed)[: QUICK_FOLDS if quick else None]
        fitting = Fitting(training, workers, parts, problem, seed)
        say_costs(fitting, request.preset, fits(grid), folds)
        if problem.tuning:  # there where the training was asked to tune
            doing = "tune, on the training rows of each fold and on all of them"
            grid += step("tune", doing, run_studies, fitting, tuned_candidates(problem, parts.share), folds)
        doing = f"fit {len(grid)} candidates on {len(folds)} folds of {parts.train.rows:,} rows"
        racing, stacking = problem.racing and not quick, preset_stacking(problem, request.preset) is not None
        inner, stopped = step("cross_validate", doing, run_race, fitting, grid, folds, racing, stacking)
        scored = step("evaluate", "score them out of fold", evaluate_all, parts, problem, seed, grid, inner, stopped)
        stacked = step("stack", "stack the best", stack_best, training, parts, problem, request.preset, seed, scored)
        if stacked is not None:
            scored, inner = [*scored, *stacked.results], {**inner, stacked.candidate.fit_name: list(stacked.units)}
        winner = choose(problem, scored)

        finalists = [fit for fit in fits(grid) if fit.fit_name not in stopped]
        doing = f"{winner.name} wins: refit {len(finalists)} on all training rows, judge on {parts.holdout.rows:,}"
        ending = winning_ending(parts, problem, seed, winner, inner[winner.fit_name])
        whole, outer = step("refit", doing, refit_all, fitting, winner, ending, finalists, stacked)
        drawing = draw_all(fitting, scored, outer, drawn_fits(scored, winner, problem, request.preset))
        results = step("score", "score them all", score_all, parts, problem, seed, scored, outer)
        proven = (training, validated.good, parts, problem, seed, results)
        leaks = step("leak_sentinel", "look for leaks", find_leaks, *proven)
        logs = log_all(training, problem, seed, results, drawing)  # meanwhile
        doing = "find out what helps, and how sure that is"
        evidence = step("compare", doing, compare, parts, problem, seed, results, training.folder)
        step("log", "log every candidate", wait_all, [*drawing.values(), *logs])
        write_comparison(training, problem, results, evidence)

        args = (training, problem, request.preset, seed, snapshot, parts, winner, whole, leaks)
        registered = step("register", "register the winner", register_winner, *args)
        verdict = step("gate", "judge it against the champion", judge, problem, parts.holdout, registered)
        status = step("review", "request a review", request_review, problem, registered, verdict)
        outcome = (results, evidence, winner, leaks, registered, verdict, status)
        summary = finish(training, problem, request.preset, seed, snapshot, validated, parts, *outcome)
        if verdict.outcome == "error":
            raise GateError(" ".join(verdict.reasons))
        return summary


if __name__ == "__main__":
    run_command(TrainRequest, train, check=read_problem, meanwhile=import_ahead)
