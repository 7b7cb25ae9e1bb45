"""Deployments as an operator sees them: a Prefect server, a worker, `make deploy`'s command, a training, its review."""

import hashlib
import hmac
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from prefect.blocks.system import Secret
from prefect.settings import PREFECT_API_URL, temporary_settings

from evenhand.errors import GateError
from tasks.data.problems import load_problem
from tasks.registry.client import connect
from tasks.registry.ledger import open_ledger
from tasks.review.cases import approval_code
from tasks.review.reviewers import sign
from tasks.settings import ROOT, settings
from tests.e2e.conftest import write_problem
from tests.e2e.deployed import deployed
from tests.edges.registry_world import PROBLEM, World, log

KEYS = {"Ann": "a" * 40, "Bob": "b" * 40}


def reviewer(name, key):
    return {"name": name, "key": key, "fingerprint": hashlib.sha256(KEYS[name].encode()).hexdigest()}


@pytest.fixture(scope="module")
def one_place(tmp_path_factory, empty_stores):
    """Server, deployments and worker, once for the module."""
    folder = tmp_path_factory.mktemp("deployed")
    shutil.copytree(empty_stores / "prefect", folder / "prefect")
    (folder / "var").mkdir()
    shutil.copy(empty_stores / "mlflow.db", folder / "var")
    stores = {"EVENHAND_HOME": str(folder / "var"), "EVENHAND_RUNS": str(folder / "runs"), "KEY_OF_BOB": KEYS["Bob"]}
    with deployed(folder, **stores) as place:
        place.start_server()
        place.deploy()
        place.start_worker()
        yield place


@pytest.fixture(scope="module")
def trained(one_place):
    """A training that the worker ran, of a problem with two reviewers."""
    with temporary_settings({PREFECT_API_URL: one_place.environment["PREFECT_API_URL"]}):
        Secret(value=KEYS["Ann"]).save("ann-key")
    reviewers = [reviewer("Ann", "block:ann-key"), reviewer("Bob", "env:KEY_OF_BOB")]
    problem = write_problem(one_place.folder, reviewers=reviewers, four_eyes=False)
    run_id = one_place.start_run("train/train-weekly", problem=str(problem), seed=7)
    done = one_place.ended(run_id)
    assert done["state_type"] == "COMPLETED", (one_place.folder / "worker.log").read_text()
    return SimpleNamespace(problem=problem, run=done)


@pytest.fixture
def place(one_place, home, monkeypatch):
    """The same, with this process's settings pointing at its stores and its server."""
    for name in ("EVENHAND_HOME", "EVENHAND_RUNS"):
        monkeypatch.setenv(name, one_place.environment[name])
    settings.cache_clear()
    with temporary_settings({PREFECT_API_URL: one_place.environment["PREFECT_API_URL"]}):
        yield one_place


def kinds(problem_name):
    return [record.kind for record in open_ledger(problem_name).chain.sound()]


def test_what_is_deployed(place):
    train = place.deployment("train/train-weekly")
    assert train["parameters"] == {"request": {"problem": "toronto"}}
    assert train["concurrency_options"]["collision_strategy"] == "ENQUEUE"
    assert train["global_concurrency_limit"]["limit"] == 1
    (schedule,) = train["schedules"]
    assert schedule["active"]
    assert schedule["schedule"]["cron"] == "0 3 * * 1"
    assert schedule["schedule"]["timezone"] == "America/Toronto"
    assert place.deployment("promote/review")["schedules"] == []


def test_a_worker_runs_a_training_and_its_words_are_in_the_log(place, trained):
    summary = json.loads((settings().runs / "latest" / "summary.json").read_text())
    last = str(settings().runs / summary["id"] / "summary.json")
    messages = place.messages(trained.run["id"], last)
    assert (summary["problem"], summary["seed"]) == ("small", 7)
    assert trained.run["name"] == f"{trained.problem} standard"
    assert any("Baseline against resampled" in message for message in messages), messages
    assert messages.count(last) == 1
    (review,) = place.flow_runs("promote")
    assert any("waits for a review" in message and review["id"] in message for message in messages)


def test_its_review_survives_a_kill_of_server_and_worker_and_takes_no_name_without_its_code(place, trained):
    (run,) = place.flow_runs("promote")
    place.suspended(run["id"])

    place.kill()
    place.start_server()
    place.start_worker()
    shown = place.suspended(run["id"])
    assert place.input(run["id"], shown["schema"])["required"] == ["reviewer", "decision"]
    case = place.input(run["id"], shown["description"])
    assert "promote (first)" in case
    assert '--reviewer "Ann" --code' in case
    check_link(place, case)
    assert place.resume(run["id"], reviewer="Ann", decision="perhaps") == "REJECT"

    # The worker can read both keys, and that makes nobody Ann.
    assert place.resume(run["id"], reviewer="Ann", decision="approve") == "ACCEPT"
    again = place.suspended(run["id"], turn=1)
    assert "the signature is not the one of Ann" in place.input(run["id"], again["description"])
    assert kinds("small") == ["registration", "verdict", "request"]

    code = approval_code("small", "1", "approve", "Ann")
    assert place.resume(run["id"], reviewer="Ann", decision="approve", approval_code=code) == "ACCEPT"
    done = place.ended(run["id"])
    assert (done["state_type"], done["state_name"]) == ("COMPLETED", "Approved")
    assert kinds("small") == ["registration", "verdict", "request", "approval", "promotion"]
    aliases = connect().get_registered_model("evenhand-small").aliases
    assert {alias: str(version) for alias, version in aliases.items()} == {"champion": "1"}
    for path in place.folder.glob("*.log"):
        assert not any(key in path.read_text() for key in KEYS.values())


def check_link(place, case):
    """The artifact of the run that waits leads to the very report that the review is bound to."""
    asked = {"artifacts": {"key": {"any_": ["review-evenhand-small-1"]}}}
    newest = max(place.api.post("/artifacts/filter", json=asked).raise_for_status().json(), key=lambda a: a["created"])
    (link,) = re.findall(r"\[Gate report\]\((\S+)\)", newest["data"])
    assert newest["data"] == case
    page = Path(urlsplit(link).path).read_bytes()
    tags = connect().get_model_version("evenhand-small", "1").tags
    assert hashlib.sha256(page).hexdigest() == tags["gate_report_sha256"]
    assert b"<h1><span>promote (first)</span>" in page


def test_a_key_is_read_from_a_secret_block_and_from_no_other(place, trained):
    policy = load_problem(str(trained.problem)).review_policy
    expected = hmac.new(KEYS["Ann"].encode(), b"digest", hashlib.sha256).hexdigest()
    assert sign(policy, "Ann", "digest") == expected
    Secret(value="x" * 40).save("another-key")
    for block, reason in (("another-key", "not the one that is declared"), ("no-key", "can't be read from Prefect")):
        ann = policy.reviewers[0].model_copy(update={"key": f"block:{block}"})
        with pytest.raises(GateError, match=reason) as refused:
            sign(policy.model_copy(update={"reviewers": (ann,)}), "Ann", "digest")
        assert "x" * 40 not in str(refused.value)


def filed(place, **rules):
    """A version of the tiny problem that waits, and its flow run."""
    world = World({("clear",): log(["clear"])})
    made = world.version("clear")
    _, status = world.judge(made, PROBLEM.model_copy(update=rules))
    return made.version, next(run["id"] for run in place.flow_runs("promote") if run["id"] in status)


def test_a_decision_at_a_terminal_resumes_the_run(place):
    version, run_id = filed(place)
    begun = time.monotonic()
    place.suspended(run_id)
    place.seconds = time.monotonic() - begun
    options = ["--problem", "tiny", "--version", version, "--decision", "reject", "--reviewer", "Cy", "--comment", "no"]
    command = [sys.executable, "-m", "flows.promote", *options]
    done = subprocess.run(
        command, cwd=ROOT, env=place.environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "rejected by Cy" in done.stdout
    assert "accept" in done.stdout
    ended = place.ended(run_id)
    assert (ended["state_type"], ended["state_name"]) == ("COMPLETED", "Rejected")
    assert kinds("tiny")[-1] == "rejection"


def test_what_nobody_decides_in_time_is_rejected_and_waits_no_more(place):
    seconds = 10 + 2 * place.seconds  # so that the run waits before: how long it takes to start is the machine's
    version, run_id = filed(place, expires_days=seconds / 86_400)
    place.suspended(run_id)
    done = place.ended(run_id)
    assert (done["state_type"], done["state_name"]) == ("COMPLETED", "Expired")
    assert kinds("tiny")[-1] == "expiry"
    assert connect().get_model_version("evenhand-tiny", version).tags["review"] == "rejected"
