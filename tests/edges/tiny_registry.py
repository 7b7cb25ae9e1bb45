"""A small model registry for tests: an MLflow store in SQLite, tiny models, and held-out rows for the gate."""

import atexit
import os
import shutil
import sqlite3
import tempfile
import uuid
from contextlib import closing
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression

from evenhand.audit.review_state import champion_state
from evenhand.gate.verdict import Promise, Verdict
from evenhand.problem import parse_problem
from evenhand.scoring.model import FittedCandidate
from tasks.data.problems import load_problem
from tasks.gate.run_gate import run_gate
from tasks.registry.champion_alias import reconcile
from tasks.registry.digests import POLICY, problem_digests
from tasks.registry.ledger_store import read_ledger
from tasks.registry.model_versions import ModelName, read_version, registry_errors
from tasks.registry.register_version import find_registered, register
from tasks.registry.registrations import registration_of
from tasks.registry.store_model import log_model, write_model
from tasks.registry.verdicts import case_facts, record_verdict
from tasks.review.approve import promote_version
from tasks.review.request_review import request_review
from tasks.settings import settings
from tasks.storage.store import write_frame
from tasks.tracking import training_runs
from tasks.tracking.client import connect

STORE = os.environ.get("EVENHAND_TEST_STORE", "")
CLASSES = ("Assault", "Auto Theft", "Robbery")
MODEL = ModelName("evenhand-tiny")
PROBLEM = parse_problem(
    {
        "name": "tiny",
        "title": "Tiny",
        "source": {"kind": "csv", "path": "tiny.csv"},
        "target": {"column": "kind"},
        "features": {"base": {"numeric": ["faint", "clear"]}},
        "split": {"holdout": {"column": "year", "start": 2021}},
        "strategies": ["none"],
        "gate": {"resamples": 200},
    },
    "tiny.yaml",
)
# So vague that every champion keeps it.
PROMISE = Promise(classes=CLASSES, confusion=((1,) * 3,) * 3, effect=1e6)
WITHOUT_REVIEW = PROBLEM.model_copy(update={"review": "never"})


def rows(seed, counts=(500, 300, 150)):
    """Rows of three classes; column ``clear`` separates them well, ``faint`` a little."""
    rng = np.random.default_rng(seed)
    code = np.repeat(np.arange(len(counts)), counts)
    return pd.DataFrame(
        {
            "faint": code + rng.normal(scale=1.5, size=len(code)),
            "clear": code + rng.normal(scale=0.5, size=len(code)),
            "kind": np.array(CLASSES)[code],
        }
    )


def fitted(columns, renamed=None):
    """A model of some of the columns; ``renamed`` makes it need a column that the held-out rows lack."""
    train = rows(1).rename(columns=renamed or {})
    encoder = ColumnTransformer([("columns", "passthrough", list(columns))]).fit(train.drop(columns="kind"))
    codes = train["kind"].map({name: code for code, name in enumerate(CLASSES)}).to_numpy()
    classifier = LogisticRegression(max_iter=500).fit(encoder.transform(train), codes)
    return FittedCandidate(encoder, classifier, list(CLASSES))


def log(columns, renamed=None):
    """Train and log a model; return its run and what was logged."""
    run_id = training_runs.start_training("tiny", "training", {}, {})
    example = rows(1).rename(columns=renamed or {}).drop(columns="kind")
    with tempfile.TemporaryDirectory() as folder:
        model = write_model(fitted(columns, renamed), Path(folder, "model.skops"))
        logged = log_model(run_id, model, example)
    training_runs.end_training(run_id, "FINISHED", None)
    return run_id, logged


def point_to_store(patch):
    """Use SQLite in the home, or the store that ``make soak`` names."""
    if STORE:
        patch.setenv("MLFLOW_TRACKING_URI", STORE)
    else:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)


def put_aside_tiny(client):
    """Remove what the test before has left in a store that all tests use."""
    if client.search_registered_models(f"name = '{MODEL}'"):
        client.delete_registered_model(MODEL)
    for found in client.search_experiments(view_type=3, filter_string="name LIKE 'evenhand-ledger-tiny%'"):
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        client.rename_experiment(found.experiment_id, f"aside-{uuid.uuid4().hex}")


@cache
def store_with_models():
    """Create a database with three logged models, once per test run; copying it is faster than making it."""
    folder = Path(tempfile.mkdtemp(prefix="evenhand-models-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENHAND_HOME", str(folder))
        point_to_store(patch)
        settings.cache_clear()
        logged = {columns: log(columns) for columns in (("faint",), ("clear",), ("faint", "clear"))}
    settings.cache_clear()
    return folder / "mlflow.db", logged


def write_problem(problem):
    """Write the problem's file, which governs gate and review, and return the problem as it is read from there."""
    folder = settings().problems
    folder.mkdir(parents=True, exist_ok=True)
    raw = problem.model_dump(mode="json", exclude_unset=True)
    (folder / f"{problem.name}.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    return load_problem(problem.name)


def pass_gate(registered, problem=PROBLEM, **changes):
    """Record a verdict that passes, as the gate does, without scoring."""
    client = connect()
    records = reconcile(client, registered.name)
    champion = champion_state(records).champion
    outcome = "promote" if champion else "promote (first)"
    verdict = Verdict(outcome=outcome, reasons=("better",), metric="macro_f1", promise=PROMISE)
    registration = registration_of(client, records, registered.name, registered.version)
    rules = problem_digests(problem)[POLICY]
    facts = case_facts(f"case {registration.hash}", registration.facts["model_sha256"], (champion, ""), rules)
    record_verdict(registered.name, registered.version, verdict, facts | changes)
    return verdict


def promote_alias(name, version, reviewer="", comment=""):
    """Make a version champion without gate and review, by rules that ask nobody, as the starting point of a test."""
    client = connect()
    with registry_errors(f"moving alias champion of {name} to version {version}"):
        registered = read_version(client, name, version)
        if champion_state(reconcile(client, name)).champion == version:
            return registered
        problem = write_problem(WITHOUT_REVIEW)
        request_review.fn(problem, registered, pass_gate(registered, problem))
        promote_version(client, name, version)
        write_problem(PROBLEM)
        return read_version(client, name, version)


CACHED_STATES = {}


def cached_state(name, make):
    """Create a state of the registry once per test run; later calls restore its database, witness and gate reports."""
    folder = store_with_models()[0].parent
    copy, live = folder / f"{name}.db", settings().home / "mlflow.db"
    witness, problems = settings().home / "witness", settings().problems
    source, target = (copy, live) if name in CACHED_STATES else (live, copy)
    if name not in CACHED_STATES:
        made = make()
        files = {path: path.read_bytes() for path in folder.rglob("*") if path.suffix in {".html", ".u64"}}
        for part in (witness, problems):
            shutil.copytree(part, folder / f"{name}-{part.name}")
        CACHED_STATES[name] = made, files
    made, files = CACHED_STATES[name]
    for path, content in files.items():
        path.write_bytes(content)
    for part in (witness, problems):
        shutil.copytree(folder / f"{name}-{part.name}", part, dirs_exist_ok=True)
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(target)) as database:
        original.backup(database)
    return made


class TinyRegistry:
    """Registers versions, runs the gate and requests reviews as a training flow does."""

    def __init__(self, logged):
        self.client = connect()
        self.logged = logged
        self.holdout = write_frame(rows(2), "splits/{sha256}/holdout.parquet")

    def version(self, *columns, identity=None, logged=None, **tags):
        """Register a model as a training does; ``tags`` are more or other facts of it, None leaves one out."""
        run_id, model = logged or self.logged[columns]
        identity = identity or uuid.uuid4().hex
        facts = {"training": "20260101-tiny", "validation": "passed", "leak_sentinel": "clean", **tags}
        facts = {name: value for name, value in facts.items() if value is not None}
        return find_registered(MODEL, identity) or register(model, run_id, MODEL, identity, facts)

    def evaluate(self, registered, problem=PROBLEM):
        """Write the problem's file, run the gate and request a review; return the verdict and the status message."""
        problem = write_problem(problem)
        verdict = run_gate.fn(problem, self.holdout, registered)
        return verdict, request_review.fn(problem, registered, verdict)

    def champion(self, *columns, logged=None, **tags):
        made = self.version(*columns, logged=logged, **tags)
        return promote_alias(made.name, made.version)

    def aliases(self):
        return {name: str(version) for name, version in self.client.get_registered_model(MODEL).aliases.items()}

    def records(self, *kinds):
        """Verified records of the ledger, of all kinds or of some."""
        found = read_ledger(self.client, MODEL, self.client.get_registered_model(MODEL)).verified()
        return [record for record in found if not kinds or record.kind in kinds]

    def tags(self, registered):
        return self.client.get_model_version(registered.name, registered.version).tags


def stored_keys(registry):
    """Files in the ledger's run that hold the keys of evaluated rows."""
    experiment = registry.client.get_experiment_by_name("evenhand-ledger-tiny")
    return list(Path(experiment.artifact_location.removeprefix("file://")).rglob("*.u64"))


@pytest.fixture
def registry(home, monkeypatch):
    """A registry with logged models, without a version, and held-out rows."""
    database, logged = store_with_models()
    monkeypatch.setenv("EVENHAND_PROBLEMS", str(home / "problems"))
    point_to_store(monkeypatch)
    settings.cache_clear()
    settings().home.mkdir(parents=True, exist_ok=True)
    if STORE:
        put_aside_tiny(connect())
    else:
        shutil.copy(database, settings().home / "mlflow.db")
    write_problem(PROBLEM)
    return TinyRegistry(logged)
