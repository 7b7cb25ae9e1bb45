"""A small model registry for tests: an MLflow store in SQLite, tiny models, and held-out rows for the gate."""

import atexit
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
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression

from evenhand.audit.review_state import champion_state
from evenhand.problem import parse_problem
from evenhand.scoring.model import FittedCandidate
from tasks.gate.run_gate import run_gate
from tasks.registry import training_runs
from tasks.registry.champion_alias import add_record, alias_record
from tasks.registry.client import connect
from tasks.registry.ledger_store import read_ledger
from tasks.registry.model_versions import read_version, registry_errors
from tasks.registry.register_version import register
from tasks.registry.store_model import log_model, write_model
from tasks.review.request_review import request_review
from tasks.settings import settings
from tasks.storage.store import write_frame

CLASSES = ("Assault", "Auto Theft", "Robbery")
MODEL = "evenhand-tiny"
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
    """Train and log a model; return its run and its address."""
    run_id = training_runs.start_training("tiny", "training", {}, {})
    example = rows(1).rename(columns=renamed or {}).drop(columns="kind")
    with tempfile.TemporaryDirectory() as folder:
        model = write_model(fitted(columns, renamed), Path(folder, "model.skops"))
        uri = log_model(run_id, model, example)
    training_runs.end_training(run_id, "FINISHED", None)
    return run_id, uri


@cache
def store_with_models():
    """Create a database with three logged models, once per test run; copying it is faster than making it."""
    folder = Path(tempfile.mkdtemp(prefix="evenhand-models-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENHAND_HOME", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        settings.cache_clear()
        logged = {columns: log(columns) for columns in (("faint",), ("clear",), ("faint", "clear"))}
    settings.cache_clear()
    return folder / "mlflow.db", logged


def promote_alias(name, version, reviewer, comment):
    """Make a version champion by a record alone, without gate and review, as the starting point of a test."""
    client = connect()
    with registry_errors(f"moving alias champion of {name} to version {version}"):
        read_version(client, name, version)

        def decide(records):
            is_champion = champion_state(records).champion == version
            return None if is_champion else alias_record("promotion", version, reviewer, comment)

        add_record(client, name, decide)
        return read_version(client, name, version)


CACHED_STATES = {}


def cached_state(name, make):
    """Create a state of the registry once per test run; later calls restore its database and gate reports."""
    folder = store_with_models()[0].parent
    copy, live = folder / f"{name}.db", settings().home / "mlflow.db"
    source, target = (copy, live) if name in CACHED_STATES else (live, copy)
    if name not in CACHED_STATES:
        made = make()
        CACHED_STATES[name] = made, {path: path.read_bytes() for path in folder.rglob("gate_report.html")}
    made, reports = CACHED_STATES[name]
    for path, content in reports.items():
        path.write_bytes(content)
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(target)) as database:
        original.backup(database)
    return made


class TinyRegistry:
    """Registers versions, runs the gate and requests reviews as a training flow does."""

    def __init__(self, logged):
        self.client = connect()
        self.logged = logged
        self.holdout = write_frame(rows(2), "splits/{sha256}/holdout.parquet")

    def version(self, *columns, identity=None, logged=None):
        run_id, uri = logged or self.logged[columns]
        tags = {"training": "20260101-tiny", "validation": "passed", "leak_sentinel": "clean"}
        return register(uri, run_id, "tiny", identity or uuid.uuid4().hex, tags)

    def evaluate(self, registered, problem=PROBLEM):
        """Run the gate and request a review; return the verdict and the status message."""
        verdict = run_gate.fn(problem, self.holdout, registered)
        return verdict, request_review.fn(problem, registered, verdict)

    def champion(self, *columns, logged=None):
        made = self.version(*columns, logged=logged)
        return promote_alias(made.name, made.version, "A. Person", "first champion")

    def aliases(self):
        return {name: str(version) for name, version in self.client.get_registered_model(MODEL).aliases.items()}

    def records(self, *kinds):
        """Verified records of the ledger, of all kinds or of some."""
        found = read_ledger(self.client, MODEL).verified()
        return [record for record in found if not kinds or record.kind in kinds]

    def tags(self, registered):
        return self.client.get_model_version(registered.name, registered.version).tags


@pytest.fixture
def registry(home):
    """A registry with logged models, without a version, and held-out rows."""
    database, logged = store_with_models()
    settings().home.mkdir(parents=True, exist_ok=True)
    shutil.copy(database, settings().home / "mlflow.db")
    return TinyRegistry(logged)
