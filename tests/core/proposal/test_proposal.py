"""A whole proposal: classes, leaks, split, and that the file says what was decided."""

import numpy as np
import pandas as pd
import pytest
import yaml

from evenhand.data.holdout import holdout_mask
from evenhand.data.schema import column_types, parse_columns
from evenhand.data.suite_spec import Suite
from evenhand.errors import ProblemError
from evenhand.problem import parse_problem
from evenhand.proposal.document import problem_file, summary
from evenhand.proposal.draft import ProposalRequest, find_column
from evenhand.proposal.proposal import propose
from evenhand.proposal.recipe import find_recipe, recipes
from evenhand.proposal.suite import first_suite

SOURCE = {"kind": "csv", "path": "town.csv"}


def town(n=600, seed=0, **more):
    rng = np.random.default_rng(seed)
    y = rng.choice(3, n, p=[0.6, 0.25, 0.15])
    frame = pd.DataFrame(
        {
            "when": (pd.Timestamp("2021-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 1000, n)), unit="D")),
            "place": np.array(["street", "house", "shop"])[np.where(rng.random(n) < 0.6, y, rng.integers(0, 3, n))],
            "kind": np.array(["theft", "fraud", "arson"])[y],
        }
    )
    frame["when"] = frame["when"].dt.strftime("%m/%d/%Y")
    return frame.assign(**{name: make(rng, y) for name, make in more.items()}).astype("str")


def proposed(frame, target="kind", **asked):
    return propose(frame, ProposalRequest("town", target, SOURCE, **asked))


def test_the_file_is_the_proposal_and_every_reason_is_one_comment():
    found = proposed(town(code=lambda rng, y: y * 7, outcome=lambda rng, y: rng.integers(0, 2, len(y))))
    text = problem_file(found)
    problem = parse_problem(yaml.safe_load(text), "town.yaml")
    assert problem == found.problem
    assert problem.leaks == ("code", "outcome")
    assert problem.target.column == "kind"
    assert "# check: code: left out" in text
    assert Suite.model_validate(first_suite(found)).columns


def test_headers_and_values_of_other_people_end_no_comment_and_no_line():
    frame = town().rename(columns={"place": 'a "b": #c\n- d\x1b[2J'})
    text = problem_file(proposed(frame))
    assert "\x1b" not in text
    assert yaml.safe_load(text)["features"]["base"]["categorical"] == ['a "b": #c\n- d\x1b[2J']
    assert "\x1b" not in summary(proposed(frame), "town.csv", ["a"])


def test_the_newest_rows_are_held_out_and_all_cells_fit():
    frame = town()
    problem = proposed(frame).problem
    typed, unfit = parse_columns(frame[list(problem.columns)], column_types(problem))
    held_out = holdout_mask(typed, problem.split.holdout)
    assert not unfit
    assert 0.12 < held_out.mean() < 0.4
    assert typed["when"][~held_out].max() < typed["when"][held_out].min()


def test_without_a_time_a_share_is_held_out_with_a_question():
    found = proposed(town().drop(columns="when"))
    assert found.problem.split.holdout.share == 0.25
    assert any("at random" in question for question in found.questions)


def test_rows_of_one_incident_stay_together():
    def incident(rng, y):
        return [f"GO-{20210000 + i // 2}" for i in range(len(y))]

    found = proposed(town(incident_id=incident))
    assert found.problem.split.folds.kind == "group"
    assert found.problem.split.folds.column == "incident_id"
    without_time = proposed(town(incident_id=incident).drop(columns="when"))
    assert without_time.problem.split.holdout.column == "incident_id"


def test_a_column_that_only_a_model_finds_is_left_out():
    """A number whose ranges give the class: no value of it repeats, so no table of values shows it."""
    found = proposed(town(score=lambda rng, y: np.round(y + rng.random(len(y)) * 0.9, 6)))
    assert found.roles["score"].role == "leak"
    assert "alone predicts the target" in found.roles["score"].why


def test_a_group_of_the_classes_is_left_out():
    found = proposed(town(level=lambda rng, y: np.where(y == 0, "minor", "major")))
    assert found.roles["level"].role == "leak"


def test_columns_twice_are_used_once():
    found = proposed(town(area=lambda rng, y: rng.integers(0, 30, len(y))).assign(again=lambda f: "A" + f["area"]))
    assert [found.roles[name].role for name in ("area", "again")] == ["categorical", "out"]


def test_coordinates_that_differ_in_every_row_are_no_copies_of_each_other():
    found = proposed(town(x=lambda rng, y: 1e5 + rng.random(len(y)), y=lambda rng, y: 2e5 + rng.random(len(y))))
    assert [found.roles[name].role for name in "xy"] == ["numeric", "numeric"]


def test_a_null_beyond_what_a_model_holds_is_declared():
    found = proposed(town(x=lambda rng, y: np.where(rng.random(len(y)) < 0.1, -1.797e308, rng.random(len(y)))))
    (number,) = found.problem.features["base"].numeric
    assert number.missing == (-1.797e308,)


def kinds(frame, **rows):
    frame = frame.copy()
    spare = frame.index[frame["kind"] == "theft"]
    begin = 0
    for name, n in rows.items():
        frame.loc[spare[begin : begin + n], "kind"] = name
        begin += n
    return frame


def test_rare_classes_are_put_together_where_they_are_enough_and_left_out_where_not():
    together = proposed(kinds(town(), piracy=8, treason=7)).problem.target
    assert together.other == "other"
    assert set(together.groups) == {"theft", "fraud", "arson"}
    alone = proposed(kinds(town(), piracy=4)).problem.target
    assert (alone.other, alone.drop) == (None, ("piracy",))
    own = proposed(kinds(town(), Other=40, piracy=6)).problem.target
    assert own.other == "Other"
    assert "Other" not in own.groups


def test_spellings_of_a_class_and_markers_in_the_target():
    found = proposed(kinds(town(), THEFT=30, UNKNOWN=20))
    assert found.problem.target.groups["theft"] == ("theft", "THEFT")
    assert found.problem.target.drop == ("UNKNOWN",)
    assert any("theft = THEFT" in question for question in found.questions)


@pytest.mark.parametrize(
    ("frame", "target", "message"),
    [
        (town(50), "kind", "50 rows"),
        (town(), "Kinds", "is it 'kind'"),
        (town(), "", "name the column to predict"),
        (town().assign(kind="theft"), "kind", "nothing to tell apart"),
        (town().assign(kind=[str(i) for i in range(600)]), "kind", "a quantity"),
        (town().assign(kind=[f"report {i}" for i in range(600)]), "kind", "nearly one per row"),
        (town()[["kind"]].assign(code=lambda f: f["kind"].str.upper()), "kind", "no column is left"),
    ],
)
def test_what_can_not_be_predicted_is_one_clear_error(frame, target, message):
    with pytest.raises(ProblemError, match=message):
        proposed(frame, target)


def test_a_column_is_found_however_it_is_spelled():
    assert find_column(["Primary Type", "Date"], "PRIMARY_TYPE") == "Primary Type"


def test_recipes_are_recognised_by_their_columns_alone():
    titles = {find_recipe(recipe.columns).title for recipe in recipes()}
    assert titles == {recipe.title for recipe in recipes()}
    assert len(titles) == 10
    assert find_recipe(recipes()[0].columns[1:]) is None
