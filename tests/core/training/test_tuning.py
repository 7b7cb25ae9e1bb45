"""Settings are chosen inside the training rows of the fold that judges them, and nowhere else."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.data.lineage import RowsSeen, rows_seen
from evenhand.data.split import make_folds
from evenhand.errors import ProblemError
from evenhand.problem import (
    SPACES,
    FeatureSet,
    ForwardFolds,
    GroupFolds,
    ModelSpec,
    Setting,
    SimpleStrategy,
    StratifiedFolds,
    Tuning,
    parse_problem,
)
from evenhand.training.candidates import Candidate, candidates, fits, tuned_candidates
from evenhand.training.experiment import Experiment
from evenhand.training.tuned_settings import Chosen, TrialRecord
from evenhand.training.tuning import (
    asked_to_tune,
    check_spaces,
    inner_experiment,
    inner_folds,
    judged_trial,
    rounds_of,
    suggested,
)

FEATURES = {"base": FeatureSet(categorical=["place"], numeric=["x"])}
CLASSES = ["common", "rare"]
STRATIFIED = StratifiedFolds(kind="stratified", n=3)
TUNING = Tuning(model="lightgbm", folds=2, trials=4, space={"num_leaves": Setting(low=2, high=31)})
RAW = {
    "name": "small",
    "title": "A small town",
    "source": {"kind": "csv", "path": "rows.csv"},
    "target": {"column": "kind"},
    "features": {"base": {"categorical": ["place"]}},
    "split": {"holdout": {"column": "year", "start": 2021}, "folds": {"kind": "stratified", "n": 2}},
    "models": ["lightgbm", {"kind": "random_forest", "params": {"n_estimators": 9}}],
    "balancing_models": ["rusboost"],
    "strategies": ["none", "random_over"],
    "decisions": ["argmax", "prior_power"],
    "tuning": [{"model": "lightgbm", "params": {"learning_rate": 0.05}}],
}


def frame_of(n=400, seed=0):
    generator = np.random.default_rng(seed)
    y = np.sort(generator.choice(2, n, p=[0.8, 0.2]))[generator.permutation(n)]
    columns = {"place": generator.choice(list("abcdef"), n), "x": generator.normal(size=n) + y,
               "month": generator.integers(1, 7, n)}  # fmt: skip
    return pd.DataFrame(columns), y


def experiment_of(folds=STRATIFIED):
    frame, y = frame_of()
    return Experiment(frame, y, CLASSES, make_folds(frame, y, folds, 0), FEATURES, 0)


def candidate(**changes):
    model = ModelSpec(kind="lightgbm", params={"n_estimators": 10, **changes}, label="lightgbm tuned")
    return Candidate(model, SimpleStrategy(kind="none"), variant_of="lightgbm", tuning=TUNING)


def chosen(fold, seen, **params):
    return Chosen(fold, "average_precision", (TrialRecord(0, "complete", params, 0.5, (0.5,)),), seen)


class Any:
    """Suggests what hypothesis draws."""

    def __init__(self, data):
        self.draw = data.draw

    def suggest_int(self, name, low, high, *, log=False):
        assert isinstance(low, int)
        assert isinstance(high, int)
        return self.draw(st.integers(low, high))

    def suggest_float(self, name, low, high, *, log=False):
        return self.draw(st.floats(low, high))

    def suggest_categorical(self, name, choices):
        return self.draw(st.sampled_from(choices))


# --- spaces ----------------------------------------------------------------------------------------------------------


@given(st.data(), st.sampled_from(sorted(SPACES)))
def test_what_is_suggested_is_within_the_space_and_whole_where_its_ends_are(data, kind):
    for name, value in suggested(SPACES[kind], Any(data)).items():
        setting = SPACES[kind][name]
        assert setting.low <= value <= setting.high
        assert isinstance(value, int) == isinstance(setting.low, int)


@pytest.mark.parametrize("kind", sorted(SPACES))
def test_every_family_has_the_settings_of_its_space(kind):
    tuning = Tuning(model=kind)
    check_spaces([Candidate(ModelSpec(kind=kind), SimpleStrategy(kind="none"), tuning=tuning)])


def test_a_space_with_a_setting_that_the_model_lacks_is_refused_before_any_data():
    raw = {**RAW, "tuning": [{"model": "lightgbm", "space": {"leaves": {"low": 2, "high": 9}}}]}
    with pytest.raises(ProblemError, match="lightgbm tuned has no setting leaves; allowed: "):
        check_spaces(tuned_candidates(parse_problem(raw, "small.yaml")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "catboost"}, "tuning: no model 'catboost'; there is: lightgbm, random_forest, rusboost"),
        ({"model": "lightgbm", "features": "rich"}, "tuning: no features 'rich'; there is: base"),
        ({"model": "lightgbm", "label": "rusboost"}, "'rusboost' is the name of another model"),
        ({"model": "lightgbm", "space": {"num_leaves": {"low": 9, "high": 3}}}, "low 9 is not below high 3"),
        ({"model": "lightgbm", "space": {"reg_lambda": {"low": 0, "high": 3, "log": True}}}, "low 0 has no logarithm"),
        ({"model": "lightgbm", "space": {"num_leaves": {"low": 9}}}, "give low and high"),
        ({"model": "lightgbm", "space": {"a": {"low": 1, "high": 2, "choices": [1, 2]}}}, "give low and high"),
        ({"model": "lightgbm", "half_life_days": 9}, "tuning: half_life_days counts days"),
        ({"model": "random_forest", "params": {"max_features": 1, "min_samples_leaf": 1}}, "nothing is left to search"),
        ({"model": "lightgbm", "trials": 1}, "greater than or equal to 2"),
    ],
)
def test_a_wrong_tuning_is_refused_with_what_is_allowed(change, message):
    with pytest.raises(ProblemError, match=message):
        parse_problem({**RAW, "tuning": [change]}, "small.yaml")


def test_a_tuning_twice_is_refused():
    with pytest.raises(ProblemError, match="named twice"):
        parse_problem({**RAW, "tuning": RAW["tuning"] * 2}, "small.yaml")


def test_a_tuned_candidate_has_every_rule_and_is_there_where_it_is_asked_for():
    problem = parse_problem(RAW, "small.yaml")
    tuned = tuned_candidates(asked_to_tune(problem, True))
    assert [c.name for c in tuned] == ["lightgbm tuned / none", "lightgbm tuned / none / prior_power"]
    assert {c.variant_of for c in tuned} == {"lightgbm"}
    assert tuned[0].model.params == {"learning_rate": 0.05}
    assert "learning_rate" not in tuned[0].tuning.space_of(tuned[0].model)
    assert len(fits(tuned)) == 1
    assert not [c for c in candidates(problem) if c.tuning]
    declared = {"learning_rate": {"low": 0.01, "high": 0.1}}
    starts = parse_problem({**RAW, "tuning": [{**RAW["tuning"][0], "space": declared}]}, "small.yaml").tuning[0]
    assert set(starts.space_of(problem.models[0])) == {"learning_rate"}
    assert tuned_candidates(asked_to_tune(problem, False)) == []
    with pytest.raises(ProblemError, match="names nothing to tune"):
        asked_to_tune(asked_to_tune(problem, False), True)


# --- nested ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "folds",
    [STRATIFIED, GroupFolds(kind="group", column="place", n=3), ForwardFolds(kind="forward", column="month", n=3)],
    ids=lambda folds: folds.kind,
)
def test_inner_folds_are_of_the_outer_kind_and_within_the_outer_training_rows(folds):
    whole = experiment_of(folds)
    for number, outer in whole.folds.items():
        inner, seen, notes = inner_experiment(whole, number, folds, 2)
        assert (len(inner.frame), len(inner.folds), notes) == (len(outer.train), 2, [])
        assert seen == rows_seen(pd.DataFrame(index=outer.train))
        assert inner.frame.equals(whole.frame.iloc[outer.train].reset_index(drop=True))
        for fold in inner.folds.values():
            assert not set(fold.train) & set(fold.valid)
            if folds.kind == "group":
                assert not set(inner.frame["place"].iloc[fold.train]) & set(inner.frame["place"].iloc[fold.valid])
            if folds.kind == "forward":
                assert inner.frame["month"].iloc[fold.train].max() < inner.frame["month"].iloc[fold.valid].min()


def test_too_few_periods_for_inner_folds_are_reported():
    frame, y = frame_of()
    forward = ForwardFolds(kind="forward", column="month", n=3)
    few, notes = inner_folds(frame[frame["month"] < 3], y[frame["month"] < 3], forward, 3, 0)
    assert len(few) == 1
    assert notes == ["1 inner folds in the place of 3: there are no more periods"]
    one, notes = inner_folds(frame[frame["month"] < 2], y[frame["month"] < 2], forward, 3, 0)
    assert len(one) == 3
    assert notes == ["too few periods for inner folds like the outer ones: random ones"]


def test_the_settings_of_a_fold_are_those_that_its_own_study_chose():
    whole = experiment_of()
    seen = {number: rows_seen(pd.DataFrame(index=fold.train)) for number, fold in whole.folds.items()}
    studies = tuple(chosen(number, seen[number], num_leaves=2 + number) for number in seen)
    tuned = Candidate(**{**vars(candidate()), "chosen": studies})
    assert [tuned.model_on(number).params["num_leaves"] for number in seen] == [2, 3, 4]
    for number in seen:
        plain = Candidate(candidate(num_leaves=2 + number).model, SimpleStrategy(kind="none"))
        mine, other = whole.run(tuned, number), whole.run(plain, number)
        assert mine.leaks == ()
        np.testing.assert_array_equal(mine.probabilities, other.probabilities)


def test_settings_chosen_on_the_rows_that_judge_them_are_a_leak():
    whole = experiment_of()
    everything = rows_seen(whole.frame)
    tuned = Candidate(**{**vars(candidate()), "chosen": (chosen(0, everything, num_leaves=5),)})
    found = whole.run(tuned, 0).leaks
    assert found == ("its settings were chosen on 400 rows that are not the fold's 266 training rows",)


def test_a_candidate_without_its_study_is_not_fitted():
    with pytest.raises(ProblemError, match="lightgbm tuned / none is to be tuned, but there is no study for fold 0"):
        experiment_of().run(candidate(), 0)


def test_a_study_without_a_judged_trial_skips_the_candidate_with_the_reason():
    trials = tuple(TrialRecord(n, "failed", {}, None, reason="too few rows") for n in range(2))
    tuned = Candidate(**{**vars(candidate()), "chosen": (Chosen(0, "mcc", trials, RowsSeen(1, "")),)})
    assert experiment_of().run(tuned, 0).skipped == "none of 2 trials could be evaluated: too few rows"


# --- trials ----------------------------------------------------------------------------------------------------------


def inner_of(whole):
    return inner_experiment(whole, 0, STRATIFIED, 3)[0]


def test_a_trial_is_judged_by_the_mean_over_its_folds_and_counts_its_rounds():
    inner = inner_of(experiment_of())
    reported = []
    done = judged_trial(
        inner, candidate(), 1, {"num_leaves": 4}, lambda step, mean: reported.append((step, mean)) or True
    )
    assert (done.state, done.rounds, len(done.fold_values)) == ("complete", 30, 3)
    assert done.value == sum(done.fold_values) / 3
    assert reported == [(n, sum(done.fold_values[:n]) / n) for n in (1, 2, 3)]


def test_a_trial_that_is_not_worth_it_stops_and_the_declared_model_never_does():
    inner = inner_of(experiment_of())
    done = judged_trial(inner, candidate(), 1, {}, lambda *_: False)
    assert (done.state, done.value, len(done.fold_values), done.rounds) == ("pruned", None, 1, 10)
    assert judged_trial(inner, candidate(), 0, {}, lambda *_: False).state == "complete"


def test_a_setting_that_can_t_be_fitted_fails_its_trial_with_the_reason():
    done = judged_trial(inner_of(experiment_of()), candidate(), 1, {"num_leaves": -3}, lambda *_: True)
    assert (done.state, done.value) == ("failed", None)
    assert "can't be fitted with its settings" in done.reason


def test_the_best_trial_is_the_first_of_equal_ones_whatever_best_means():
    trials = tuple(TrialRecord(n, "complete", {"n": n}, value) for n, value in enumerate((0.4, 0.6, 0.6, 0.1)))
    pruned = TrialRecord(4, "pruned", {"n": 4}, None, (0.9,))
    seen = RowsSeen(1, "")
    assert Chosen(0, "macro_f1", (*trials, pruned), seen).params == {"n": 1}
    assert Chosen(0, "log_loss", (*trials, pruned), seen).params == {"n": 3}
    assert Chosen(0, "macro_f1", (pruned,), seen).best is None
    assert Chosen(0, "macro_f1", trials, seen).declared == 0.4


@pytest.mark.parametrize(
    ("kind", "n"), [("gradient_boosting", 100), ("easy_ensemble", 150), ("lightgbm_continued", 150)]
)
def test_every_family_counts_its_rounds_or_trees(kind, n):
    assert rounds_of(ModelSpec(kind=kind)) == n
