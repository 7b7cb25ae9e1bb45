"""A process that serves a real ledger: promotions, rollbacks, kills and drains, with requests at all times."""

import http.client
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from service.reading import CSV, JSON
from tasks.registry.ledger_text import restore_from_ledger
from tasks.scoring.score_file import ScoreRequest, score
from tasks.settings import ROOT
from tests.edges.service.tiny_service import serving, wait_until
from tests.edges.tiny_registry import MODEL, fitted, registry, rows  # noqa: F401

GIVEN = rows(3).drop(columns="kind")
ROW = GIVEN.iloc[0].to_dict()
COLUMNS = (("clear",), ("faint", "clear"))
WITHIN = 10.0


def ask(address, path="/predict", body=None, kind=JSON, headers=None):
    """Ask once, on a connection of its own; return status, headers and body."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
    try:
        content = json.dumps(body) if kind == JSON and body is not None else body
        connection.request("GET" if body is None else "POST", path, content, {"Content-Type": kind, **(headers or {})})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def ready(address):
    try:
        status, _, body = ask(address, "/ready")
    except OSError:
        return None
    return json.loads(body) | {"status": status}


def serves(address, version):
    found = ready(address)
    return found if found and found.get("version") == version and found["settled"] else None


class Client(threading.Thread):
    """Asks one row after the other on one connection, and keeps every answer."""

    def __init__(self, address, many):
        super().__init__(daemon=True)
        self.address, self.many, self.over = address.removeprefix("http://"), many, threading.Event()
        self.answers, self.failures = [], []

    def run(self):
        connection = http.client.HTTPConnection(self.address, timeout=60)
        body = json.dumps([ROW] * 50 if self.many else ROW)
        while not self.over.is_set():
            try:
                connection.request("POST", "/predict", body, {"Content-Type": JSON})
                answer = connection.getresponse()
                content = answer.read()
                if answer.status == 200:
                    self.answers.append(json.loads(content))
                else:
                    self.failures.append((answer.status, content))
            except OSError as error:
                self.failures.append(repr(error))
            time.sleep(0.002)


@contextmanager
def asking(address):
    clients = [Client(address, many) for many in (False, True)]
    for client in clients:
        client.start()
    yield clients
    for client in clients:
        client.over.set()
        client.join(60)


def change_champions(made_registry, folder, changes):
    """Promote version after version under requests; return how long each change took to be served."""
    by_version = {made_registry.champion(*COLUMNS[0]).version: COLUMNS[0]}
    took = []
    with serving("tiny", folder / "serve.log") as (address, _):
        wait_until(lambda: serves(address, "1"))
        with asking(address) as clients:
            for number in range(1, changes + 1):
                columns = COLUMNS[number % 2]
                made = made_registry.champion(*columns)
                by_version[made.version] = columns
                begun = time.monotonic()
                wait_until(lambda version=made.version: serves(address, version))
                took.append(time.monotonic() - begun)
    expected = {
        version: fitted(columns).predict_proba(pd.DataFrame([ROW]))[0] for version, columns in by_version.items()
    }
    seen = set()
    for client in clients:
        assert not client.failures
        for answer in client.answers:
            seen.add(answer["version"])
            for one in answer.get("predictions", [answer]):
                np.testing.assert_array_equal(list(one["probabilities"].values()), expected[answer["version"]])
    assert seen == set(by_version)
    return took


def test_promotions_are_served_within_seconds_and_no_answer_fails_or_is_mixed(registry, tmp_path):  # noqa: F811
    assert max(change_champions(registry, tmp_path, 3)) < WITHIN


@pytest.mark.soak
def test_a_hundred_promotions_are_served_within_seconds_and_no_answer_fails_or_is_mixed(registry, tmp_path):  # noqa: F811
    took = change_champions(registry, tmp_path, 100)
    print(f"changes: {len(took)}, median {np.median(took):.2f} s, longest {max(took):.2f} s")  # noqa: T201
    assert max(took) < WITHIN


def test_every_answer_is_that_of_make_score_and_a_champion_moved_by_hand_is_not_taken_up(registry, tmp_path, home):  # noqa: F811
    champion = registry.champion("clear").version
    data = home / "new.csv"
    given = GIVEN.astype(object)
    given.loc[1, "clear"] = "dark"
    given.to_csv(data, index=False)
    declared = Path(os.environ["EVENHAND_PROBLEMS"]) / "tiny.yaml"
    scored = pd.read_csv(score.fn(ScoreRequest(problem=str(declared), data=str(data), out=str(home / "out.csv"))).path)
    with serving("tiny", tmp_path / "serve.log") as (address, process):
        wait_until(lambda: serves(address, champion))
        status, headers, body = ask(address, body=data.read_bytes(), kind=CSV)
        assert (status, headers["x-model-version"]) == (200, champion)
        pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(body)), scored)

        other = registry.version("faint").version
        registry.client.set_registered_model_alias(MODEL, "champion", other)
        shown = wait_until(lambda: (found := ready(address)) and not found["settled"] and found)
        assert f"alias champion points to version {other}" in shown["detail"]
        assert (shown["status"], shown["version"]) == (200, champion)
        assert json.loads(ask(address, body=ROW)[2])["version"] == champion
        restore_from_ledger("tiny")
        wait_until(lambda: serves(address, champion))

        # A killed service leaves no process, and the next one serves again.
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        process.kill()
        process.wait()
        psutil.wait_procs(children, 30)
        assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    with serving("tiny", tmp_path / "again.log") as (address, process):
        wait_until(lambda: serves(address, champion))

        # A request that has begun is answered before SIGTERM ends the process.
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
        connection.putrequest("POST", "/predict")
        connection.putheader("Content-Type", CSV)
        connection.putheader("Content-Length", str(data.stat().st_size))
        connection.endheaders(data.read_bytes()[:100])
        time.sleep(1.0)
        process.send_signal(signal.SIGTERM)
        time.sleep(1.0)
        connection.send(data.read_bytes()[100:])
        answer = connection.getresponse()
        assert answer.status == 200
        pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(answer.read())), scored)
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("arguments", "keys", "text"),
    [
        (["--host", "0.0.0.0"], "", "HOST=0.0.0.0 is open to other machines, and no API key is set"),
        (["--host", "127.0.0.1"], "alice:secret", "entry 1 of EVENHAND_SERVE_KEYS is not of the form name:sha256"),
        (["--host", "192.0.2.1"], f"alice:{'0' * 64}", "port"),
    ],
)
def test_a_service_that_may_not_or_cannot_listen_says_why(registry, arguments, keys, text):  # noqa: F811
    command = [sys.executable, "-m", "service.serve", "--problem", "tiny", "--port", "0", *arguments]
    environment = {**os.environ, "EVENHAND_SERVE_KEYS": keys}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr
