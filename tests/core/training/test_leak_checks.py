"""Leaks that were planted are found, and what is clean is left in peace."""

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.over_sampling import SMOTE, RandomOverSampler

from evenhand.data.lineage import rows_seen
from evenhand.data.out_of_fold import check_disjoint
from evenhand.data.split import Fold, make_folds
from evenhand.errors import LeakFound
from evenhand.features.encoder import build_encoder
from evenhand.metrics.predictions import Predictions
from evenhand.postprocess import fit_calibrators as calibration
from evenhand.postprocess import fit_rules as decision
from evenhand.problem import MultipliersDecision, SmoteStrategy, StratifiedFolds
from evenhand.problem.strategies import FULL
from evenhand.strategies import TrainingRows, resample, resampling_record
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from evenhand.training.fold_cache import Encoded
from evenhand.training.leak_checks import Lineage, fold_leaks, made_rows, natural_twins, row_hashes, unit_leaks
from tests.core.training.test_experiment import (
    CLASSES,
    FEATURES,
    MODELS,
    STRATEGIES,
    looks_better_than_chance,
    made,
    out_of_fold,
)

MODEL = MODELS[2]
NONE, OVER, SMOTED = (Candidate(MODEL, STRATEGIES[i]) for i in (0, 2, 4))


def planted(kind, signal=True):
    """The experiment of the other tests, with a part of it replaced."""
    clean = made(n=600, signal=signal)
    return kind(clean.frame, clean.y, CLASSES, list(clean.folds.values()), FEATURES, 0)


def names_of(experiment, rows):
    return np.asarray(experiment.classes, dtype=object)[experiment.y[rows]]


def hashes_of(frame, y):
    return row_hashes(frame, np.asarray(CLASSES, dtype=object)[y])


@pytest.mark.parametrize("strategy", [*FULL, SmoteStrategy(kind="smote", max_rows=200)], ids=lambda s: s.name)
def test_every_strategy_of_the_pipeline_is_clean(strategy):
    outcome = planted(Experiment).run(Candidate(MODEL, strategy), 1)
    assert outcome.skipped is None
    assert outcome.leaks == ()


def test_a_unit_that_was_not_fitted_was_not_checked():
    experiment = planted(Experiment)
    experiment.folds[0] = Fold(0, np.flatnonzero(experiment.y == 0)[:100], np.arange(500, 600))
    assert experiment.run(NONE, 0).leaks is None


class TestRowsMadeBeforeTheFolds:
    @pytest.mark.parametrize("sampler", [RandomOverSampler, SMOTE])
    def test_a_sampler_outside_the_pipeline(self, sampler):
        clean = made(n=600, signal=True)
        data = clean.frame[["x", "z"]]
        grown, y = sampler(random_state=0).fit_resample(data, clean.y)
        before = hashes_of(data, clean.y)
        assert made_rows(before, before).tolist() == []
        assert made_rows(hashes_of(grown, y), before).tolist() == list(range(600, len(y)))

    def test_copies_that_land_in_the_other_fold_are_found_and_flatter_without(self):
        clean = made(n=600)
        rows = np.concatenate([np.arange(600), np.repeat(np.flatnonzero(clean.y == 2), 5)])
        frame, y = clean.frame.iloc[rows], clean.y[rows]
        folds = make_folds(frame, y, StratifiedFolds(kind="stratified", n=3), 0)
        leaking = Experiment(frame, y, CLASSES, folds, FEATURES, 0)
        hashes = hashes_of(leaking.frame, y)
        assert looks_better_than_chance(out_of_fold(leaking, NONE))
        assert natural_twins(hashes, folds[0]).twins > 50
        assert len(made_rows(hashes, hashes_of(clean.frame, clean.y))) == len(rows) - 600

    def test_rows_that_the_data_has_twice_are_no_copies(self):
        frame = pd.DataFrame({"place": ["bar", "park", "bar", "bar"], "hour": [1.0, np.nan, 1.0, 2.0]})
        hashes = row_hashes(frame, ["Theft"] * 4)
        assert made_rows(hashes, hashes).tolist() == []
        assert made_rows(hashes, hashes[[0, 1, 3]]).tolist() == [2]
        found = natural_twins(hashes, Fold(0, np.array([0, 1]), np.array([2, 3])))
        assert (found.judged, found.twins) == (2, 1)

    def test_a_row_has_its_hash_however_many_are_hashed_at_a_time(self, monkeypatch):
        clean = made(n=600)
        whole = hashes_of(clean.frame, clean.y)
        monkeypatch.setattr("evenhand.training.leak_checks.ROWS_AT_ONCE", 7)
        np.testing.assert_array_equal(hashes_of(clean.frame, clean.y), whole)
        assert len(hashes_of(clean.frame[:0], clean.y[:0])) == 0

    def test_another_label_is_another_row_and_the_order_of_columns_is_none(self):
        frame = pd.DataFrame({"place": ["bar", "bar"], "hour": [1.0, 1.0]})
        one, other = row_hashes(frame, ["Theft", "Assault"])
        assert one != other
        assert row_hashes(frame[["hour", "place"]], ["Theft", "Assault"]).tolist() == [one, other]

    @given(st.lists(st.integers(0, 5), max_size=30), st.lists(st.integers(0, 5), max_size=30), st.randoms())
    @settings(max_examples=40, deadline=None)
    def test_what_is_left_without_them_is_in_the_data_in_any_order(self, rows, source, random):
        count = np.bincount(np.asarray(rows, int), minlength=6) - np.bincount(np.asarray(source, int), minlength=6)
        shuffled = random.sample(rows, len(rows))
        for some in (rows, shuffled):
            found = made_rows(np.asarray(some, dtype=np.uint64), np.asarray(source, dtype=np.uint64))
            assert len(found) == np.maximum(count, 0).sum()


class EncoderOnAllRows(Experiment):
    def _encode_now(self, features, fold):
        encoder, frame = build_encoder(self.features[features]), self.frame[list(self.features[features].columns)]
        encoder.fit(frame, names_of(self, slice(None)))
        return Encoded(encoder, *(encoder.transform(frame.iloc[rows]) for rows in (fold.train, fold.valid)))


class PlainEncoder(Experiment):
    """Fitted as it should be, by something that keeps no record of it."""

    def _encode_now(self, features, fold):
        found = super()._encode_now(features, fold)
        for name in ("n_rows_seen_", "rows_seen_"):
            delattr(found.encoder, name)
        return found


class SamplerOnAllRows(Experiment):
    """All rows are resampled, then the judged ones are left out: what was made of them stays."""

    def _resample_now(self, candidate, fold, encoded):
        frame = self.frame[list(self.features[candidate.features].columns)]
        encoder = build_encoder(self.features[candidate.features]).fit(frame.iloc[fold.train])
        rows = resample(candidate.strategy, encoder.transform(frame), self.y, CLASSES, self.seed, 1)
        kept = np.ones(len(rows.y), dtype=bool)
        kept[fold.valid] = False
        rows = replace(rows, X=rows.X[kept], y=rows.y[kept], source=rows.source[kept])
        return rows, resampling_record(candidate.strategy, "0", self.y[fold.train], rows, CLASSES)


class NoRecord(Experiment):
    """Resampled as it should be, by something that does not say what it was given."""

    def _resample_now(self, candidate, fold, encoded):
        rows, entry = super()._resample_now(candidate, fold, encoded)
        return replace(rows, given=None), entry


@pytest.mark.parametrize(
    ("kind", "candidate", "message"),
    [
        (EncoderOnAllRows, NONE, "its encoder was fitted on 600 rows that are not the fold's 400 training rows"),
        (PlainEncoder, NONE, "the rows that its encoder was fitted on are not known"),
        (SamplerOnAllRows, OVER, "its sampler was given 600 rows that are not the fold's 400 training rows"),
        (SamplerOnAllRows, SMOTED, "its sampler was given 600 rows that are not the fold's 400 training rows"),
        (NoRecord, SMOTED, "its sampler was given unknown rows that are not the fold's 400 training rows"),
    ],
)
def test_a_leak_inside_the_pipeline_is_found_in_every_fold(kind, candidate, message):
    leaking = planted(kind)
    for number in leaking.folds:
        outcome = leaking.run(candidate, number)
        assert outcome.probabilities is not None
        assert outcome.leaks == (message,)


def test_rows_that_are_trained_and_judged_on_are_named():
    experiment = planted(Experiment)
    experiment.folds[0] = Fold(0, np.arange(400), np.arange(397, 600))
    assert experiment.run(NONE, 0).leaks == ("trained and evaluated on 3 rows (397, 398, 399)",)


class TestLineage:
    X, y = np.arange(8.0).reshape(4, 2), np.array([0, 0, 1, 1, 0, 1])
    fold = Fold(0, np.array([0, 1, 2, 3]), np.array([4, 5]))

    def lineage(self, **changes):
        rows = TrainingRows(self.X, self.y[:4], np.arange(4), given=self.X)
        seen = rows_seen(pd.DataFrame(index=self.fold.train))
        return Lineage(**{"encoder": seen, "encoded": self.X, "fitted": replace(rows, **changes), "n_predicted": 2})

    def test_sound_rows_pass_synthetic_ones_too(self):
        assert unit_leaks(self.fold, self.y, self.lineage()) == ()
        assert unit_leaks(self.fold, self.y, self.lineage(source=np.array([0, 1, 2, -1]), n_synthetic=1)) == ()

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"given": X.copy()}, "its sampler was given 4 rows that are not the fold's 4 training rows"),
            ({"source": np.array([0, 1, 2, 4])}, "4 fitted rows come from rows that the fold does not have"),
            ({"source": np.array([0, 1, 2])}, "4 fitted rows come from rows that the fold does not have"),
            ({"source": np.array([0, 2, 2, 3])}, "1 fitted row (1) of another class than the row it comes from"),
        ],
    )
    def test_rows_that_do_not_fit_their_source_are_reported(self, changes, message):
        assert unit_leaks(self.fold, self.y, self.lineage(**changes)) == (message,)

    def test_another_number_of_rows_than_the_fold_has_is_reported(self):
        reported = unit_leaks(self.fold, self.y, self.lineage()._replace(n_predicted=3))
        assert reported == ("4 encoded and 3 predicted rows where the fold has 4 and 2",)

    def test_another_set_of_as_many_rows_is_another_set(self):
        other = rows_seen(pd.DataFrame(index=[0, 1, 2, 4]))
        reported = unit_leaks(self.fold, self.y, self.lineage()._replace(encoder=other))
        assert reported == ("its encoder was fitted on 4 rows that are not the fold's 4 training rows",)


def test_a_fold_that_holds_held_out_rows_is_reported():
    folds = [Fold(0, np.arange(4), np.array([4, 5])), Fold(1, np.array([2, 7]), np.array([6, 0]))]
    assert list(fold_leaks(folds, np.array([8, 9]))) == []
    assert list(fold_leaks(folds, np.array([6, 7]))) == [
        "fold 2 trains on 1 held-out row (7)",
        "fold 2 is evaluated on 1 held-out row (6)",
    ]


class TestDecisionRules:
    y = np.repeat([0, 1, 2], 40)
    proba = np.random.default_rng(0).dirichlet([1, 1, 1], 120)
    folds = np.tile([0, 1, 2], 40)
    predictions = Predictions(y, proba, folds=folds)

    def decided(self):
        return decision.cross_fitted(MultipliersDecision(kind="multipliers"), self.predictions, CLASSES, "macro_f1")

    def test_multipliers_fitted_on_the_rows_they_are_judged_on(self, monkeypatch):
        self.decided()
        everything = np.arange(120)
        leaking = [(everything, np.flatnonzero(self.folds == fold)) for fold in range(3)]
        monkeypatch.setattr(decision, "fitting_rows", lambda folds, y: leaking)
        with pytest.raises(
            LeakFound, match=r"multipliers, out of fold: fitted and scored on 40 rows \(0, 3, 6, 9, 12, "
        ):
            self.decided()

    def test_a_calibrator_fitted_on_the_rows_it_is_judged_on(self, monkeypatch):
        leaking = [(np.arange(120), np.flatnonzero(self.folds == 0))]
        monkeypatch.setattr(calibration, "fitting_rows", lambda folds, y: leaking)
        with pytest.raises(LeakFound, match="calibration temperature, out of fold: fitted and scored on 40 rows"):
            calibration.cross_calibrated("temperature", self.predictions)

    @given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)))
    @settings(max_examples=40, deadline=None)
    def test_one_row_in_common_is_enough(self, fitted, judged):
        rows = [np.array(sorted(some), dtype=int) for some in (fitted, judged)]
        if fitted & judged:
            with pytest.raises(LeakFound, match=rf"rule: fitted and scored on {len(fitted & judged)} row"):
                check_disjoint(*rows, "rule")
        else:
            check_disjoint(*rows, "rule")


def test_it_costs_next_to_nothing_on_a_large_training():
    n, n_train = 168_000, 134_400
    rng = np.random.default_rng(0)
    order, X, y = rng.permutation(n), rng.normal(size=(n_train, 12)), rng.integers(0, 5, n)
    fold = Fold(0, np.sort(order[:n_train]), np.sort(order[n_train:]))
    copied = rng.permutation(np.tile(np.arange(n_train), 3))
    rows = TrainingRows(X, y[fold.train][copied], copied, given=X)
    lineage = Lineage(rows_seen(pd.DataFrame(index=fold.train)), X, rows, n - n_train)
    begun = time.process_time()
    assert unit_leaks(fold, y, lineage) == ()
    assert time.process_time() - begun < 0.1  # a fit of these rows takes 10 s and more
