"""Rows of a request get what batch scoring gives the same rows, whatever their cells are."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenhand.data.schema import ColumnType, parse_columns
from evenhand.features.encoder import build_encoder
from evenhand.metrics.predictions import Predictions
from evenhand.models import build_model
from evenhand.postprocess.calibrators import Temperature
from evenhand.postprocess.fit_rules import fit_rule
from evenhand.postprocess.rules import LargestWeighted
from evenhand.problem import CapacityDecision, ModelSpec, parse_problem
from evenhand.scoring.cells import part_of, read_column
from evenhand.scoring.encode_rows import is_direct
from evenhand.scoring.model import FittedCandidate
from evenhand.scoring.row_scorer import RowScorer
from tasks.scoring.predictions import predict_table

CLASSES = ("Assault", "Auto Theft", "Robbery")
FEATURES = {
    "base": {
        "categorical": ["premises", {"column": "code", "min_count": 40}],
        "numeric": [
            {"column": "age", "missing": [998]},
            {"column": "cost", "outliers": {"action": "clip", "low": 0, "high": 50}},
            {"column": "hour", "outliers": {"action": "flag", "quantiles": [0.05, 0.95]}},
        ],
        "time": [
            {"column": "when", "format": "%Y/%m/%d %H:%M:%S", "parts": ["year", "dayofyear", "hour"]},
            {"column": "reported", "parts": ["month", "day", "dayofweek"], "cyclic": ["month", "hour"]},
        ],
        "cyclic": [
            {"column": "minute", "period": 60},
            {"column": "month", "period": 12, "values": ["January", "February", "March"]},
        ],
        "coordinates": [{"latitude": "lat", "longitude": "long", "box": [43, -80, 44, -79]}],
        "rates": [
            ["premises", "hour"],
            {"columns": ["hour"], "steps": {"hour": 3}, "smooth": "auto"},
            {"latitude": "lat", "longitude": "long", "cell": 500, "columns": ["premises"]},
            {"columns": ["premises"], "time": {"column": "reported", "parts": ["dayofweek", "hour"]}},
        ],
    }
}


def problem(classes=CLASSES, **more):
    return parse_problem(
        {
            "name": "rows",
            "title": "Rows",
            "source": {"kind": "csv", "path": "rows.csv"},
            "target": {"column": "kind"},
            "features": FEATURES,
            "split": {"holdout": {"column": "year", "start": 2021}},
            "strategies": ["none"],
            **more,
        },
        "rows.yaml",
    )


def training_rows(n=600):
    rng = np.random.default_rng(3)
    when = pd.Timestamp("2019-01-01") + pd.to_timedelta(rng.integers(0, 500 * 24 * 60, n), "min")
    frame = pd.DataFrame(
        {
            "premises": rng.choice(["bar", "house", "111", None], n),
            "code": rng.choice(["A", "B", "C", "D"], n, p=[0.6, 0.3, 0.05, 0.05]),
            "age": rng.choice([20.0, 31.5, 998.0], n),
            "cost": rng.normal(30, 30, n),
            "hour": rng.integers(0, 24, n),
            "when": when.strftime("%Y/%m/%d %H:%M:%S"),
            "reported": when.strftime("%Y-%m-%d %H:%M:%S"),
            "minute": rng.integers(0, 60, n),
            "month": rng.choice(["January", "February", "March"], n),
            "lat": rng.uniform(43, 44, n),
            "long": rng.uniform(-80, -79, n),
        }
    )
    return frame, rng.integers(0, len(CLASSES), n)


def fitted(classes=CLASSES, kind="lightgbm", rule=True):
    frame, y = training_rows()
    y = y % len(classes)
    encoder = build_encoder(problem().features["base"])
    X = encoder.fit_transform(frame, np.array(classes, dtype=object)[y])
    params = {"n_estimators": 5} if kind == "lightgbm" else {"max_iter": 3}
    model = build_model(ModelSpec(kind=kind, params=params), 1, len(X), classes).fit(X, y)
    weighted = LargestWeighted("multipliers", tuple(classes), tuple(float(i + 1) for i in range(len(classes))))
    calibrator = Temperature(len(classes), 0.7)
    return FittedCandidate(encoder, model, list(classes), weighted if rule else None, calibrator)


MODEL = fitted()
TYPICAL = {name: cells.tolist() for name, cells in training_rows(40)[0].items()}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.sampled_from(
        [
            *(
                "",
                "  ",
                "31",
                " 31 ",
                "31.0",
                "3_1",
                "1e5",
                "1E5",
                "inf",
                "nan",
                "-0.0",
                "0x1F",
                "٣",
                "True",
                "about noon",
            ),
            *("2020/02/29 23:59:59", "2019/02/29 00:00:00", "2020/2/9 1:2:3", "2020-02-29", "2020-02-29T07:08"),
            *(
                "2020-02-29 07:08:09.5",
                "20200229",
                "2020-13-01",
                "1600-01-01",
                "January",
                "january",
                "(missing)",
                "bar",
            ),
            *(4e38, -1.8e308, 998, 1.0, 0, -1, 43.5, -79.5),
        ]
    ),
)
ROW = st.tuples(
    st.integers(0, len(TYPICAL["age"]) - 1), st.dictionaries(st.sampled_from(list(TYPICAL)), ODD, max_size=2)
).map(lambda drawn: {name: cells[drawn[0]] for name, cells in TYPICAL.items()} | drawn[1])


def assert_equal(made, table):
    assert made.names.tolist() == table["predicted"].to_pylist()
    assert made.not_scored.tolist() == table["not_scored"].to_pylist()
    found = np.column_stack([table[f"p_{name}"].to_numpy(zero_copy_only=False).astype(float) for name in CLASSES])
    np.testing.assert_array_equal(made.proba, found)


@given(st.lists(ROW, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_rows_get_what_batch_scoring_gives(rows):
    columns = {name: [row[name] for row in rows] for name in TYPICAL}
    frame = pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in columns.items()})
    expected = predict_table(problem(), MODEL, frame)
    assert_equal(RowScorer(problem(), MODEL).score(columns, len(rows)), expected)


@pytest.mark.parametrize("typed", [True, False])
def test_columns_of_a_file_get_what_batch_scoring_gives(typed):
    frame = training_rows()[0].head(50)
    if typed:
        frame = frame.assign(reported=pd.to_datetime(frame["reported"]).dt.tz_localize("America/Toronto"))
    else:
        frame = frame.astype("str")
    frame.loc[3, "cost"] = np.inf if typed else "much"
    scorer = RowScorer(problem(), MODEL)
    made = scorer.score({name: frame[name] for name in frame}, len(frame))
    assert_equal(made, predict_table(problem(), MODEL, frame))
    assert made.not_scored[3] == "cost: not a number"


@pytest.mark.parametrize(("classes", "kind"), [(CLASSES[:2], "lightgbm"), (CLASSES, "gradient_boosting")])
def test_other_models_and_two_classes_get_what_batch_scoring_gives(classes, kind):
    model = fitted(classes, kind, rule=False)
    frame = training_rows()[0].head(20)
    made = RowScorer(problem(), model).score({name: cells.tolist() for name, cells in frame.items()}, len(frame))
    table = predict_table(problem(), model, frame)
    np.testing.assert_array_equal(made.proba, table.select([f"p_{name}" for name in classes]).to_pandas())
    assert made.names.tolist() == table["predicted"].to_pylist()


def test_the_encoder_of_a_problem_is_read_directly_step_by_step():
    scorer = RowScorer(problem(), MODEL)
    assert is_direct(MODEL.encoder)
    assert len(scorer._encoder._steps) == len(MODEL.encoder.steps[0][1].transformers_)
    assert scorer.is_quick


@pytest.mark.parametrize(
    ("format_", "text"),
    [
        ("%Y/%m/%d %H:%M:%S+00", "2016/07/08 04:05:06+00"),
        ("%d.%m.%Y", "08.07.2016"),
        ("%Y%m%d", "20160708"),
        ("%m/%d/%y", "07/08/16"),
        ("%d %b %Y", "08 Jul 2016"),
        ("%H:%M", "04:05"),
        ("%Y-%m-%dT%H:%M:%S%z", "2016-07-08T04:05:06+0200"),
        (None, "2016-07-08T04:05"),
    ],
)
@pytest.mark.parametrize("change", [str, lambda text: text.replace("0", "", 1), lambda text: text.replace("07", "13")])
def test_times_of_every_format_are_those_of_a_frame(format_, text, change):
    kind = ColumnType("time", format_)
    cells = [change(text), None, f" {text} "]
    typed, unfit = parse_columns(pd.DataFrame({"t": pd.Series(cells, dtype=object)}), {"t": kind})
    read = read_column(cells, kind, "t")
    for part in ("year", "dayofyear", "hour"):
        np.testing.assert_array_equal(part_of(read.values, part), part_of(typed["t"], part))
    assert (read.unfit is None) == (not unfit)


def test_cells_that_the_encoder_does_not_know_are_counted_by_column():
    scorer = RowScorer(problem(), MODEL)
    columns = {name: list(cells[:3]) for name, cells in TYPICAL.items()}
    assert scorer.score(columns, 3).unknown == {}
    columns |= {"premises": ["moon", "bar", "moon"], "lat": [0.0, 43.5, 43.5], "long": [0.0, -79.5, -79.5]}
    columns["cost"] = [None, 1, 2]
    assert scorer.score(columns, 3).unknown == {"premises": 2, "cost": 1, "lat": 1, "long": 1}


def test_a_capacity_counts_over_the_rows_of_a_request():
    spec = CapacityDecision(kind="capacity", class_name=CLASSES[2], k=2, per="minute", period="value")
    declared = problem(decisions=[spec.model_dump(mode="json", exclude_unset=True)])
    frame, y = training_rows(60)
    frame["minute"] = np.arange(60) % 5
    proba = MODEL.predict_proba(frame)
    rule = fit_rule(spec, Predictions(y, proba), CLASSES, "macro_f1", groups=frame["minute"].to_numpy())
    model = FittedCandidate(MODEL.encoder, MODEL.classifier, list(CLASSES), rule)
    made = RowScorer(declared, model).score({name: cells.tolist() for name, cells in frame.items()}, len(frame))
    assert_equal(made, predict_table(declared, model, frame))
    assert (made.names == CLASSES[2]).sum() == 10


def test_without_rows_nothing_is_predicted():
    made = RowScorer(problem(), MODEL).score({name: [] for name in TYPICAL}, 0)
    assert made.proba.shape == (0, 3)
    assert not math.isfinite(made.proba.sum()) or len(made.names) == 0
