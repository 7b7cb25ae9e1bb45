"""Addresses of MLflow's pages below its host, and the tag that a page shows as its description."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from evenhand.problem import LOWER_IS_BETTER
from tasks.tracking.candidate_runs import ParentRun

NOTE = "mlflow.note.content"
# Without the type, a page opens with the menu for language models.
_PAGE_TYPE = "workflowType=machine_learning"


def run_page(run: ParentRun) -> str:
    """Return the page of a run."""
    return f"{_run(run)}?{_PAGE_TYPE}"


def artifact_page(run: ParentRun, path: str) -> str:
    """Return the page of a run's file or folder."""
    return f"{_run(run)}/artifacts/{quote(path)}?{_PAGE_TYPE}"


def compare_page(experiment_id: str, run_ids: Sequence[str]) -> str:
    """Return the page that compares runs."""
    ids = json.dumps(list(run_ids), separators=(",", ":"))
    return f"/#/compare-runs?runs={quote(ids)}&experiments={quote(json.dumps([experiment_id]))}&{_PAGE_TYPE}"


def charts_page(experiment_id: str, training: str, metric: str) -> str:
    """Return the page with a training's candidates in charts, the best by a metric first."""
    wanted = {
        "workflowType": "machine_learning",
        "searchFilter": f"tags.training = '{training}' and tags.kind = 'candidate'",
        "orderByKey": f"metrics.`oof_{metric}`",
        "orderByAsc": str(metric in LOWER_IS_BETTER).lower(),
        "compareRunsMode": "CHART",
    }
    return f"#/experiments/{experiment_id}/runs?{urlencode(wanted, quote_via=quote)}"


def model_page(name: str, version: str = "") -> str:
    """Return the page of a registered model, or of one of its versions."""
    return f"#/models/{quote(name)}" + (f"/versions/{version}" if version else "")


def _run(run: ParentRun) -> str:
    return f"#/experiments/{run.experiment_id}/runs/{run.run_id}"
