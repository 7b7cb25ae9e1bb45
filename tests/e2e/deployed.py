"""A Prefect deployment for tests: server and worker as processes that can be killed, and the HTTP API."""

import os
import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import STDOUT, Popen, run

import httpx

from tasks.settings import ROOT
from tests.edges.servers import answers, free_ports

PREFECT = [sys.executable, "-m", "prefect", "--no-prompt"]
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@dataclass
class Deployed:
    """A folder, an environment and the processes that run in them."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    running: dict[str, Popen] = field(default_factory=dict)
    seconds: float = 30.0
    """Time from the creation of a flow run until it waits for its form."""

    def __post_init__(self):
        (port,) = free_ports(1)
        own = {"PREFECT_HOME": str(self.folder / "prefect"), "PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}
        self.port = port
        worker = {
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PYTHONPATH": str(ROOT),
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        }
        self.environment = {**os.environ, **own, **worker, **self.environment}
        self.api = httpx.Client(base_url=own["PREFECT_API_URL"], trust_env=False, timeout=60)

    def start_server(self):
        health = f"{self.environment['PREFECT_API_URL']}/health"
        self._start("server", "server", "start", "--host", "127.0.0.1", "--port", str(self.port))
        self.until(lambda: answers(health), "the server answers", 180)

    def start_worker(self):
        self._start("worker", "worker", "start", "--pool", "evenhand")

    def _start(self, name, *arguments):
        with (self.folder / f"{name}.log").open("ab") as out:
            self.running[name] = Popen(
                [*PREFECT, *arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=out,
                stderr=STDOUT,
                start_new_session=True,
            )

    def kill_worker(self):
        """Kill the worker and the flow runs that it has started."""
        process = self.running.pop("worker")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)

    def kill(self):
        """Kill the server, the worker and all their processes."""
        while self.running:
            _, process = self.running.popitem()
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)

    def prefect(self, *arguments):
        done = run(
            [*PREFECT, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def deployment(self, name):
        return self.api.get(f"/deployments/name/{name}").raise_for_status().json()

    def start_run(self, name, **request):
        parameters = {"parameters": {"request": request}}
        response = self.api.post(f"/deployments/{self.deployment(name)['id']}/create_flow_run", json=parameters)
        return response.raise_for_status().json()["id"]

    def deploy(self):
        self.prefect("work-pool", "create", "evenhand", "--type", "process")
        self.prefect("deploy", "--all")
        self.prefect("automation", "create", "--from-file", "infra/automations.yaml")

    def flow_run(self, run_id):
        return self.api.get(f"/flow_runs/{run_id}").raise_for_status().json()

    def flow_runs(self, flow):
        query = {"flows": {"name": {"any_": [flow]}}}
        return self.api.post("/flow_runs/filter", json=query).raise_for_status().json()

    def heartbeats(self, run_id):
        query = {"event": {"name": ["prefect.flow-run.heartbeat"]}, "resource": {"id": [f"prefect.flow-run.{run_id}"]}}
        return self.api.post("/events/filter", json={"filter": query}).raise_for_status().json()["total"]

    def until(self, condition, description, timeout=240):
        """Wait until a condition returns something, and return it."""
        deadline = time.monotonic() + timeout
        while not (found := self._check(condition)):
            logs = "\n".join(f"{p.name}: {p.read_text(errors='replace')[-3000:]}" for p in self.folder.glob("*.log"))
            assert time.monotonic() < deadline, f"not in {timeout} s: {description}\n{logs}"
            time.sleep(1)
        return found

    @staticmethod
    def _check(condition):
        """Check a condition; a connection that a busy server drops counts as false."""
        try:
            return condition()
        except httpx.TransportError:
            return None

    def ended(self, run_id, timeout=240):
        return self.until(lambda: (r := self.flow_run(run_id))["state_type"] in FINAL and r, "the run ends", timeout)

    def suspended(self, run_id, turn=0):
        """Wait until a run shows its form for the given turn, and return the keys of the form.

        Prefect writes the form's description last, shortly after the run is suspended.
        """

        def form():
            found = self.flow_run(run_id)
            assert found["state_type"] not in FINAL, found["state"]
            keys = (found["state"]["state_details"] or {}).get("run_input_keyset")
            shown = found["state_name"] == "Suspended" and keys["schema"].endswith(f"-{turn}-schema")
            return keys if shown and self.input(run_id, keys["description"]) else None

        return self.until(form, "the run waits for its form")

    def input(self, run_id, key):
        answer = self.api.get(f"/flow_runs/{run_id}/input/{key}")
        return answer.json() if answer.status_code == 200 else None

    def resume(self, run_id, **form):
        """Answer as the UI's form does, again when the server's database is locked."""

        def answer():
            response = self.api.post(f"/flow_runs/{run_id}/resume", json={"run_input": form})
            return None if response.status_code == 503 else response.raise_for_status().json()["status"]

        return self.until(answer, "the server takes the answer")

    def messages(self, run_id, last, timeout=60):
        """Return the log of a flow run once it has the message ``last``, which may be sent after the final state."""
        query = {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_ASC"}
        deadline = time.monotonic() + timeout
        while True:
            found = [log["message"] for log in self.api.post("/logs/filter", json=query).raise_for_status().json()]
            if last in found or time.monotonic() > deadline:
                return found
            time.sleep(0.5)


@contextmanager
def deployed(folder, **environment):
    """Yield an environment for a server and a worker; processes that still run at the end are killed."""
    deployment = Deployed(folder, environment)
    try:
        yield deployment
    finally:
        deployment.kill()
        deployment.api.close()
