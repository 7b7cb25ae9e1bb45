"""Addresses of MLflow's pages below its host, and the tag that a page shows as its description."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote

from tasks.tracking.candidate_runs import ParentRun

NOTE = "mlflow.note.content"
# Without the type, a page opens with the menu for language models.
_PAGE_TYPE = "workflowType=machine_learning"


def run_page(run: ParentRun) -> str:
    """Return the page of a run."""
    return f"#/experiments/{run.experiment_id}/runs/{run.run_id}"


def artifact_page(run: ParentRun, path: str) -> str:
    """Return the page of a run's file or folder."""
    return f"{run_page(run)}/artifacts/{quote(path)}"


def compare_page(experiment_id: str, run_ids: Sequence[str]) -> str:
    """Return the page that compares runs."""
    ids = json.dumps(list(run_ids), separators=(",", ":"))
    return f"/#/compare-runs?runs={quote(ids)}&experiments={quote(json.dumps([experiment_id]))}&{_PAGE_TYPE}"


def model_page(name: str, version: str = "") -> str:
    """Return the page of a registered model, or of one of its versions."""
    return f"#/models/{quote(name)}" + (f"/versions/{version}" if version else "")
