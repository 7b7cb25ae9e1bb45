"""Commands that run a flow: each answers before it loads its libraries, which takes seconds."""

from __future__ import annotations

from flows.requests import AnalyseRequest, TrainRequest
from tasks.data.problems import load_problem
from tasks.local.command_line import FlowCommand, run_flow

_THEN = "load the libraries, start Prefect"


def train() -> None:
    """Run the training command."""
    run_flow(TrainRequest, FlowCommand(_training, "flows.train", "train", "prepare"))


def analyse() -> None:
    """Run the command of the analysis."""
    run_flow(AnalyseRequest, FlowCommand(_analysis, "flows.analyse", "analyse", "prepare"))


def _training(request: TrainRequest) -> str:
    """Read the problem, which may be refused here already, and say what begins."""
    return f"Train on {load_problem(request.problem, request.data).title}: {_THEN}"


def _analysis(request: AnalyseRequest) -> str:
    return f"Analyse {load_problem(request.problem, request.data).title}: {_THEN}"
