"""A winner on text and anomaly scores: registered, loaded, and predicting the same for rows with any text."""

import mlflow
import numpy as np
import pandas as pd
import pytest

from evenhand.data.split import make_folds
from evenhand.problem import FeatureSet, ModelSpec, StratifiedFolds, TextAugmentStrategy
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from tasks.registry.load_model import load_model
from tasks.registry.model_versions import model_name
from tasks.registry.register_version import register
from tasks.registry.store_model import log_model, write_model
from tasks.tracking.training_runs import end_training, start_training
from tests.edges.tiny_registry import registry

__all__ = ["registry"]

CLASSES = ["burglary", "robbery"]
FEATURES = FeatureSet.model_validate(
    {
        "categorical": ["place"],
        "numeric": ["hour"],
        "rates": ["place"],
        "text": [{"column": "notes", "components": 4, "top_terms": 3}],
        "anomaly": ["ecod", "isolation_forest", "one_class_svm", {"kind": "knn_distance", "class_name": "robbery"}],
    }
)
WINNER = Candidate(ModelSpec(kind="lightgbm", params={"n_estimators": 10}), TextAugmentStrategy(kind="text_augment"))


def rows_of(n=240, seed=0):
    generator = np.random.default_rng(seed)
    y = generator.choice(2, n, p=[0.8, 0.2])
    openings = np.where(y == 1, "threatened with a knife near the", "window broken at the")
    places = generator.choice(["bar", "park", "house"], n)
    frame = pd.DataFrame(
        {
            "place": pd.Series(places, dtype="str"),
            "hour": generator.integers(0, 24, n).astype(float),
            "notes": pd.Series([f"{a} {b}" for a, b in zip(openings, places, strict=True)], dtype="str"),
        }
    )
    frame.loc[::30, "notes"] = None
    return frame, y


@pytest.fixture
def winner():
    frame, y = rows_of()
    folds = make_folds(frame, y, StratifiedFolds(kind="stratified", n=2), 0)
    outcome = Experiment(frame, y, CLASSES, folds, {"base": FEATURES}, 0).run(WINNER, 0, keep_model=True)
    assert outcome.leaks == ()
    assert len(set(outcome.resampling.after.values())) == 1
    return outcome.fitted


def test_it_predicts_the_same_after_registration(registry, winner, tmp_path):
    run_id = start_training("texts", "a training", {}, {})
    logged = log_model(run_id, write_model(winner, tmp_path / "winner.skops"), rows_of()[0])
    end_training(run_id, "FINISHED", None)
    registered = register(logged, run_id, model_name("texts"), "an identity", {})
    new = rows_of(60, seed=4)[0]
    new.loc[0, ["place", "notes"]] = ["the moon", "unknown words: ünïcode \N{PILE OF POO} <b>"]
    new.loc[1, ["place", "hour", "notes"]] = [None, np.nan, None]
    new.loc[2, "notes"] = "knife " * 5_000
    loaded = load_model(f"models:/{registered.name}/{registered.version}", logged.sha256)
    np.testing.assert_array_equal(loaded.predict_proba(new), winner.predict_proba(new))
    plain = mlflow.pyfunc.load_model(logged.uri)
    assert plain.predict(new[["notes", "hour", "place"]]).tolist() == winner.predict(new).tolist()
    kinds = {column.name: column.type.name for column in plain.metadata.signature.inputs.inputs}
    assert kinds == {"place": "string", "hour": "double", "notes": "string"}
