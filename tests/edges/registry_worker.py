"""Processes that use one registry at the same time, or are killed in the middle; forked to save the imports.

``python registry_worker.py`` reads one job per line, ``["race", FOLDER, ROUNDS, PROCESSES, URI]`` or
``["kill", FOLDER, EVERY]``, and prints the exit code of each; a job writes its results to its folder.
"""

import gc
import json
import os
import shutil
import signal
import sys
import time
import traceback
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mlflow import MlflowClient

from evenhand.audit.review_state import champion_state
from evenhand.errors import GateError
from tasks.data.problems import load_problem
from tasks.registry import ledger_store
from tasks.registry.ledger_store import read_ledger
from tasks.registry.register_version import find_registered, register
from tasks.registry.store_model import LoggedModel
from tasks.registry.witness import witnessed
from tasks.review.decide import ReviewAnswer, decide_review
from tasks.review.request_review import request_review
from tasks.settings import settings
from tasks.tracking.client import connect
from tests.edges import tiny_registry

MODEL = tiny_registry.MODEL
WRITES = ("create_", "set_", "delete_", "log_", "rename_", "update_")


def fork(work, *args):
    """Run a function in a new process and return its id."""
    pid = os.fork()
    if pid:
        return pid
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # MLflow prints addresses; stdout is for exit codes only
    try:
        work(*args)
        os._exit(0)
    except BaseException:  # noqa: BLE001 - the child process must end here
        traceback.print_exc()
        os._exit(1)


def exit_code(pid):
    """Wait for a process and return its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def wait(*pids):
    """Wait for processes; an exit code other than 0 is an error."""
    codes = [exit_code(pid) for pid in pids]
    if any(codes):
        raise SystemExit(f"exit codes {codes}")


def point_to(home, uri=""):
    """Use the stores of a home and the problem file in it, and return the problem."""
    os.environ["EVENHAND_HOME"] = str(home)
    os.environ["EVENHAND_PROBLEMS"] = str(home / "problems")
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    if uri:
        os.environ["MLFLOW_TRACKING_URI"] = uri
    settings.cache_clear()
    return tiny_registry.write_problem(tiny_registry.PROBLEM)


def write_result(out, name, content):
    (out / f"{name}.json").write_text(json.dumps(content))


def state():
    """The state of the registry, without ids and times; versions are counted as the ledger has registered them."""
    client = connect()
    model = client.get_registered_model(MODEL)
    records = read_ledger(client, MODEL, model).verified()
    numbers = [record.version for record in records if record.kind == "registration"]
    named = {version: str(number) for number, version in enumerate(numbers, start=1)}
    tags = {version: client.get_model_version(MODEL, version).tags for version in numbers}
    shown, entries = ("review", "reviewer", "review_comment"), witnessed(MODEL)
    return {
        "aliases": {alias: named[str(version)] for alias, version in model.aliases.items()},
        "records": [[record.kind, named.get(record.version, ""), record.by] for record in records],
        "ledger": named.get(champion_state(records).champion, ""),
        "tags": {named[version]: {key: tags[version].get(key) for key in shown} for version in numbers},
        "head": model.tags.get("ledger_head", "").split(" ")[0],
        "witness": [sorted(entries[record.seq][record.hash]) for record in records],
    }


# --- many at the same time -----------------------------------------------------------------------------------------


def request_passed(problem, registered):
    """Record a verdict that passes and request a review, as the gate does, without scoring."""
    request_review.fn(problem, registered, tiny_registry.pass_gate(registered, problem))


def log_model(folder):
    write_result(folder, "logged", tiny_registry.log(["clear"]))


def register_as(identity, logged):
    """Register a logged model as a training does, unless it is registered already."""
    run_id, model = logged
    return find_registered(MODEL, identity) or register(LoggedModel(*model), run_id, MODEL, identity)


def request_all(folder, logged, count):
    made, problem = [], load_problem("tiny")
    for _ in range(count):
        registered = register_as(uuid.uuid4().hex, logged)
        request_passed(problem, registered)
        made.append(registered.version)
    write_result(folder, "made", made)


def approve(folder, number, version, start):
    connect().search_registered_models()
    time.sleep(max(0.0, start - time.time()))
    try:
        decision = decide_review(MODEL, version, ReviewAnswer("approve", f"Person {number}", "mine"))
        write_result(folder, f"person-{number}", {"version": version, "result": decision.state})
    except GateError as error:
        write_result(folder, f"person-{number}", {"version": version, "result": str(error)})


def race(out, rounds, processes, uri):
    """All processes approve at the same moment, each its own version; in every third round all the same one."""
    point_to(out / "home", uri)
    os.chdir(out)  # where MLflow stores artifacts by default
    wait(fork(log_model, out))
    logged = json.loads((out / "logged.json").read_text())
    for number in range(rounds):
        folder = out / f"round-{number}"
        folder.mkdir()
        same = number % 3 == 1
        wait(fork(request_all, folder, logged, 1 if same else processes))
        made = json.loads((folder / "made.json").read_text())
        start = time.time() + 1.0
        wait(*[fork(approve, folder, i, made[0 if same else i], start) for i in range(processes)])
        wait(fork(lambda folder=folder: write_result(folder, "state", state())))


# --- killed before a write -------------------------------------------------------------------------------------------


def kill_at(step):
    """Kill this process before the given write to MLflow or the witness; 0 only counts the writes."""
    count = [0]

    def counted(method):
        def call(*args, **kwargs):
            count[0] += 1
            if count[0] == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return method(*args, **kwargs)

        return call

    for name in dir(MlflowClient):
        if name.startswith(WRITES):
            setattr(MlflowClient, name, counted(getattr(MlflowClient, name)))
    ledger_store.add_entry = counted(ledger_store.add_entry)
    return count


def train_and_approve(home, logged, out, step=None):
    """Do everything from the logged model to the alias, as a training and a reviewer do."""
    problem = point_to(home)
    writes = kill_at(step) if step is not None else [0]
    made = register_as("one", logged)
    if "champion" not in made.aliases:  # which keeps its verdict
        request_passed(problem, made)
    try:
        decide_review(MODEL, made.version, ReviewAnswer("approve", "A. Person", "looks right"))
    except GateError as error:
        if "approved by A. Person" not in str(error):
            raise
    write_result(out, "state", {"writes": writes[0], **state()})


def kill_everywhere(out, every):
    """Run once without a kill, then once per write, killed before it and run again; ``every`` skips writes."""
    database, logged = tiny_registry.store_with_models()
    ends, step, writes = {}, 0, 0
    while step <= writes:
        home = out / f"home-{step}"
        home.mkdir()
        shutil.copy(database, home / "mlflow.db")
        code = exit_code(fork(train_and_approve, home, logged[("clear",)], out, step))
        if step and code != -signal.SIGKILL:
            raise SystemExit(f"step {step}: {code}")
        if step:
            wait(fork(train_and_approve, home, logged[("clear",)], out))
        ends[step] = json.loads((out / "state.json").read_text())
        writes = ends[step].pop("writes") or writes
        step += every if step else 1
    write_result(out, "ends", {"writes": writes, "states": ends})


def serve():
    """Run each job in a process forked from this one, because the imports take longer than most jobs."""
    tiny_registry.store_with_models()  # imports every module that the forked processes need
    gc.freeze()  # keeps garbage collection in the forked processes from copying the shared memory
    for line in sys.stdin:
        job, folder, *arguments = json.loads(line)
        sys.stdout.write(f"{exit_code(fork(JOBS[job], Path(folder), *arguments))}\n")
        sys.stdout.flush()


JOBS = {"race": race, "kill": kill_everywhere}

if __name__ == "__main__":
    serve()
