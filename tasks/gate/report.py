"""The gate report of a version: made here, and logged to the run of its training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evenhand.audit.chain import Record
from evenhand.audit.review_state import Promoted
from evenhand.gate.verdict import Case, Verdict
from evenhand.problem import Problem
from evenhand.report.gate.page import gate_report
from evenhand.report.gate.verdict_view import About, Change
from evenhand.report.gate.version_note import version_note
from tasks.registry.model_versions import DESCRIPTION_LENGTH, in_one_line, now, tag_version
from tasks.tracking.candidate_runs import parent_run
from tasks.tracking.pages import artifact_page, run_page
from tasks.tracking.training_runs import GATE_REPORT

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CONFIG = "problem.json"
REPORT_TAG, REPORT_SHA256 = "gate_report", "gate_report_sha256"
# Tags that record what a version was made from; others record what the registry did with it.
MADE_FROM = ("winner", "preset", "seed", "synthetic", "data_sha256", "train_sha256", "holdout_sha256")


@dataclass(frozen=True, eq=False)
class Contenders:
    """What a verdict is about: the version, the champion if there is one, and their predictions."""

    version: ModelVersion
    champion: Promoted | None
    digest: str
    registration: Record | None = None
    """Of the version; None when it has none, or it could not be read."""
    champion_facts: Mapping[str, str] = field(default_factory=dict)
    """Of the champion's training; empty where they are not known."""
    champion_verdict: Record | None = None
    """The verdict on which the champion was promoted; None for none, and for a sealed one."""
    case: Case | None = None

    @property
    def compared_with(self) -> str:
        """Version of the champion, or empty for none."""
        return self.champion.version if self.champion else ""


def write_report(client: MlflowClient, problem: Problem, verdict: Verdict, contenders: Contenders) -> None:
    """Log the report and the problem to the training's run, and link the report from the version."""
    version = contenders.version
    if not version.run_id:
        return
    client.log_dict(version.run_id, problem.model_dump(mode="json"), CONFIG)
    about = _about(client, problem, contenders)
    page = gate_report(verdict, about, _details(contenders.case, problem) if verdict.evaluation else None)
    client.log_text(version.run_id, page, GATE_REPORT)
    run = parent_run(version.run_id)
    files = {"gate report": GATE_REPORT, "model card": "model_card.html", "report of the training": "report.html"}
    links = {name: artifact_page(run, file) for name, file in files.items()} | {"training": run_page(run)}
    case = contenders.case if verdict.evaluation else None
    text = version_note(verdict, links, case, DESCRIPTION_LENGTH)
    client.update_model_version(version.name, version.version, description=text)
    digest = hashlib.sha256(page.encode()).hexdigest()
    tags = {REPORT_TAG: f"runs:/{version.run_id}/{GATE_REPORT}", REPORT_SHA256: digest}
    tag_version(client, version.name, str(version.version), tags)


def _details(case: Case | None, problem: Problem) -> Any:
    from evenhand.report.gate.details import describe

    return None if case is None else describe(case, problem.gate)


def _about(client: MlflowClient, problem: Problem, contenders: Contenders) -> About:
    version, champion = contenders.version, contenders.champion
    changes, alike, fault = _changes(client, version, champion)
    return About(
        problem=problem.title,
        model=version.name,
        version=str(version.version),
        champion=contenders.compared_with,
        judged_at=now(),
        case=contenders.digest,
        policy=problem.gate,
        synthetic=problem.synthetic,
        changes=changes,
        alike=alike,
        not_compared=fault,
        held_out=problem.split.holdout.text,
    )


def _changes(
    client: MlflowClient, version: ModelVersion, champion: Promoted | None
) -> tuple[tuple[Change, ...], int, str]:
    """Compare the recorded tags, parameters and problems of both trainings."""
    if champion is None:
        return (), 0, ""
    before, fault = _recorded(client, client.get_model_version(version.name, champion.version))
    after, _ = _recorded(client, version)
    if fault:
        after = {name: value for name, value in after.items() if not name.startswith("problem.")}
    names = list(dict.fromkeys((*after, *before)))
    changed = [name for name in names if before.get(name) != after.get(name)]
    found = tuple(Change(name, before.get(name, "not set"), after.get(name, "not set")) for name in changed)
    return found, len(names) - len(changed), fault


def _recorded(client: MlflowClient, version: ModelVersion) -> tuple[dict[str, str], str]:
    recorded = {name: version.tags[name] for name in MADE_FROM if name in version.tags}
    fault = ""
    if version.run_id:
        run = client.get_run(version.run_id)
        recorded |= {name: value for name, value in run.data.params.items() if name not in recorded}
        recorded |= {"code": run.data.tags["code"]} if "code" in run.data.tags else {}
        try:
            recorded |= {f"problem.{name}": value for name, value in _flat(_config(client, version.run_id)).items()}
        except Exception as error:  # noqa: BLE001 - an older training logged no problem; the page shows this
            fault = f"The problem file of version {version.version} was not logged: {in_one_line(error)}"
    return recorded, fault


def _config(client: MlflowClient, run_id: str) -> Mapping[str, Any]:
    from mlflow.artifacts import load_dict

    location = client.get_run(run_id).info.artifact_uri
    found: Mapping[str, Any] = load_dict(f"{location}/{CONFIG}")
    return found


def _flat(config: Any, path: str = "") -> dict[str, str]:
    """Name every leaf by its path.

    Examples
    --------
    >>> _flat({"gate": {"margin": 0.01}, "strategies": ["none"]})
    {'gate.margin': '0.01', 'strategies': '["none"]'}
    """
    if isinstance(config, Mapping) and config:
        parts = (_flat(value, f"{path}.{key}" if path else str(key)) for key, value in config.items())
        return {name: value for part in parts for name, value in part.items()}
    return {path: config if isinstance(config, str) else json.dumps(config)}
