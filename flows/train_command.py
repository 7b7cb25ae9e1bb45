"""The training command: its first line comes before the libraries are loaded, which takes seconds."""

from __future__ import annotations

from flows.requests import TrainRequest
from tasks.data.problems import load_problem
from tasks.local.command_line import FlowCommand, run_flow


def first_line(request: TrainRequest) -> str:
    """Read the problem, which may be refused here already, and say what begins."""
    return f"Train on {load_problem(request.problem, request.data).title}: load the libraries, start Prefect"


def main() -> None:
    """Run the command."""
    run_flow(TrainRequest, FlowCommand(first_line, "flows.train", "train", "prepare"))
