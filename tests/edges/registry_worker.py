"""Processes that work on one registry at once, or are killed at a step: forked from a script that has all loaded.

``python registry_worker.py`` reads a job a line, ``["race", FOLDER, ROUNDS, PROCESSES, URI]`` or
``["kill", FOLDER, EVERY]``, and answers each with its exit code; what a job found is left in its folder.
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

from evenhand.audit.review_state import standing
from evenhand.errors import GateError
from evenhand.gate.verdict import Verdict
from tasks.registry.client import connect
from tasks.registry.ledger import read_ledger
from tasks.registry.model_versions import COMPARED_WITH, VERDICT_JSON, tag_version
from tasks.registry.register_version import register
from tasks.registry.verdicts import note_verdict
from tasks.review.decide import decide_review
from tasks.review.file import file_verdict
from tasks.settings import settings
from tests.edges import registry_world

MODEL = registry_world.MODEL
WRITES = ("create_", "set_", "delete_", "log_", "rename_", "update_")


def forked(work, *args):
    """Run in a process of its own; its id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work(*args)
        os._exit(0)
    except BaseException:  # noqa: BLE001 - the child ends here, whatever happened
        traceback.print_exc()
        os._exit(1)


def ended(pid):
    """Wait for a process; its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def done(*pids):
    """Wait for processes that must end well."""
    codes = [ended(pid) for pid in pids]
    if any(codes):
        raise SystemExit(f"exit codes {codes}")


def point_to(home, uri=""):
    os.environ["EVENHAND_HOME"] = str(home)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    if uri:
        os.environ["MLFLOW_TRACKING_URI"] = uri
    settings.cache_clear()


def told(out, name, content):
    (out / f"{name}.json").write_text(json.dumps(content))


def state():
    """What is left in the registry, in words that do not change from run to run."""
    client = connect()
    model = client.get_registered_model(MODEL)
    records = read_ledger(client, MODEL).sound()
    versions = client.search_model_versions(f"name = '{MODEL}'")
    shown = ("review", "reviewer", "review_comment", "verdict")
    return {
        "aliases": {alias: str(version) for alias, version in model.aliases.items()},
        "records": [[record.kind, record.version, record.by] for record in records],
        "ledger": standing(records).champion,
        "versions": sorted(str(version.version) for version in versions),
        "tags": {str(v.version): {key: v.tags.get(key) for key in shown} for v in versions},
        "head": model.tags.get("ledger_head", "").split(" ")[0],
    }


# --- many at once ---------------------------------------------------------------------------------------------------


def passed(problem, registered, compared_with):
    """File a pass as judging does, without the work of scoring."""
    verdict = Verdict(outcome="promote" if compared_with else "promote (first)", reasons=("better",), metric="macro_f1")
    facts = {VERDICT_JSON: verdict.model_dump_json(), COMPARED_WITH: compared_with}
    tag_version(connect(), MODEL, registered.version, facts)
    note_verdict(MODEL, registered.version, verdict, f"case {registered.version}", compared_with)
    file_verdict.fn(problem, registered, verdict)


def log_one(folder):
    told(folder, "logged", registry_world.log(["clear"]))


def file_all(folder, logged, count):
    made = []
    for _ in range(count):
        registered = register(*reversed(logged), "tiny", uuid.uuid4().hex)
        champion = connect().get_registered_model(MODEL).aliases.get("champion", "")
        passed(registry_world.PROBLEM, registered, str(champion))
        made.append(registered.version)
    told(folder, "made", made)


def approve(folder, number, version, begin):
    connect().search_registered_models()
    time.sleep(max(0.0, begin - time.time()))
    try:
        decision = decide_review("tiny", version, "approve", f"Person {number}", "mine")
        told(folder, f"person-{number}", {"version": version, "said": decision.state})
    except GateError as error:
        told(folder, f"person-{number}", {"version": version, "said": str(error)})


def race(out, rounds, processes, uri):
    """Everybody approves a version of their own at the same moment; in every third round all of them the same one."""
    point_to(out / "home", uri)
    os.chdir(out)  # where MLflow keeps artifacts when nobody tells it another place
    done(forked(log_one, out))
    logged = json.loads((out / "logged.json").read_text())
    for number in range(rounds):
        folder = out / f"round-{number}"
        folder.mkdir()
        same = number % 3 == 1
        done(forked(file_all, folder, logged, 1 if same else processes))
        made = json.loads((folder / "made.json").read_text())
        begin = time.time() + 1.0
        done(*[forked(approve, folder, i, made[0 if same else i], begin) for i in range(processes)])
        done(forked(lambda folder=folder: told(folder, "state", state())))


# --- killed at a step ----------------------------------------------------------------------------------------------


def killed_at(step):
    """Die before the given call that writes to MLflow; count them when it is 0."""
    count = [0]

    def dying(method):
        def call(*args, **kwargs):
            count[0] += 1
            if count[0] == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return method(*args, **kwargs)

        return call

    for name in dir(MlflowClient):
        if name.startswith(WRITES):
            setattr(MlflowClient, name, dying(getattr(MlflowClient, name)))
    return count


def train_and_approve(home, logged, out, step=None):
    """From the logged model to the alias, as a training and a reviewer do it."""
    point_to(home)
    counted = killed_at(step) if step is not None else [0]
    made = register(*reversed(logged), "tiny", "one")
    passed(registry_world.PROBLEM, made, "")
    try:
        decide_review("tiny", made.version, "approve", "A. Person", "looks right")
    except GateError as error:
        if "approved by A. Person" not in str(error):
            raise
    told(out, "state", {"writes": counted[0], **state()})


def kill_everywhere(out, every):
    """Once undisturbed, then killed before each write in turn, or each second one and so on, and done again."""
    database, logged = registry_world.stocked_store()
    ends, step, writes = {}, 0, 0
    while step <= writes:
        home = out / f"home-{step}"
        home.mkdir()
        shutil.copy(database, home / "mlflow.db")
        code = ended(forked(train_and_approve, home, logged[("clear",)], out, step))
        if step and code != -signal.SIGKILL:
            raise SystemExit(f"step {step}: {code}")
        if step:
            done(forked(train_and_approve, home, logged[("clear",)], out))
        ends[step] = json.loads((out / "state.json").read_text())
        writes = ends[step].pop("writes") or writes
        step += every if step else 1
    told(out, "ends", {"writes": writes, "states": ends})


def serve():
    """Do each job in a process of its own, forked from this one: loading everything takes longer than most jobs."""
    registry_world.stocked_store()  # loads every module that the forked processes need
    gc.freeze()  # no collection of theirs looks at it, which would copy it
    for line in sys.stdin:
        what, folder, *words = json.loads(line)
        sys.stdout.write(f"{ended(forked(JOBS[what], Path(folder), *words))}\n")
        sys.stdout.flush()


JOBS = {"race": race, "kill": kill_everywhere}

if __name__ == "__main__":
    serve()
