"""Score: rows of a file get a class by the champion. ``python -m flows.score --help``."""

from __future__ import annotations

from prefect import flow

from tasks.local.command_line import run_command
from tasks.scoring.batch import Scored, ScoreRequest
from tasks.scoring.batch import score as score_rows


@flow(name="score", flow_run_name="{request.problem}", log_prints=True)
def score(request: ScoreRequest) -> Scored:
    """Score a file and say where the predictions are."""
    scored = score_rows(request)
    _tell(scored)
    return scored


def _at_terminal(request: ScoreRequest) -> None:
    _tell(score_rows.fn(request))


def _tell(scored: Scored) -> None:
    counts = ", ".join(f"{name} {rows:,}" for name, rows in scored.classes.items())
    print(f"{scored.rows:,} rows by version {scored.version} of {scored.model}: {counts}")
    if scored.not_scored:
        print(f"{scored.not_scored:,} rows have a cell that can't be read: no class, and the reason in not_scored")
    print(scored.path)


if __name__ == "__main__":
    # At a terminal this needs no Prefect server: what was scored is in the note beside the predictions.
    run_command(ScoreRequest, _at_terminal)
