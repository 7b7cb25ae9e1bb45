"""Models in a real MLflow store: equal predictions in a new process, and no untrusted type is ever loaded."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import get_args

import mlflow
import numpy as np
import pandas as pd
import pytest
import skops.io
import yaml
from mlflow.exceptions import MlflowException
from sklearn.cluster import Birch
from sklearn.linear_model import LogisticRegression

from evenhand.data.schema import ColumnType, parse_columns
from evenhand.errors import EvenhandError
from evenhand.features.encoder import build_encoder
from evenhand.models import build_model
from evenhand.problem import FeatureSet, ModelSpec
from evenhand.scoring.model import FittedCandidate
from tasks.registry.digests import model_sha256
from tasks.registry.load_model import load_model
from tasks.registry.store_model import log_model, write_model
from tasks.registry.trusted_types import TRUSTED_TYPES
from tasks.settings import settings
from tasks.tracking import training_runs
from tasks.tracking.client import connect

ROOT = Path(__file__).resolve().parents[3]
CLASSES = ["Assault", "Robbery", "Theft Over"]
FEATURES = FeatureSet.model_validate(
    {
        "categorical": ["place", {"column": "weapon", "min_count": 5}],
        "numeric": [
            {"column": "age", "outliers": {"action": "clip", "quantiles": [0.01, 0.99]}},
            {"column": "victims", "outliers": {"action": "flag", "low": 0, "high": 3}},
        ],
        "time": [{"column": "when", "format": "%Y/%m/%d %H:%M", "parts": ["year", "hour"], "cyclic": ["month"]}],
        "cyclic": [{"column": "month", "period": 12, "values": ["January", "July"]}],
        "coordinates": [{"latitude": "lat", "longitude": "lon", "box": [50, 0, 51, 1]}],
    }
)
TYPES = {
    "place": ColumnType("text"),
    "weapon": ColumnType("text"),
    "age": ColumnType("number"),
    "victims": ColumnType("number"),
    "when": ColumnType("time", "%Y/%m/%d %H:%M"),
    "month": ColumnType("text"),
    "lat": ColumnType("number"),
    "lon": ColumnType("number"),
}
FAMILIES = {
    "random_forest": {"kind": "random_forest", "params": {"n_estimators": 8}},
    "gradient_boosting": {"kind": "gradient_boosting", "params": {"max_iter": 8}},
    "gradient_boosting exact": {"kind": "gradient_boosting", "exact": True, "params": {"n_estimators": 8}},
    "lightgbm": {"kind": "lightgbm", "params": {"n_estimators": 8}},
    "extra_trees": {"kind": "extra_trees", "params": {"n_estimators": 8}},
    "logistic_regression": {"kind": "logistic_regression"},
    "balanced_bagging": {"kind": "balanced_bagging", "params": {"n_estimators": 3}},
    "balanced_random_forest": {"kind": "balanced_random_forest", "params": {"n_estimators": 5}},
    "easy_ensemble": {"kind": "easy_ensemble", "params": {"n_estimators": 2, "rounds": 3}},
    "rusboost": {"kind": "rusboost", "params": {"n_estimators": 3}},
    "adaboost": {"kind": "adaboost", "params": {"n_estimators": 3}},
    "smote_bagging": {"kind": "smote_bagging", "params": {"n_estimators": 3}},
    "lightgbm_focal": {"kind": "lightgbm_focal", "params": {"n_estimators": 8, "alpha": "balanced"}},
    "lightgbm_continued": {"kind": "lightgbm_continued", "params": {"n_estimators": 8, "first_rounds": 4}},
    "one_class_svm": {"kind": "one_class_svm"},
    "isolation_forest": {"kind": "isolation_forest", "params": {"n_estimators": 8}},
    "ecod": {"kind": "ecod"},
    "knn_distance": {"kind": "knn_distance", "params": {"n_neighbors": 5}},
    "lightgbm on fewer rows": {"kind": "lightgbm", "params": {"n_estimators": 8}, "max_rows": 2000},
}
# The families that are logged to MLflow: one for each kind of stored object.
LOGGED = (
    "random_forest",
    "gradient_boosting",
    "gradient_boosting exact",
    "lightgbm",
    "smote_bagging",
    "lightgbm_focal",
    "lightgbm_continued",
)


def raw_rows(n, seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "Crime ID": [f"leak {i}" for i in range(n)],
            "place": rng.choice(["street", "house", "bar"], n),
            "weapon": rng.choice(["none", "knife", "gun"], n),
            "age": rng.integers(0, 99, n).astype(str),
            "victims": rng.integers(1, 5, n).astype(str),
            "when": pd.date_range("2020-01-01", periods=n, freq="31h").strftime("%Y/%m/%d %H:%M"),
            "month": rng.choice(["January", "July"], n),
            "lat": rng.uniform(50, 51, n).astype(str),
            "lon": rng.uniform(0, 1, n).astype(str),
        }
    )


def new_rows():
    """Rows with unseen categories, a missing cell in every column, outliers and a point outside the box."""
    rows = raw_rows(40, seed=1)
    rows.loc[0, ["place", "weapon", "month"]] = ["the moon", "laser", "Smarch"]
    for i, column in enumerate(TYPES):
        rows.loc[i + 1, column] = None
    rows.loc[20, ["age", "victims", "lat"]] = ["400", "90", "12.5"]
    return parse_columns(rows, TYPES)[0]


def training_rows():
    rows = raw_rows(200, seed=0)
    rows.loc[7, ["age", "lat", "place", "month"]] = None
    return parse_columns(rows, TYPES)[0]


@pytest.fixture(scope="module")
def typed():
    return training_rows()


@pytest.fixture(scope="module")
def fitted(typed):
    y = np.random.default_rng(2).choice(3, len(typed), p=[0.6, 0.3, 0.1])
    encoder = build_encoder(FEATURES)
    X = encoder.fit_transform(typed[list(FEATURES.columns)])
    assert np.isnan(X).any(), "the training rows must have missing numbers too"
    assert {spec["kind"] for spec in FAMILIES.values()} == set(get_args(ModelSpec.model_fields["kind"].annotation))
    models = {
        name: build_model(ModelSpec.model_validate(spec), seed=0, n_rows=len(y)).fit(X, y)
        for name, spec in FAMILIES.items()
    }
    return {name: FittedCandidate(encoder, model, CLASSES) for name, model in models.items()}


@pytest.fixture(scope="module")
def logged(fitted, typed, tmp_path_factory):
    """A store with the models of ``LOGGED``: its home, the run, and what was logged of each."""
    patch = pytest.MonkeyPatch()
    home = tmp_path_factory.mktemp("models")
    patch.setenv("EVENHAND_HOME", str(home))
    patch.delenv("MLFLOW_TRACKING_URI", raising=False)
    settings.cache_clear()
    run_id = training_runs.start_training("toy", "models", {"seed": 42}, {})
    files = {name: write_model(fitted[name], home / f"{name}.skops") for name in LOGGED}
    models = {name: log_model(run_id, files[name], typed, metadata={"family": name}) for name in LOGGED}
    patch.undo()
    settings.cache_clear()
    return home, run_id, models


@pytest.fixture(autouse=True)
def store(logged, home, monkeypatch):
    monkeypatch.setenv("EVENHAND_HOME", str(logged[0]))
    settings.cache_clear()
    connect()


PREDICT_IN_A_NEW_PROCESS = """
import json, sys
import numpy as np, pandas as pd
from tasks.registry.load_model import load_model
rows = pd.read_parquet(sys.argv[1])
out = {}
for i, logged in enumerate(sys.argv[3:]):
    model = load_model(*logged.split())
    out[f"proba{i}"], out[f"names{i}"] = model.predict_proba(rows), model.predict(rows).astype(str)
np.savez(sys.argv[2], **out)
"""


@pytest.mark.parametrize("family", FAMILIES)
def test_a_loaded_model_predicts_the_same_to_the_last_bit(fitted, tmp_path, family):
    rows, model = new_rows(), fitted[family]
    loaded = load(hand_made(tmp_path / "m", model))
    assert type(loaded.classifier) is type(model.classifier)
    assert np.array_equal(loaded.predict_proba(rows), model.predict_proba(rows))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_has_no_function_no_sampler_and_no_training_rows(fitted, tmp_path, family):
    file = hand_made(tmp_path / "m", fitted[family]) / "model.skops"
    with zipfile.ZipFile(file) as packed:
        schema = packed.read("schema.json").decode()
        arrays = [np.load(packed.open(name)) for name in packed.namelist() if name.endswith(".npy")]
    assert "imblearn" not in schema
    assert "FunctionNode" not in schema
    assert "MethodNode" not in schema
    encoded = fitted[family].encoder.transform(training_rows())
    assert not any(array.shape == encoded.shape for array in arrays)


def test_a_model_of_an_older_version_is_refused_with_the_advice_to_train_again(fitted, tmp_path):
    folder = hand_made(tmp_path / "m", fitted["gradient_boosting exact"])
    older = tmp_path / "older.skops"
    with zipfile.ZipFile(folder / "model.skops") as current, zipfile.ZipFile(older, "w") as packed:
        for name in current.namelist():
            packed.writestr(name, current.read(name).replace(b'"evenhand.models.imputation"', b'"evenhand.models"'))
    older.replace(folder / "model.skops")
    with pytest.raises(EvenhandError, match=r"holds evenhand\.models\.FilledGradientBoosting.* train the model again"):
        load(folder)


def test_a_logged_model_predicts_the_same_to_the_last_bit_in_a_new_process(logged, fitted, tmp_path):
    rows, source, target = new_rows(), tmp_path / "rows.parquet", tmp_path / "out.npz"
    rows.to_parquet(source)
    models = [f"{model.uri} {model.sha256}" for model in logged[2].values()]
    command = [sys.executable, "-c", PREDICT_IN_A_NEW_PROCESS, str(source), str(target), *models]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    with np.load(target) as out:
        for i, model in enumerate(fitted[name] for name in LOGGED):
            expected = model.predict_proba(rows)
            assert len(np.unique(expected, axis=0)) > 5
            assert np.array_equal(out[f"proba{i}"], expected)
            assert out[f"names{i}"].tolist() == model.predict(rows).tolist()


@pytest.mark.parametrize("family", LOGGED)
def test_mlflow_itself_loads_the_model_and_predicts_class_names(logged, fitted, family):
    rows = new_rows()[list(TYPES)]
    rows["when"] = rows["when"].dt.tz_localize(None)  # MLflow has no time zones
    loaded = mlflow.pyfunc.load_model(logged[2][family].uri)
    assert loaded.predict(rows).tolist() == fitted[family].predict(rows).tolist()


def test_the_signature_has_the_model_s_columns_and_all_are_optional(logged):
    model = mlflow.models.get_model_info(logged[2]["lightgbm"].uri)
    inputs = model.signature.inputs
    assert sorted(inputs.input_names()) == sorted(TYPES)
    kinds = {"number": "double", "text": "string", "time": "datetime"}
    assert {c.name: c.type.name for c in inputs.inputs} == {n: kinds[t.kind] for n, t in TYPES.items()}
    assert not any(c.required for c in inputs.inputs)
    assert model.metadata["family"] == "lightgbm"
    assert "evenhand" in model.metadata["needs"]


def test_the_input_example_is_five_rows_that_can_be_predicted(logged, fitted):
    loaded = mlflow.pyfunc.load_model(logged[2]["lightgbm"].uri)
    assert loaded.input_example.shape == (5, len(TYPES))
    assert set(loaded.predict(loaded.input_example)) <= set(CLASSES)


def test_integers_in_the_example_become_floats_which_may_be_missing(logged, fitted, typed, tmp_path):
    integers = typed.assign(age=typed["age"].fillna(0).astype("int64"), victims=typed["victims"].astype("Int64"))
    integers.loc[0, "victims"] = pd.NA
    made = log_model(logged[1], write_model(fitted["lightgbm"], tmp_path / "m"), integers)
    loaded = mlflow.pyfunc.load_model(made.uri)
    kinds = {c.name: c.type.name for c in loaded.metadata.signature.inputs.inputs}
    assert kinds["age"] == kinds["victims"] == "double"
    assert np.isnan(loaded.input_example.loc[0, "victims"])
    assert loaded.input_example["victims"].dtype == loaded.input_example["age"].dtype == "float64"


def test_the_model_belongs_to_its_run_and_experiment(logged):
    record = connect().get_logged_model(logged[2]["lightgbm"].uri.removeprefix("models:/"))
    assert record.source_run_id == logged[1]
    assert record.experiment_id == connect().get_run(logged[1]).info.experiment_id
    assert record.status == "READY"
    assert connect().get_run(logged[1]).info.status == "RUNNING"
    assert {o.model_id for o in connect().get_run(logged[1]).outputs.model_outputs} >= {record.model_id}


def test_the_file_is_compressed_and_its_size_recorded(logged):
    folder = settings().artifacts / "models" / logged[2]["random_forest"].uri.removeprefix("models:/") / "artifacts"
    with zipfile.ZipFile(folder / "model.skops") as packed:
        assert all(item.compress_type == zipfile.ZIP_DEFLATED for item in packed.infolist())
    size = yaml.safe_load((folder / "MLmodel").read_text())["model_size_bytes"]
    assert size == pytest.approx(sum(f.stat().st_size for f in folder.rglob("*")), rel=0.05)
    assert size == logged[2]["random_forest"].bytes
    assert model_sha256(folder) == logged[2]["random_forest"].sha256


def test_a_model_with_an_untrusted_type_is_not_written(fitted, tmp_path):
    untrusted = FittedCandidate(fitted["lightgbm"].encoder, UntrustedModel(), CLASSES)
    with pytest.raises(EvenhandError, match=r"can't be stored: it holds .*UntrustedModel"):
        write_model(untrusted, tmp_path / "model.skops")
    assert not list(tmp_path.iterdir())


def test_a_model_that_skops_can_not_write_is_not_written(fitted, tmp_path):
    untrusted = FittedCandidate(fitted["lightgbm"].encoder, Birch(), CLASSES)
    with pytest.raises(EvenhandError, match="can't be stored"):
        write_model(untrusted, tmp_path / "model.skops")
    assert not list(tmp_path.iterdir())


def test_a_model_that_mlflow_can_not_store_is_a_clear_error(logged, fitted, typed, tmp_path, monkeypatch):
    def full(*_, **__):
        raise MlflowException("the disk is full")

    model = write_model(fitted["lightgbm"], tmp_path / "m")
    monkeypatch.setattr("mlflow.sklearn.save_model", full)
    with pytest.raises(EvenhandError, match="can't be stored: the disk is full"):
        log_model(logged[1], model, typed)
    found = [m.status for m in connect().search_logged_models(["1"]) if m.source_run_id == logged[1]]
    assert sorted(set(found)) == ["FAILED", "READY"]


class UntrustedModel:
    """A type that is not in the list of trusted types."""

    classes_ = (0, 1, 2)

    def predict_proba(self, X):
        return np.full((len(X), 3), 1 / 3)


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.system, (f"touch {self.file}",)


def load(folder):
    """Load a model from a folder, whatever is in it."""
    return load_model(str(folder), model_sha256(folder))


def hand_made(folder, obj, own_list=()):
    """A model folder as MLflow writes it, with its own list of trusted types."""
    folder.mkdir()
    skops.io.dump(obj, folder / "model.skops")
    flavor = {"pickled_model": "model.skops", "serialization_format": "skops", "skops_trusted_types": list(own_list)}
    (folder / "MLmodel").write_text(yaml.safe_dump({"flavors": {"sklearn": flavor}}))
    return folder


def test_a_type_that_only_the_model_file_trusts_is_refused(tmp_path, fitted):
    own = [*TRUSTED_TYPES, f"{__name__}.UntrustedModel"]
    untrusted = FittedCandidate(fitted["lightgbm"].encoder, UntrustedModel(), CLASSES)
    folder = hand_made(tmp_path / "m", untrusted, own)
    assert isinstance(skops.io.load(folder / "model.skops", trusted=own), FittedCandidate)
    with pytest.raises(EvenhandError, match=r"refused, it holds .*UntrustedModel"):
        load(folder)


def test_another_estimator_is_refused(tmp_path):
    folder = hand_made(tmp_path / "m", LogisticRegression())
    with pytest.raises(EvenhandError, match="holds a LogisticRegression; a FittedCandidate is required"):
        load(folder)


@pytest.mark.parametrize("form", ["cloudpickle", "pickle"])
def test_a_pickled_model_is_refused_before_it_is_unpickled(logged, tmp_path, form):
    triggered, model = tmp_path / "triggered", LogisticRegression()
    model.trap = Trap(triggered)
    folder = tmp_path / "m"
    mlflow.sklearn.save_model(model, folder, serialization_format=form, pip_requirements=["scikit-learn"])
    with pytest.raises(EvenhandError, match=f"its format is '{form}'; allowed: skops"):
        load(folder)
    assert not triggered.exists()
    mlflow.sklearn.load_model(str(folder))
    assert triggered.exists(), "the trap must work"


def test_a_pickle_described_as_skops_is_refused_too(tmp_path, fitted):
    triggered, model = tmp_path / "triggered", LogisticRegression()
    model.trap = Trap(triggered)
    folder = hand_made(tmp_path / "m", fitted["lightgbm"])
    mlflow.sklearn.save_model(model, tmp_path / "p", serialization_format="pickle", pip_requirements=["scikit-learn"])
    (folder / "model.skops").write_bytes((tmp_path / "p" / "model.pkl").read_bytes())
    with pytest.raises(EvenhandError, match="not a readable model"):
        load(folder)
    assert not triggered.exists()


def test_a_model_file_outside_its_folder_is_refused(tmp_path, fitted):
    hand_made(tmp_path / "other", fitted["lightgbm"])
    folder = hand_made(tmp_path / "m", fitted["lightgbm"])
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(text.replace("pickled_model: model.skops", "pickled_model: ../other/model.skops"))
    with pytest.raises(EvenhandError, match="outside its folder"):
        load(folder)


@pytest.mark.parametrize(
    "text", ["", "flavors: [1]", "flavors: {sklearn: {}}", "a: [", "flavors: {python_function: {}}"]
)
def test_an_unusable_description_is_a_clear_error(tmp_path, fitted, text):
    folder = hand_made(tmp_path / "m", fitted["lightgbm"])
    (folder / "MLmodel").write_text(text)
    with pytest.raises(EvenhandError, match="no scikit-learn model can be fetched there"):
        load(folder)


@pytest.mark.parametrize("uri", ["models:/m-0000", "models:/nobody@champion", "/no/such/folder"])
def test_a_missing_model_is_a_clear_error(uri):
    with pytest.raises(EvenhandError, match="can be fetched there"):
        load_model(uri, "0" * 64)


def test_a_truncated_file_is_a_clear_error(tmp_path, fitted):
    folder = hand_made(tmp_path / "m", fitted["lightgbm"])
    content = (folder / "model.skops").read_bytes()
    (folder / "model.skops").write_bytes(content[: len(content) // 2])
    with pytest.raises(EvenhandError, match="not a readable model"):
        load(folder)
