"""A service around a model that was made here, without a registry; and one process that serves a real ledger."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
from starlette.testclient import TestClient

from service.app import Service, create_app
from service.champion import Champion
from service.keys import Keys
from service.limits import Limits
from service.served import Served
from service.watch import Sighting, WatchRequest
from tasks.settings import ROOT
from tests.core.scoring.test_row_scorer import MODEL, RowScorer, problem, training_rows
from tests.edges.servers import free_ports

KINDS = {"code": "string", "premises": "string", "month": "string", "when": "datetime", "reported": "datetime"}
FRAME = training_rows(40)[0]
ROWS = json.loads(FRAME.to_json(orient="records"))


def served(version="1", model=MODEL, declared=None):
    declared = declared or problem()
    inputs = {name: KINDS.get(name, "double") for name in FRAME}
    sighting = Sighting(state="champion", model="evenhand-rows", version=version, sha256="0" * 64)
    return Served(declared, RowScorer(declared, model), sighting, inputs, ROWS[0])


def champion_of(folder, one=None, **more):
    made = Champion(WatchRequest(problem="rows", folder=folder), **{"unsettled_seconds": 60.0, **more})
    if one is not None:
        made.loaded, made.fault = one, None
    return made


def client_of(champion, keys="", limits=None, kept=None, **more):
    service = Service(champion, limits or Limits(), kept)
    app = create_app(service, Keys(keys))
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False, **more)


def parquet(frame):
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), sink)
    return sink.getvalue()


def arrow(frame):
    table, sink = pa.Table.from_pandas(frame, preserve_index=False), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


@contextmanager
def serving(problem_name, log, **variables):
    """Run ``service.serve`` on a free port; yields the address and the process."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "service.serve", "--problem", problem_name, "--port", str(port)]
    command += ["--watch-seconds", "0.2"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **variables}
        )
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until(true, seconds=90.0, every=0.05):
    """Wait until a function returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, true
        time.sleep(every)
    return found
