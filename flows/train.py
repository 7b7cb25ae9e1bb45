"""Train: from a data set to a registered, judged model. ``python -m flows.train --help``."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports below, which take seconds
    import sys

    from flows.commands import train as command

    command()
    sys.exit()

from importlib import import_module
from typing import Any

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from evenhand.models import check_models
from evenhand.problem import Problem
from evenhand.problem.presets import registered_name
from evenhand.training.candidates import fits, tuned_candidates
from evenhand.training.presets import preset_candidates, preset_rows
from evenhand.training.tuning import asked_to_tune, check_spaces
from flows.requests import TrainRequest
from tasks.data.balance import balance
from tasks.data.ingest import ingest
from tasks.data.problems import load_problem
from tasks.data.split import split
from tasks.data.suites import Checker
from tasks.data.validate import validate
from tasks.gate.run_gate import run_gate
from tasks.registry.causes import answering
from tasks.registry.model_versions import model_name
from tasks.reporting.candidates import draw_all, log_all
from tasks.reporting.explain import explain_winner
from tasks.reporting.finish import finish, log_inputs, report_of_failure, write_comparison
from tasks.review.request_review import request_review
from tasks.training.compare import compare
from tasks.training.evaluate import evaluate_all, score_all
from tasks.training.grid import suit_grid
from tasks.training.leak_check import check_columns, find_leaks
from tasks.training.outcome import Compared, TrainingData, WinnerOutcome
from tasks.training.race import run_race
from tasks.training.register import register_winner
from tasks.training.stack import choose_winner, refit_all, stack_best
from tasks.training.start_workers import WorkerStarter, check_runner, units_at_once
from tasks.training.training import open_training
from tasks.training.transfer_data import add_transfer_data, check_transfer_data, needs_transfer_data
from tasks.training.tuning.tune import run_studies
from tasks.training.unit_runner import UnitRunner

# Imports that take seconds.
LARGE = ("mlflow.store.tracking.sqlalchemy_store", "mlflow.sklearn", "skops.io")


def prepare(request: TrainRequest) -> None:
    """Refuse what can be refused, and import what the steps need, while Prefect's server starts."""
    read_problem(request)
    Checker()
    for name in LARGE:
        import_module(name)


THREADS: Any = ThreadPoolTaskRunner(max_workers=units_at_once())  # Any: its type parameter is invariant


def read_problem(request: TrainRequest) -> Problem:
    """Read the problem and refuse what can be refused without its data."""
    problem = asked_to_tune(load_problem(request.problem, request.data), request.tune)
    grid = preset_candidates(problem, request.preset)
    check_models([candidate.model for candidate in grid])
    check_spaces(tuned_candidates(problem))
    check_transfer_data(problem, grid)
    check_runner(request.runner, grid)
    return problem


@flow(name="train", flow_run_name="{request.problem} {request.preset}", log_prints=True, task_runner=THREADS)
def train(request: TrainRequest) -> dict[str, Any]:
    """From rows to a judged version, step by step; returns the summary."""
    problem, preset, seed = read_problem(request), request.preset, request.seed
    answered = answering(model_name(registered_name(problem.name, preset)), request.cause)
    with (
        answered as outcome,
        open_training(problem, preset, seed, reuse=not request.no_reuse) as training,
        WorkerStarter(request.runner, training) as starter,
    ):
        step = training.step
        snapshot = step("ingest", f"fetch {problem.title}", ingest, problem, request.clear_cache)
        validated = step("validate", f"validate {snapshot.rows:,} rows", validate, snapshot, problem)
        parts = step("split", "split the good rows", split, validated.good, problem, preset_rows(problem, preset), seed)
        columns = step("columns", "check that no column gives the class alone", check_columns, training, parts)
        workers, parts = starter.start(parts)  # processes, which import meanwhile
        grid = preset_candidates(problem, preset, parts.share)
        if needs_transfer_data(grid):
            transfer = (add_transfer_data, training, parts, grid, request.clear_cache)
            parts = step("transfer_data", "fetch the rows that models begin on", *transfer)
        balanced = step("balance", "balance the training rows", balance, parts, problem, request.clear_cache)
        data = TrainingData(snapshot, validated, parts, balanced)
        log_inputs(training, data)

        context = training.context(parts)
        grid = suit_grid(training, context, grid)
        units = UnitRunner(training, context, workers)
        if problem.tuning:  # which is empty unless the training was asked to tune
            grid += step("tune", "tune, on each fold's training rows and on all", run_studies, units)
        doing = f"fit {len(grid)} candidates on {len(units.folds)} folds of {parts.train.rows:,} rows"
        fold_units, stopped = step("cross_validate", doing, run_race, units, grid)
        scored = step("evaluate", "score them out of fold", evaluate_all, context, grid, fold_units, stopped)
        stacked, scored, fold_units = step("stack", "stack the best", stack_best, units, scored, fold_units)
        winner, choice, bought = choose_winner(context, scored, stacked)
        finalists = [fit for fit in fits(grid) if fit.fit_name not in stopped]

        doing = f"{winner.name} wins: refit {len(finalists)} on all training rows, predict {parts.holdout.rows:,}"
        refitted, holdout_units = step("refit", doing, refit_all, units, winner, fold_units, finalists, stacked)
        drawing = draw_all(units, scored, holdout_units, winner)
        results = step("score", "score them on the held-out rows", score_all, context, scored, holdout_units)
        checked = (training, context, validated.good, results, columns)
        leaks = step("leak_sentinel", "look for leaks", find_leaks, *checked)
        evidence = step("compare", "find out what helps, and how sure that is", compare, context, results, choice)
        explanation = step("explain", "find out what the winner goes by", explain_winner, context, winner, refitted)
        compared = Compared(results, evidence, winner, choice, leaks, explanation, bought)
        with report_of_failure(training, data, compared):
            write_comparison(training, context, compared)
            step("log", f"log {len(results)} candidates", log_all, training, compared, drawing)
            starter.end_processes()
            register = (register_winner, training, data, winner, refitted, leaks)
            registered = step("register", "register the winner", *register)
            verdict = step("gate", "compare it with the champion", run_gate, problem, parts.holdout, registered)
            outcome |= {"version": registered.version, "verdict": verdict.outcome}
            status = step("review", "request a review", request_review, problem, registered, verdict)
        return finish(training, data, compared, WinnerOutcome(registered, verdict, status))
