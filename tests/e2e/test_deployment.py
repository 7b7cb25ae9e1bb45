"""The deployment as an operator sees it: a Prefect server, a work pool, `make deploy`'s command, a worker, a run."""

import json
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from subprocess import STDOUT, Popen, TimeoutExpired, run

import httpx
import pytest

from tasks.settings import ROOT, settings
from tests.edges.servers import answers, free_ports, serve

PREFECT = [sys.executable, "-m", "prefect", "--no-prompt"]


@pytest.fixture
def server(tmp_path):
    """A Prefect server with a home of its own; yields the environment of its clients."""
    (port,) = free_ports(1)
    api = f"http://127.0.0.1:{port}/api"
    own = {**os.environ, "PREFECT_HOME": str(tmp_path / "prefect")}
    command = [*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with serve(command, lambda: answers(f"{api}/health"), tmp_path / "server.log", env=own, timeout=180):
        yield {**own, "PREFECT_API_URL": api}


def prefect(environment, *arguments):
    done = run(
        [*PREFECT, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def worker(environment, log: Path):
    with log.open("wb") as out:
        process = Popen(
            [*PREFECT, "worker", "start", "--pool", "evenhand"], cwd=ROOT, env=environment, stdout=out, stderr=STDOUT
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except TimeoutExpired:
            process.kill()
            process.wait(10)


def ended(api: httpx.Client, run_id: str, timeout: float = 240) -> dict:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = api.get(f"/flow_runs/{run_id}").raise_for_status().json()
        if found["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
            return found
        time.sleep(0.5)
    raise TimeoutError(f"flow run is still {found['state_name']} after {timeout} s")


def logged(api: httpx.Client, run_id: str, last: str, timeout: float = 60) -> list[str]:
    """Messages of a flow run; the last ones are sent after its final state."""
    query = {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_ASC"}
    deadline = time.monotonic() + timeout
    while True:
        said = [log["message"] for log in api.post("/logs/filter", json=query).raise_for_status().json()]
        if last in said or time.monotonic() > deadline:
            return said
        time.sleep(0.5)


def test_a_worker_runs_what_is_deployed_and_its_words_are_in_the_log(server, small, tmp_path):
    problem = small()
    prefect(server, "work-pool", "create", "evenhand", "--type", "process")
    prefect(server, "deploy", "--all")
    with httpx.Client(base_url=server["PREFECT_API_URL"], trust_env=False, timeout=60) as api:
        deployment = api.get("/deployments/name/train/train-weekly").raise_for_status().json()
        assert deployment["parameters"] == {"request": {"problem": "toronto"}}
        assert deployment["concurrency_options"]["collision_strategy"] == "ENQUEUE"
        assert deployment["global_concurrency_limit"]["limit"] == 1
        (schedule,) = deployment["schedules"]
        assert schedule["active"]
        assert schedule["schedule"]["cron"] == "0 3 * * 1"
        assert schedule["schedule"]["timezone"] == "America/Toronto"

        asked = {"parameters": {"request": {"problem": str(problem), "seed": 7}}}
        started = api.post(f"/deployments/{deployment['id']}/create_flow_run", json=asked).raise_for_status().json()
        with worker(server, tmp_path / "worker.log"):
            done = ended(api, started["id"])
            assert done["state_type"] == "COMPLETED", (tmp_path / "worker.log").read_text()
            summary = json.loads((settings().runs / "latest" / "summary.json").read_text())
            last = str(settings().runs / summary["id"] / "summary.json")
            said = logged(api, started["id"], last)

    assert (summary["problem"], summary["seed"]) == ("small", 7)
    assert done["name"] == f"{problem} standard"
    assert any("Baseline against resampled" in message for message in said), said
    assert said.count(last) == 1
