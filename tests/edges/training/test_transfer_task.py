"""Other data as a training takes it: its columns, classes and times, and not one row that is judged."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.errors import ProblemError
from evenhand.problem import ModelSpec, Problem, SimpleStrategy
from evenhand.training.candidates import Candidate
from tasks.data.ingest import ingest
from tasks.data.split import split
from tasks.data.validate_task import validate
from tasks.storage.store import read_frame, write_frame
from tasks.training.context import read_experiment
from tasks.training.transfer_data import (
    TransferSource,
    add_transfer_data,
    check_transfer_data,
    needs_transfer_data,
    take,
)


def problem(**changes):
    return Problem.model_validate(
        {
            "name": "p",
            "title": "P",
            "source": {"kind": "csv", "path": "x.csv"},
            "target": {"column": "kind"},
            "features": {"base": {"numeric": ["x"]}},
            "split": {"holdout": {"column": "year", "start": 2021}, "folds": {"kind": "stratified", "n": 2}},
            "strategies": ["none"],
            **changes,
        }
    )


def rows_of(n=300, seed=0):
    rng = np.random.default_rng(seed)
    kind = rng.choice(["common", "rare"], n, p=[0.8, 0.2])
    x = rng.normal(size=n) + 2 * (kind == "rare")
    return pd.DataFrame({"x": x, "kind": kind, "year": rng.choice([2018.0, 2019.0, 2020.0, 2021.0], n)})


def candidate(first):
    params = {"n_estimators": 3, "first_rounds": 3, "first": first}
    return Candidate(ModelSpec(kind="lightgbm_continued", params=params), SimpleStrategy(kind="none"))


def test_what_is_taken_is_old_is_new_to_the_training_and_is_trained_on_first():
    ours = problem()
    parts = split.fn(write_frame(rows_of(), "good/{sha256}.parquet"), ours)
    own = pd.concat([read_frame(parts.train), read_frame(parts.holdout)], ignore_index=True)
    theirs = pd.concat([rows_of(200, seed=1), own.head(20), own.tail(20)], ignore_index=True)
    theirs = theirs.rename(columns={"kind": "crime"}).assign(more=1).replace({"crime": {"rare": "seldom"}})
    other = problem(name="o", target={"column": "crime", "groups": {"rare": ["seldom"]}, "other": "common"})
    found = take(TransferSource("o", other, theirs), ours, parts, own, ["base"])
    taken = read_frame(found.rows)
    assert list(taken.columns) == ["x", "year", "kind"]
    assert taken.year.max() < 2021
    assert not taken.merge(own, how="inner").size
    assert found.left_out == len(theirs) - len(taken) == 40 + (theirs.year[:200] == 2021).sum()

    given = parts.model_copy(update={"transfer": (found,)})
    outcome = read_experiment(given, ours, 0).run(candidate({"problem": "o"}), HOLDOUT_FOLD)
    assert outcome.resampling.adaptations == (f"the first 3 rounds saw {len(taken)} rows of o",)
    assert len(outcome.probabilities) == parts.holdout.rows
    assert sum(outcome.resampling.before.values()) == parts.train.rows

    few = take(TransferSource("o", other, theirs), ours, parts.model_copy(update={"share": 0.5}), own, ["base"])
    assert few.rows.rows == round(len(taken) / 2)


def test_data_of_ones_own_and_other_classes_are_refused():
    ours = problem()
    parts = split.fn(write_frame(rows_of(), "good/{sha256}.parquet"), ours)
    own = pd.concat([read_frame(parts.train), read_frame(parts.holdout)], ignore_index=True)
    with pytest.raises(ProblemError, match="are also rows of this training"):
        take(TransferSource("mine.csv", ours, own), ours, parts, own, ["base"])
    strange = rows_of(100, seed=2).replace({"kind": {"rare": "odd"}})
    with pytest.raises(ProblemError, match="it lacks rare; also has odd"):
        take(TransferSource("o", ours, strange), ours, parts, own, ["base"])


def test_another_problem_that_is_not_there_is_refused_before_any_data_is_read():
    assert not needs_transfer_data([candidate("older")])
    assert needs_transfer_data([candidate({"data": "york.csv"})])
    with pytest.raises(ProblemError, match="no problem 'nowhere': known are"):
        check_transfer_data(problem(), [candidate({"problem": "nowhere"})])
    with pytest.raises(ProblemError, match="toronto has no column x, year, which p reads"):
        check_transfer_data(problem(), [candidate({"problem": "toronto"})])
    check_transfer_data(problem(), [candidate({"data": "york.csv"})])


def test_a_training_fetches_and_validates_what_its_models_begin_on(tmp_path, monkeypatch):
    ours = problem()
    parts = split.fn(write_frame(rows_of(), "good/{sha256}.parquet"), ours)
    rows_of(120, seed=8).to_csv(tmp_path / "york.csv", index=False)
    # The tasks themselves, without a flow around them; what MLflow is reported is kept here.
    monkeypatch.setattr("tasks.training.transfer_data.ingest", ingest.fn)
    monkeypatch.setattr("tasks.training.transfer_data.validate", validate.fn)
    logged = []
    monkeypatch.setattr("tasks.training.transfer_data.log_input", lambda *arguments: logged.append(arguments))
    message = []
    training = SimpleNamespace(run_id="r1", problem=ours, say=message.append)
    name = str(tmp_path / "york.csv")
    given = add_transfer_data(training, parts, [candidate("older"), candidate({"data": name})])
    (borrowed,) = given.transfer
    assert (given.train, given.holdout, borrowed.name) == (parts.train, parts.holdout, name)
    assert 0 < borrowed.rows.rows == 120 - borrowed.left_out
    assert message == [
        f"          {borrowed.rows.rows} rows of {name} to begin on; {borrowed.left_out} left out: newer than the "
        "training rows, or this training's own"
    ]
    assert [(arguments[0], arguments[3].sha256, arguments[-1]) for arguments in logged] == [
        ("r1", borrowed.rows.sha256, "first rounds")
    ]
    outcome = read_experiment(given, ours, 0).run(candidate({"data": name}), HOLDOUT_FOLD)
    assert outcome.resampling.adaptations == (f"the first 3 rounds saw {borrowed.rows.rows} rows of york.csv",)
