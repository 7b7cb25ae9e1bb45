"""Deployments on a Prefect server with a worker: a training and its review, as an operator runs them."""

import hashlib
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from tasks.monitoring.ask import emit_request
from tasks.registry.ledger_text import open_ledger
from tasks.registry.model_versions import model_name
from tasks.settings import ROOT, settings
from tasks.tracking.client import connect
from tests.e2e.conftest import write_problem
from tests.e2e.deployed import deployed
from tests.edges.tiny_registry import MODEL, PROBLEM, TinyRegistry, log
from tests.edges.trust.keys import declared, key_file

FOLDERS = {"EVENHAND_HOME": "var", "EVENHAND_RUNS": "runs", "EVENHAND_PROBLEMS": "problems"}


@pytest.fixture(scope="module")
def server(tmp_path_factory, empty_stores):
    """Server, deployments and worker, started once for the module."""
    folder = tmp_path_factory.mktemp("deployed")
    shutil.copytree(empty_stores / "prefect", folder / "prefect")
    (folder / "var").mkdir()
    shutil.copy(empty_stores / "mlflow.db", folder / "var")
    stores = {name: str(folder / path) for name, path in FOLDERS.items()}
    with deployed(folder, **stores) as deployment:
        deployment.start_server()
        deployment.deploy()
        deployment.start_worker()
        yield deployment


@pytest.fixture(scope="module")
def trained(server):
    """A training by the worker, of a problem with two reviewers."""
    problem = write_problem(server.folder, reviewers=declared("Ann", "Bob"), four_eyes=False)
    run_id = server.start_run("train/train-weekly", problem=str(problem), seed=7)
    done = server.ended(run_id)
    assert done["state_type"] == "COMPLETED", (server.folder / "worker.log").read_text()
    return SimpleNamespace(problem=problem, run=done)


@pytest.fixture
def deployment(server, home, monkeypatch):
    """The server, with the settings of this process pointing at its stores and its API."""
    for name in FOLDERS:
        monkeypatch.setenv(name, server.environment[name])
    settings.cache_clear()
    with temporary_settings({PREFECT_API_URL: server.environment["PREFECT_API_URL"]}):
        yield server


def kinds(problem_name):
    return [record.kind for record in open_ledger(model_name(problem_name)).chain.verified()]


def test_deployments_have_their_schedules_and_limits(deployment):
    train = deployment.deployment("train/train-weekly")
    assert train["parameters"] == {"request": {"problem": "toronto"}}
    assert train["concurrency_options"]["collision_strategy"] == "ENQUEUE"
    assert train["global_concurrency_limit"]["limit"] == 1
    (schedule,) = train["schedules"]
    assert schedule["active"]
    assert schedule["schedule"]["cron"] == "0 3 * * 1"
    assert schedule["schedule"]["timezone"] == "America/Toronto"
    assert deployment.deployment("promote/review")["schedules"] == []


def test_a_worker_runs_a_training_and_logs_its_output(deployment, trained):
    summary = json.loads((settings().runs / "latest" / "summary.json").read_text())
    last = str(settings().runs / summary["id"] / "summary.json")
    messages = deployment.messages(trained.run["id"], last)
    assert (summary["problem"], summary["seed"]) == ("small", 7)
    assert trained.run["name"] == f"{trained.problem} standard"
    assert any("Baseline against resampled" in message for message in messages), messages
    assert messages.count(last) == 1
    (review,) = deployment.flow_runs("promote")
    assert any("waits for a review" in message and review["id"] in message for message in messages)


def test_a_review_survives_killed_processes_and_needs_the_signature_of_the_reviewer(deployment, trained):
    (run,) = deployment.flow_runs("promote")
    deployment.suspended(run["id"])

    deployment.kill()
    deployment.start_server()
    deployment.start_worker()
    shown = deployment.suspended(run["id"])
    assert deployment.input(run["id"], shown["schema"])["required"] == ["reviewer", "decision"]
    case = deployment.input(run["id"], shown["description"])
    assert "promote (first)" in case
    (command,) = re.findall(r"make review ARGS='(.*--reviewer \"Ann\".*)'", case)
    check_link(deployment, case)
    assert deployment.resume(run["id"], reviewer="Ann", decision="perhaps") == "REJECT"

    # The worker has no key, and nobody answers as Ann without her signature.
    assert deployment.resume(run["id"], reviewer="Ann", decision="approve") == "ACCEPT"
    again = deployment.suspended(run["id"], turn=1)
    assert "paste the signed decision" in deployment.input(run["id"], again["description"])
    assert kinds("small") == ["registration", "evaluation", "verdict", "request"]

    options = [*shlex.split(command), "--key", str(key_file("Ann"))]
    signed = promote(deployment, *options).stdout
    assert deployment.resume(run["id"], reviewer="Ann", decision="approve", signed_decision=signed) == "ACCEPT"
    done = deployment.ended(run["id"])
    assert (done["state_type"], done["state_name"]) == ("COMPLETED", "Approved")
    assert kinds("small") == ["registration", "evaluation", "verdict", "request", "approval", "promotion"]
    aliases = connect().get_registered_model("evenhand-small").aliases
    assert {alias: str(version) for alias, version in aliases.items()} == {"champion": "1"}


def promote(deployment, *options):
    """Run the command of a reviewer."""
    command = [sys.executable, "-m", "flows.promote", *options]
    done = subprocess.run(
        command, cwd=ROOT, env=deployment.environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def check_link(deployment, case):
    """Check that the artifact of the suspended run links to the gate report that the review is bound to."""
    query = {"artifacts": {"key": {"any_": ["review-evenhand-small-1"]}}}
    newest = max(
        deployment.api.post("/artifacts/filter", json=query).raise_for_status().json(), key=lambda a: a["created"]
    )
    (link,) = re.findall(r"\[Gate report\]\((\S+)\)", newest["data"])
    assert newest["data"] == case
    page = Path(urlsplit(link).path).read_bytes()
    tags = connect().get_model_version("evenhand-small", "1").tags
    assert hashlib.sha256(page).hexdigest() == tags["gate_report_sha256"]
    assert b"<h1><span>promote (first)</span>" in page


def filed(deployment, **rules):
    """Create a version with a pending review of the tiny problem; return it and its flow run."""
    registry = TinyRegistry({("clear",): log(["clear"])})
    made = registry.version("clear")
    _, status = registry.evaluate(made, PROBLEM.model_copy(update=rules))
    return made.version, next(run["id"] for run in deployment.flow_runs("promote") if run["id"] in status)


def test_a_decision_at_a_terminal_resumes_the_run(deployment):
    version, run_id = filed(deployment)
    start = time.monotonic()
    deployment.suspended(run_id)
    deployment.seconds = time.monotonic() - start
    options = ["--problem", "tiny", "--version", version, "--decision", "reject", "--reviewer", "Cy", "--comment", "no"]
    done = promote(deployment, *options)
    assert "rejected by Cy" in done.stdout
    assert "accept" in done.stdout
    ended = deployment.ended(run_id)
    assert (ended["state_type"], ended["state_name"]) == ("COMPLETED", "Rejected")
    assert kinds("tiny")[-1] == "rejection"


def test_a_review_that_nobody_decides_in_time_expires_and_its_run_ends(deployment):
    seconds = 10 + 2 * deployment.seconds  # enough time for the run to wait before, on a machine of this speed
    version, run_id = filed(deployment, expires_days=seconds / 86_400)
    deployment.suspended(run_id)
    done = deployment.ended(run_id)
    assert (done["state_type"], done["state_name"]) == ("COMPLETED", "Expired")
    assert kinds("tiny")[-1] == "expiry"
    assert connect().get_model_version("evenhand-tiny", version).tags["review"] == "rejected"


@pytest.mark.soak
def test_a_run_whose_process_is_gone_is_crashed_within_three_minutes(deployment):
    """While a suspended review, which has no process either, goes on waiting."""
    problem = write_problem(deployment.folder, models=[{"kind": "lightgbm", "params": {"n_estimators": 20_000}}])
    run_id = deployment.start_run("train/train-weekly", problem=str(problem), seed=9)
    deployment.until(lambda: deployment.heartbeats(run_id), "the run sends a heartbeat")
    deployment.kill_worker()
    assert deployment.flow_run(run_id)["state_type"] == "RUNNING"
    assert deployment.ended(run_id, timeout=180)["state_type"] == "CRASHED"
    deployment.start_worker()


def test_an_alarm_of_the_monitor_starts_a_training_that_knows_its_cause(deployment):
    cause = "5" * 64
    emit_request(MODEL, "1", "nowhere", cause)

    def started():
        return [run for run in deployment.flow_runs("train") if run["parameters"]["request"].get("cause") == cause]

    (run,) = deployment.until(started, "the automation starts a training")
    assert run["parameters"]["request"] == {"problem": "nowhere", "cause": cause}
    assert deployment.ended(run["id"])["state_type"] == "FAILED"  # there is no such problem
