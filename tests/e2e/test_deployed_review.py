"""The review under a Prefect server: a form that a suspended flow run waits for, in the hands of real processes."""

import hashlib
import subprocess
import sys

import pytest
from conftest import train, write_problem
from deployed import deployed
from prefect.blocks.system import Secret
from prefect.settings import PREFECT_API_URL, temporary_settings

from tasks.ledger import open_ledger
from tasks.mlflow_client import connect
from tasks.registry import judge, register
from tasks.review import approval_code, file_verdict
from tasks.settings import ROOT, settings
from tasks.storage import write_frame
from tests.edges.registry_world import PROBLEM, log, rows

KEYS = {"Ann": "a" * 40, "Bob": "b" * 40}


def reviewer(name, key):
    return {"name": name, "key": key, "fingerprint": hashlib.sha256(KEYS[name].encode()).hexdigest()}


@pytest.fixture(scope="module")
def one_place(tmp_path_factory):
    """Server, deployments and worker, once for the module."""
    folder = tmp_path_factory.mktemp("deployed")
    stores = {"EVENHAND_HOME": str(folder / "var"), "EVENHAND_RUNS": str(folder / "runs"), "KEY_OF_BOB": KEYS["Bob"]}
    with deployed(folder, **stores) as place:
        place.start_server()
        place.deploy()
        place.start_worker()
        yield place


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


def test_a_training_is_promoted_by_a_form_that_survives_a_kill_of_server_and_worker(place):
    Secret(value=KEYS["Ann"]).save("ann-key")
    reviewers = [reviewer("Ann", "block:ann-key"), reviewer("Bob", "env:KEY_OF_BOB")]
    problem = write_problem(place.folder, reviewers=reviewers, four_eyes=False)
    done = train("--problem", problem, **place.environment)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = place.flow_runs("promote")
    assert run["id"] in done.stdout
    place.suspended(run["id"])

    place.kill()
    place.start_server()
    place.start_worker()
    shown = place.suspended(run["id"])
    schema = place.input(run["id"], shown["schema"])
    assert schema["required"] == ["reviewer", "decision"]
    case = place.input(run["id"], shown["description"])
    assert "promote (first)" in case
    assert '--reviewer "Ann" --code' in case
    assert place.resume(run["id"], reviewer="Ann", decision="perhaps")["status"] == "REJECT"

    # The worker can read both keys: without a code they are not the one's who answers.
    assert place.resume(run["id"], reviewer="Ann", decision="approve")["status"] == "ACCEPT"
    again = place.suspended(run["id"], turn=1)
    assert "the signature is not the one of Ann" in place.input(run["id"], again["description"])
    assert kinds("small") == ["registration", "verdict", "request"]

    code = approval_code("small", "1", "approve", "Ann")
    answer = {"reviewer": "Ann", "decision": "approve", "comment": "holds", "approval_code": code}
    assert place.resume(run["id"], **answer)["status"] == "ACCEPT"
    done = place.ended(run["id"])
    assert (done["state_type"], done["state_name"]) == ("COMPLETED", "Approved")
    assert kinds("small") == ["registration", "verdict", "request", "approval", "promotion"]
    model = connect().get_registered_model("evenhand-small")
    assert dict(model.aliases) == {"champion": "1"}
    for path in place.folder.glob("*.log"):
        assert not any(key in path.read_text() for key in KEYS.values())


def filed(place, **rules):
    """A version of the tiny problem that waits, and its flow run."""
    problem = PROBLEM.model_copy(update=rules)
    run_id, uri = log(["clear"])
    made = register(uri, run_id, "tiny", run_id)
    verdict = judge.fn(problem, write_frame(rows(2), "splits/{sha256}/holdout.parquet"), made)
    said = file_verdict.fn(problem, made, verdict)
    return made.version, next(run["id"] for run in place.flow_runs("promote") if run["id"] in said)


def test_what_nobody_decides_in_time_is_rejected_and_waits_no_more(place):
    version, run_id = filed(place, expires_days=15 / 86_400)
    place.suspended(run_id)
    done = place.ended(run_id, 60)
    assert (done["state_type"], done["state_name"]) == ("COMPLETED", "Expired")
    assert kinds("tiny")[-1] == "expiry"
    assert connect().get_model_version("evenhand-tiny", version).tags["review"] == "rejected"


def test_a_decision_at_a_terminal_resumes_the_run(place):
    version, run_id = filed(place)
    place.suspended(run_id)
    told = ["--problem", "tiny", "--version", version, "--decision", "reject", "--reviewer", "Cy", "--comment", "no"]
    command = [sys.executable, "-m", "flows.promote", *told]
    done = subprocess.run(
        command, cwd=ROOT, env=place.environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "rejected by Cy" in done.stdout
    assert "accept" in done.stdout
    ended = place.ended(run_id)
    assert (ended["state_type"], ended["state_name"]) == ("COMPLETED", "Rejected")
    assert kinds("tiny")[-1] == "rejection"
