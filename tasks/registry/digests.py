"""What an approval is bound to: digests of the model, its data, the problem, the policy, the verdict and its report."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evenhand.audit.chain import sha256
from evenhand.errors import EvenhandError, ProblemError
from evenhand.problem import REVIEW_KEYS, Problem
from tasks.data.problems import load_problem
from tasks.registry.client import connect
from tasks.registry.model_versions import COMPARED_WITH, IDENTITY, TRAINED_BY, VERDICT_JSON

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CONFIG, POLICY = "config_sha256", "policy_sha256"
GATE_REPORT = "gate_report.html"
DATA_DIGESTS = ("data_sha256", "train_sha256", "holdout_sha256")
_DESCRIPTIVE_FIELDS = {"source", "title", "about", "licence"}


def version_facts(client: MlflowClient, version: ModelVersion) -> dict[str, str]:
    """Read the current facts of a version that a review is bound to.

    Raises
    ------
    EvenhandError
        When the files of the model can't be fetched.
    """
    tags = version.tags
    return {
        "identity": tags.get(IDENTITY, ""),
        "trained_by": tags.get(TRAINED_BY, ""),
        "compared_with": tags.get(COMPARED_WITH, ""),
        "verdict_sha256": text_sha256(tags.get(VERDICT_JSON, "")),
        "model_sha256": _model_sha256(version.name, str(version.version)),
        "gate_report_sha256": _report_sha256(client, version.run_id),
        **{name: tags.get(name, "") for name in (*DATA_DIGESTS, CONFIG, POLICY)},
    }


def problem_digests(problem: Problem) -> dict[str, str]:
    """Hash what a problem trains, and the gate and review rules for a promotion."""
    rules = {"gate": problem.gate.model_dump(mode="json"), "review": problem.review_policy.model_dump(mode="json")}
    trained = problem.model_dump(mode="json", exclude={*_DESCRIPTIVE_FIELDS, *REVIEW_KEYS, "gate"})
    return {CONFIG: sha256(trained), POLICY: sha256(rules)}


def problem_file_digests(problem_name: str) -> dict[str, str]:
    """Hash the parts of a problem file; empty when there is no file of that name."""
    try:
        return problem_digests(load_problem(problem_name))
    except ProblemError:
        return {}


def changed_facts(filed: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Name the facts that differ from those of the request; a report written after the request is not compared."""
    differ = [name for name in now if name != "gate_report_sha256" and filed.get(name, "") != now[name]]
    if filed.get("gate_report_sha256") and filed["gate_report_sha256"] != now.get("gate_report_sha256"):
        differ.append("gate_report_sha256")
    return [name.removesuffix("_sha256").replace("_", " ") for name in differ]


def text_sha256(text: str) -> str:
    """Return the SHA-256 of a text, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _model_sha256(name: str, version: str) -> str:
    connect()
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    digest = hashlib.sha256()
    with tempfile.TemporaryDirectory() as target:
        try:
            folder = Path(download_artifacts(artifact_uri=f"models:/{name}/{version}", dst_path=target))
        except (MlflowException, OSError) as error:
            raise EvenhandError(f"the files of {name} version {version} can't be fetched: {error}") from error
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "registered_model_meta"):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()


def _report_sha256(client: MlflowClient, run_id: str | None) -> str:
    if not run_id or all(found.path != GATE_REPORT for found in client.list_artifacts(run_id)):
        return ""
    with tempfile.TemporaryDirectory() as target:
        return hashlib.sha256(Path(client.download_artifacts(run_id, GATE_REPORT, target)).read_bytes()).hexdigest()
