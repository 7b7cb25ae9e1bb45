"""Score: predict classes for the rows of a file with the champion. ``python -m flows.score --help``."""

from __future__ import annotations

from prefect import flow

from evenhand.text.printable import printable
from tasks.local.command_line import run_command
from tasks.scoring.score_file import ScoreRequest, ScoringResult
from tasks.scoring.score_file import score as score_file


@flow(name="score", flow_run_name="{request.problem}", log_prints=True)
def score(request: ScoreRequest) -> ScoringResult:
    """Score a file and print the path of the predictions."""
    result = score_file(request)
    _print(result)
    return result


def _at_terminal(request: ScoreRequest) -> None:
    _print(score_file.fn(request))


def _print(result: ScoringResult) -> None:
    counts = ", ".join(f"{printable(name)} {rows:,}" for name, rows in result.classes.items())
    print(f"{result.rows:,} rows scored by version {result.version} of {result.model}: {counts}")
    if result.not_scored:
        print(
            f"{result.not_scored:,} rows have a cell that can't be used: they get no class; column not_scored has the "
            "reason"
        )
    print(printable(result.path))


if __name__ == "__main__":
    # At a terminal no Prefect server is needed: the result is a JSON file next to the predictions.
    run_command(ScoreRequest, _at_terminal)
