"""The service beside MLflow's own server: the same LightGBM model of 150 rounds on both, in one run.

One row: requests arrive by the clock, whether the one before is answered or not (an open loop), so a stall counts for
every request that it delays. Servers take turns in slices, and so does the bare predict, the call of LightGBM's trees
on a row that is encoded already. Batches: 1,000 rows, one after the other.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.speed_parts import shipped, toronto
from benchmarks.variants import sampled_rows, variant
from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.data.schema import column_types
from evenhand.gate.verdict import Promise, Verdict
from evenhand.problem import Problem
from evenhand.scoring.model import FittedCandidate
from tasks.data.problems import load_problem
from tasks.registry.champion_alias import reconcile
from tasks.registry.digests import POLICY, problem_digests
from tasks.registry.model_versions import Registered, model_name
from tasks.registry.register_version import register
from tasks.registry.registrations import registration_of
from tasks.registry.store_model import log_model, write_model
from tasks.registry.verdicts import case_facts, record_verdict
from tasks.review.approve import promote_version
from tasks.review.request_review import request_review
from tasks.settings import ROOT, settings
from tasks.tracking import training_runs
from tasks.tracking.client import connect

ROWS, ROUNDS = 40_000, 150
BATCH, BATCHES = 1_000, 25
RATE, SLICE_SECONDS, SLICES = 5.0, 10.0, 8
PORTS = {"this service": 21_870, "MLflow's server": 21_871}
HEADERS = ("server", "p50, ms", "p99, ms", "p99.9, ms", "p99 above the bare predict, ms", "failed")


class Target(NamedTuple):
    """What requests go to, and what they carry: a row, or a batch of rows."""

    port: int
    path: str
    row: Callable[[int], bytes]
    batch: bytes


def measure_serve(folder: Path, rows: int | None) -> Iterator[str]:
    """Serve one model on both, and yield the lines of the tables as they are measured."""
    data = sampled_rows(load_problem("toronto"), rows or ROWS, folder)
    source = {"kind": "parquet", "path": str(data)}
    problem = load_problem(
        str(variant("toronto", folder, "toronto", review="never", gate=None, suite=None, source=source))
    )
    os.environ["EVENHAND_PROBLEMS"] = str(folder)
    settings.cache_clear()
    experiment = toronto(problem)
    fitted, _ = shipped(experiment, problem, "base", {"n_estimators": ROUNDS})
    names = list(fitted.encoder.feature_names_in_)
    frame = experiment.frame[names].iloc[experiment.folds[HOLDOUT_FOLD].valid[:5_000]].reset_index(drop=True)
    champion = promoted(problem, fitted, frame, folder)
    targets = {"this service": ours(frame, problem), "MLflow's server": mlflows(frame)}
    X = fitted.encoder.transform(frame)
    with ExitStack() as stack:
        stack.enter_context(started(_our_command(folder), folder / "service.log", PORTS["this service"], "/ready"))
        stack.enter_context(
            started(_mlflow_command(champion), folder / "mlflow.log", PORTS["MLflow's server"], "/ping")
        )
        yield from _one_row(targets, fitted, X)
        yield ""
        yield from _batches(targets, fitted, X, frame)


def _one_row(targets: dict[str, Target], fitted: FittedCandidate, X: np.ndarray) -> Iterator[str]:
    booster = fitted.classifier.booster_
    bare: list[float] = []
    seconds: dict[str, list[float]] = {name: [] for name in targets}
    failed = dict.fromkeys(targets, 0)
    for number in range(SLICES):
        for name, target in targets.items():
            found, faults = asyncio.run(open_loop(target, number))
            seconds[name] += found
            failed[name] += faults
        for i in range(int(RATE * SLICE_SECONDS)):
            begun = time.perf_counter()
            booster.predict(X[[i % len(X)]], num_threads=1)
            bare.append(time.perf_counter() - begun)
            time.sleep(1 / RATE / 10)
    yield f"One row, {RATE:g} requests per second by the clock, {len(bare):,} each, in slices of {SLICE_SECONDS:g} s:"
    yield ""
    yield f"| {' | '.join(HEADERS)} |"
    yield f"|{' --- |' * len(HEADERS)}"
    base = _at(bare, 99)
    yield f"| bare predict | {_at(bare, 50):.2f} | {base:.2f} | {_at(bare, 99.9):.2f} | | |"
    above = {name: _at(found, 99) - base for name, found in seconds.items()}
    for name, found in seconds.items():
        figures = " | ".join(f"{_at(found, q):.2f}" for q in (50, 99, 99.9))
        yield f"| {name} | {figures} | {above[name]:.2f} | {failed[name]} |"
    yield ""
    middle = {name: _at(found, 50) - _at(bare, 50) for name, found in seconds.items()}
    ours, theirs = above.values()
    yield f"Above the bare predict, p99: {ours / theirs:.3f} of MLflow's; p50: {_ratio(middle):.3f}."


def _ratio(by_name: dict[str, float]) -> float:
    ours, theirs = by_name.values()
    return ours / theirs


def _at(seconds: list[float], percent: float) -> float:
    return float(np.percentile(seconds, percent) * 1e3)


def _batches(targets: dict[str, Target], fitted: FittedCandidate, X: np.ndarray, frame: pd.DataFrame) -> Iterator[str]:
    booster, rows, some = fitted.classifier.booster_, X[:BATCH], frame.head(BATCH)
    calls: dict[str, Callable[[], Any]] = {
        "bare predict of encoded rows": lambda: booster.predict(rows, num_threads=1),
        "the model's predict_proba of a frame": lambda: fitted.predict_proba(some),
        **{name: (lambda target=target: post(target, target.batch)) for name, target in targets.items()},
    }
    _check_equal(targets)
    took: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(BATCHES):
        for name, call in calls.items():
            begun = time.perf_counter()
            call()
            took[name].append(time.perf_counter() - begun)
    rates = {name: BATCH / float(np.median(found)) for name, found in took.items()}
    first = next(iter(rates.values()))
    yield f"Batches of {BATCH:,} rows as JSON, medians of {BATCHES}, the four in turns:"
    yield ""
    yield "| what | rows per second | of the bare predict |"
    yield "| --- | --- | --- |"
    for name, rate in rates.items():
        yield f"| {name} | {rate:,.0f} | {rate / first:.2f} |"


def _check_equal(targets: dict[str, Target]) -> None:
    """Refuse to compare servers that predict other classes."""
    own, other = (json.loads(post(target, target.batch))["predictions"] for target in targets.values())
    if [one["class"] for one in own] != other:
        raise RuntimeError("the servers predict other classes for the same rows")


async def open_loop(target: Target, seed: int) -> tuple[list[float], int]:
    """Send rows at times that are fixed beforehand; return seconds from these times to the answers, and failures."""
    generator = np.random.default_rng(seed)
    at = np.cumsum(generator.exponential(1 / RATE, int(RATE * SLICE_SECONDS)))
    connections: asyncio.LifoQueue = asyncio.LifoQueue()
    seconds, failed, begun = [], 0, time.perf_counter() + 0.1

    async def one(i: int, when: float) -> None:
        nonlocal failed
        await asyncio.sleep(max(0.0, begun + when - time.perf_counter()))
        try:
            status = await _exchange(connections, target, target.row(i))
            failed += status != 200
        except (OSError, EOFError):
            failed += 1
        seconds.append(time.perf_counter() - begun - when)

    await asyncio.gather(*(one(i, when) for i, when in enumerate(at)))
    while not connections.empty():
        connections.get_nowait()[1].close()
    return seconds, failed


async def _exchange(connections: asyncio.LifoQueue, target: Target, body: bytes) -> int:
    """Send a request on a connection that is free, or on a new one; return the status of its answer."""
    reader, writer = None, None
    while not connections.empty() and (reader is None or reader.at_eof()):  # one that was idle is closed by its server
        reader, writer = connections.get_nowait()
    if reader is None or writer is None or reader.at_eof():
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    writer.write(_head(target, body) + body)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    await reader.readexactly(length)
    connections.put_nowait((reader, writer))
    return int(head.split()[1])


def _head(target: Target, body: bytes) -> bytes:
    return (
        f"POST {target.path} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()


def post(target: Target, body: bytes) -> bytes:
    """Send one request and return its answer.

    Raises
    ------
    RuntimeError
        On another status than 200.
    """
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=120)
    connection.request("POST", target.path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{target.path} answered {answer.status}: {content[:500]!r}")
    return content


def ours(frame: pd.DataFrame, problem: Problem) -> Target:
    """Return the requests to this service: rows as objects."""
    rows = json.loads(_written(frame, problem).to_json(orient="records"))
    return Target(
        PORTS["this service"],
        "/predict",
        lambda i: json.dumps(rows[i % len(rows)]).encode(),
        json.dumps(rows[:BATCH]).encode(),
    )


def mlflows(frame: pd.DataFrame) -> Target:
    """Return the requests to MLflow's server, whose schema has times in ISO 8601."""
    plain = frame.assign(**{name: frame[name].dt.tz_localize(None) for name in frame.select_dtypes("datetimetz")})
    split = json.loads(plain.to_json(orient="split", index=False, date_format="iso"))

    def body(rows: list) -> bytes:
        return json.dumps({"dataframe_split": {"columns": split["columns"], "data": rows}}).encode()

    data = split["data"]
    return Target(PORTS["MLflow's server"], "/invocations", lambda i: body([data[i % len(data)]]), body(data[:BATCH]))


def _written(frame: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    """Write times in the format of the problem's files."""
    times = {name: kind.format for name, kind in column_types(problem).items() if kind.kind == "time" and kind.format}
    return frame.assign(**{name: frame[name].dt.strftime(form) for name, form in times.items() if name in frame})


def promoted(problem: Problem, fitted: FittedCandidate, frame: pd.DataFrame, folder: Path) -> Registered:
    """Store a model and make it champion by rules that ask nobody; it is measured, not judged."""
    run_id = training_runs.start_training(problem.name, "serve", {}, {})
    logged = log_model(run_id, write_model(fitted, folder / "model.skops"), frame)
    training_runs.end_training(run_id, "FINISHED", None)
    facts = {"validation": "passed", "leak_sentinel": "clean"}
    made = register(logged, run_id, model_name(problem.name), f"serve {time.time_ns()}", facts)
    client = connect()
    registration = registration_of(client, reconcile(client, made.name), made.name, made.version)
    classes = tuple(fitted.class_names)
    promise = Promise(classes=classes, confusion=((1,) * len(classes),) * len(classes), effect=1e6)
    verdict = Verdict(outcome="promote (first)", reasons=("measured",), metric="macro_f1", promise=promise)
    rules = problem_digests(problem)[POLICY]
    case = case_facts(f"case {registration.hash}", logged.sha256, ("", ""), rules)
    record_verdict(made.name, made.version, verdict, case)
    request_review.fn(problem, made, verdict)
    promote_version(client, made.name, made.version)
    return made


def _our_command(folder: Path) -> list[str]:
    problem = str(folder / "toronto.yaml")
    return [sys.executable, "-m", "service.serve", "--problem", problem, "--port", str(PORTS["this service"])]


def _mlflow_command(version: Registered) -> list[str]:
    model, port = f"models:/{version.name}/{version.version}", str(PORTS["MLflow's server"])
    return [
        *(sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", model, "--port", port),
        *("--host", "127.0.0.1", "--env-manager", "local"),
    ]


@contextmanager
def started(command: list[str], log: Path, port: int, health: str, seconds: float = 240) -> Iterator[None]:
    """Run a server, wait until it answers, and end it with all that it started."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # MLflow starts uvicorn by name
    own = {"PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": settings().mlflow_uri, "PATH": path}
    with log.open("wb") as out:
        server = subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **own}, start_new_session=True
        )
    try:
        deadline = time.monotonic() + seconds
        while not _answers(port, health):
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[2]} did not start:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.2)
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, 15)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, 9)
            server.wait()


def _answers(port: int, path: str) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
