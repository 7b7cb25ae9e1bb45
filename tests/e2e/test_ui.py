"""`make ui` on a finished training, in a real browser."""

import http.server
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from tasks.settings import ROOT
from tests.e2e.browser import tab
from tests.edges.servers import free_ports

UI = [sys.executable, "-m", "tasks.local.ui"]
# Failed requests of the servers' own pages: the current user (MLflow without accounts), an icon (Prefect).
KNOWN_FAILURES = r"/mlflow/users/current$|/ico/undefined\.svg$"


def ui(*arguments, **environment):
    return subprocess.run(
        [*UI, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def is_served(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def pages(one_training):
    """The pages that `make ui` opens; ctrl-c stops it and everything it started."""
    mlflow, prefect = free_ports(2)
    environment = {k: v for k, v in os.environ.items() if k not in {"MLFLOW_TRACKING_URI", "PREFECT_API_URL"}}
    process = subprocess.Popen(
        [*UI, "--mlflow-port", str(mlflow), "--prefect-port", str(prefect)],
        cwd=ROOT,
        env={**environment, **one_training.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A shell without a terminal makes its background jobs ignore ctrl-c, and child processes inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509  no thread yet
    )
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if line.startswith("ctrl-c"):
                break
        assert process.poll() is None, "".join(lines)
        yield {
            "MLflow": f"http://127.0.0.1:{mlflow}",
            "Prefect": f"http://127.0.0.1:{prefect}",
            "output": "".join(lines),
        }
    finally:
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=150)
    assert (process.returncode, rest.strip()) == (130, "Stopped.")
    assert not is_served(mlflow)
    assert not is_served(prefect)


def test_mlflow_shows_trainings_and_compares_their_candidates(pages, finished):
    from tasks.tracking.client import connect
    from tasks.tracking.training_runs import compare_page

    client = connect()
    experiment = client.get_experiment_by_name("small")
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags and "winner" in run.data.tags)
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    names = [run.info.run_name for run in children]
    metrics = sorted(name for name in children[0].data.metrics if name.startswith("oof") and name.endswith("macro_f1"))
    assert {"lightgbm / none", "lightgbm / random_over"} <= set(names)
    assert metrics == ["oof_macro_f1"]
    opened, newest = re.findall(r"http://\S+/#/experiments\S+", pages["output"])
    with tab(KNOWN_FAILURES) as browser:
        browser.open(opened, "Model training", "small")
        browser.open(newest, f"Sort: {metrics[0]}", *names)
        browser.open(
            pages["MLflow"] + compare_page(parent.info.run_id), f"Comparing {len(names)} Runs", *names, *metrics
        )
        browser.open(
            f"{pages['MLflow']}/#/experiments/{experiment.experiment_id}/runs/{parent.info.run_id}", "winner", *names
        )
    assert browser.errors == []


def test_prefect_shows_the_training_its_log_and_its_tasks(pages, finished):
    summary = finished.stdout.splitlines()[-1]
    with httpx.Client(base_url=pages["Prefect"], trust_env=False, timeout=30) as api:
        (flow_run,) = api.post("/api/flow_runs/filter", json={}).raise_for_status().json()
        messages = api.post("/api/logs/filter", json={}).raise_for_status().json()
        tasks = api.post("/api/task_runs/filter", json={"limit": 200}).raise_for_status().json()
    assert summary in [log["message"] for log in messages]
    assert {task["state_type"] for task in tasks} == {"COMPLETED"}
    with tab(KNOWN_FAILURES) as browser:
        browser.open(f"{pages['Prefect']}/runs", flow_run["name"], "Completed")
        browser.open(
            f"{pages['Prefect']}/runs/flow-run/{flow_run['id']}", flow_run["name"], "Completed", "fetch A small town"
        )
        browser.page.get_by_text("Task Runs", exact=True).first.click()
        browser.wait_for("lightgbm / random_over, ")
    assert browser.errors == []


def test_a_port_in_use_is_an_error_and_nothing_is_started(home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        begun = time.monotonic()
        done = ui("--mlflow-port", str(port), PREFECT_API_URL="http://127.0.0.1:4200/api")
    assert done.returncode == 1
    assert f"port {port} for MLflow can't be used" in done.stderr
    assert "--mlflow-port" in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - begun < 60
    assert not (home / "var").exists()


def test_addresses_of_existing_servers_are_printed():
    handler = http.server.SimpleHTTPRequestHandler
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:  # which answers, with status 404
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        done = ui(MLFLOW_TRACKING_URI=f"http://someone:secret@{address}", PREFECT_API_URL="https://prefect.example/api")
        server.shutdown()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == [
        *("MLflow", f"http://***@{address}", "(MLFLOW_TRACKING_URI)"),
        *("Prefect", "https://prefect.example", "(PREFECT_API_URL)"),
    ]
