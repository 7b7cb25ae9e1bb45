"""A champion with a reference, dated rows like those it was trained on, and files of new ones."""

import numpy as np
import pandas as pd
import yaml
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression

from evenhand.monitoring.periods import period_names
from evenhand.monitoring.rows import MonitoredRows, learn_reference, monitored_columns
from evenhand.problem import parse_problem
from evenhand.scoring.model import FittedCandidate
from tasks.monitoring.run_monitor import MonitorRequest, monitor
from tasks.registry.store_model import REFERENCE_FILE, log_model, write_model
from tasks.settings import settings
from tasks.tracking import training_runs
from tests.edges.tiny_registry import CLASSES

PROBLEM = parse_problem(
    {
        "name": "tiny",
        "title": "Tiny",
        "source": {"kind": "csv", "path": "tiny.csv"},
        "target": {"column": "kind"},
        "features": {"base": {"numeric": ["faint", "clear"], "categorical": ["place"]}},
        "split": {"holdout": {"column": "day", "start": "2024-01-01"}},
        "strategies": ["none"],
        "gate": {"resamples": 200},
        "monitor": {"false_alarm": "1 in 1 years", "min_labelled": 0.7},
    },
    "tiny.yaml",
)
PLACES = np.array(["bar", "park", "shop", "street"])


def dated(start, weeks, seed, per_week=120, clear=0.7, shares=(0.5, 0.3, 0.2)):
    """Rows of whole weeks; ``clear`` is the noise of the column that separates the classes."""
    rng = np.random.default_rng(seed)
    n = weeks * per_week
    code = rng.choice(3, size=n, p=shares)
    day = pd.Timestamp(start) + pd.to_timedelta(np.sort(rng.integers(0, weeks * 7, n)), unit="D")
    return pd.DataFrame(
        {
            "row": [f"{seed}-{number}" for number in range(n)],
            "day": day,
            "faint": code + rng.normal(scale=1.5, size=n),
            "clear": code + rng.normal(scale=clear, size=n),
            "place": rng.choice(PLACES, size=n, p=[0.4, 0.3, 0.2, 0.1]),
            "kind": np.array(CLASSES)[code],
        }
    )


def watched_model(folder, problem=PROBLEM, with_reference=True):
    """Fit and log a model with its reference; return its run and what was logged."""
    train, held_out = dated("2022-01-03", 104, 1), dated("2024-01-01", 52, 2)
    columns = ["faint", "clear"]
    encoder = ColumnTransformer([("columns", "passthrough", columns), ("place", "drop", ["place"])])
    encoder.fit(train[[*columns, "place"]])
    codes = {name: at for at, name in enumerate(CLASSES)}
    classifier = LogisticRegression(max_iter=500).fit(
        encoder.transform(train[[*columns, "place"]]), train["kind"].map(codes).to_numpy()
    )
    model = FittedCandidate(encoder, classifier, list(CLASSES))
    names, proba = model.decide(model.raw_proba(held_out[[*columns, "place"]]))

    def part(frame, **known):
        period = period_names(frame["day"].dt.tz_localize("UTC"), "week")
        return MonitoredRows(monitored_columns(problem, frame, [*columns, "place"]), period, **known)

    predicted = np.array([codes[name] for name in names])
    y = held_out["kind"].map(codes).to_numpy()
    reference = learn_reference(problem, CLASSES, part(train), part(held_out, predicted=predicted, proba=proba, y=y))
    run_id = training_runs.start_training("tiny", "training", {}, {})
    file = write_model(model, folder / "model.skops")
    if with_reference:
        (folder / REFERENCE_FILE).write_bytes(reference.to_bytes())
        file = file._replace(reference=folder / REFERENCE_FILE)
    logged = log_model(run_id, file, train[[*columns, "place"]])
    training_runs.end_training(run_id, "FINISHED", None)
    return run_id, logged


def declare(problem=PROBLEM):
    """Write the problem file, where a champion is watched by it."""
    path = settings().problems / "tiny.yaml"
    path.write_text(yaml.safe_dump(problem.model_dump(mode="json", exclude_unset=True)), encoding="utf-8")


def run(home, rows=None, labels=None, name="new", **more):
    """Write files and run the monitor on them."""
    paths = {}
    for key, frame in (("data", rows), ("labels", labels)):
        if frame is not None:
            path = home / f"{name}-{key}.parquet"
            frame.to_parquet(path)
            paths[key] = str(path)
    return monitor.fn(MonitorRequest(problem="tiny", **paths, **more))
