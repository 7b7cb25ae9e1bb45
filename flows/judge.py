"""Judge: the gate on a version whose verdict was an error, without a training. ``python -m flows.judge --help``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from evenhand.errors import GateError
from evenhand.problem.presets import Preset
from evenhand.text.printable import printable
from tasks.data.problems import load_problem
from tasks.local.command_line import run_command
from tasks.review.judge import judge_again


class JudgeRequest(BaseModel):
    """Judge a registered version again on the held-out rows of its training; a verdict that stands is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str = Field(default="toronto", description="a name in problems/, or the path of a YAML file")
    preset: Preset = Field(default="standard", description="of the training that registered the version")
    version: str | None = Field(default=None, pattern=r"^\d+$", description="the challenger if not given")


def judge(request: JudgeRequest) -> None:
    """Print the verdict.

    Raises
    ------
    GateError
        After printing, when the verdict is an error once more.
    """
    version, verdict, status = judge_again(load_problem(request.problem), request.preset, request.version)
    lines = [f"Verdict on {version.name} version {version.version}: {verdict.outcome}"]
    print(
        printable("\n".join([*lines, *(f"  - {reason}" for reason in verdict.reasons), status]), lines=True), flush=True
    )
    if verdict.outcome == "error":
        raise GateError(" ".join(verdict.reasons))


if __name__ == "__main__":
    run_command(JudgeRequest, judge)
