"""New rows from altered texts: which rows they are copies of, what changes in them and what does not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.features.encoder import build_encoder
from evenhand.features.text_columns import TrainingTexts, texts_of
from evenhand.problem import FeatureSet, SmoteStrategy, TextAugmentStrategy, TextFeature
from evenhand.strategies import CannotResample, resample
from evenhand.strategies.random_sampling import UNCHANGED
from evenhand.strategies.text_augment import altered, text_augment
from evenhand.training.candidates import Candidate
from evenhand.training.presets import preset_candidates
from tasks.data.problems import load_problem
from tests.core.features.test_text_columns import CLASSES, FEATURES, PLAIN, experiment_of, rows_of

AUGMENT = TextAugmentStrategy(kind="text_augment")
words = st.lists(st.text("abcdefgh", min_size=1, max_size=4), max_size=12)


@settings(max_examples=150, deadline=None)
@given(words, st.floats(0, 0.99), st.floats(0, 1), st.integers(0, 2**31))
def test_altered_words_are_words_of_the_text_in_some_order(given_words, dropout, swap, seed):
    before = list(given_words)
    left = altered(given_words, dropout, swap, np.random.default_rng(seed))
    assert given_words == before, "the text itself is not touched"
    assert bool(left) == bool(given_words)
    assert all(left.count(word) <= given_words.count(word) for word in left)
    if dropout == 0:
        assert sorted(left) == sorted(given_words)
    if len(given_words) < 2:
        assert left == given_words
    if swap == 0 and dropout > 0 and len(given_words) > 1:
        assert len(left) < len(given_words)
        rest = iter(given_words)
        assert all(word in rest for word in left), "without swaps the order stays"


def test_words_are_left_out_and_swapped_at_the_given_rates():
    generator, text = np.random.default_rng(0), [f"w{i}" for i in range(20)]
    gone = [20 - len(altered(text, 0.3, 0.0, generator)) for _ in range(300)]
    assert np.mean(gone) == pytest.approx(6, abs=0.4)
    moved = [sum(a != b for a, b in zip(text, altered(text, 0.0, 0.1, generator), strict=True)) for _ in range(300)]
    assert max(moved) == 4
    assert min(moved) >= 2 - 2 * (0 in moved)


# --- rows ---------------------------------------------------------------------------------------------------------


def made_of(frame, y, strategy=AUGMENT, features=FEATURES, classes=CLASSES, seed=0):
    encoded = build_encoder(features).fit_transform(frame, np.asarray(classes, dtype=object)[y])
    texts = TrainingTexts.of(features, frame, np.asarray(classes, dtype=object)[y], np.arange(len(frame)))
    if strategy.kind == "text_augment":
        return text_augment(strategy, encoded, y, classes, seed, texts), encoded
    return resample(strategy, encoded, y, classes, seed, len(features.categorical)), encoded


counts_of_classes = st.lists(st.integers(1, 30), min_size=2, max_size=4)


@settings(max_examples=25, deadline=None)
@given(counts_of_classes, st.sampled_from([None, 0.5, {"k1": 1.0}]), st.integers(0, 5))
def test_every_new_row_is_a_copy_of_a_row_of_its_class_but_for_its_text_columns(counts, ratio, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    frame = rows_of(len(y), seed=seed)[0].assign(notes=lambda rows: rows["notes"].fillna("officers left the street"))
    classes = [f"k{i}" for i in range(len(counts))]
    features = FeatureSet(
        categorical=("place",), text=(TextFeature(column="notes", min_count=1, components=2, top_terms=1),)
    )
    rows, given_X = made_of(frame, y, AUGMENT.model_copy(update={"ratio": ratio}), features, classes, seed)
    assert rows.given is given_X
    assert rows.n_synthetic == len(rows.y) - len(y)
    assert np.array_equal(rows.X[: len(y)], given_X), "real rows stay, in their order"
    assert np.array_equal(rows.source[: len(y)], np.arange(len(y)))
    assert np.array_equal(rows.y, y[rows.source])
    made, parents = rows.X[len(y) :], given_X[rows.source[len(y) :]]
    n_text = 3 if made.shape[1] == 4 else made.shape[1] - 1
    assert np.array_equal(made[:, :-n_text], parents[:, :-n_text])
    after, largest = np.bincount(rows.y, minlength=len(counts)), max(counts)
    share = {name: 1.0 if ratio is None else ratio for name in classes} if not isinstance(ratio, dict) else ratio
    for code, name in enumerate(classes):
        assert after[code] == max(counts[code], round(share.get(name, 0) * largest))
        used = np.bincount(rows.source[len(y) :], minlength=len(y))[y == code]
        assert np.ptp(used) <= 1, "no row is copied twice before every row was copied once"


def test_new_rows_differ_from_their_parents():
    frame, y = rows_of()
    rows, given_X = made_of(frame, y)
    made = rows.X[len(y) :]
    assert (made != given_X[rows.source[len(y) :]]).any(axis=1).mean() > 0.95
    again, _ = made_of(frame, y)
    assert np.array_equal(rows.X, again.X), "the same seed gives the same digits"
    assert not np.array_equal(rows.X, made_of(frame, y, seed=1)[0].X)


def test_rates_of_a_new_row_are_the_cross_fitted_ones_of_its_parent():
    """Encoded again, they would contain its own label, and a model would recognise new rows by that."""
    frame, y = rows_of()
    rows, given_X = made_of(frame, y)
    np.testing.assert_array_equal(rows.X[len(y) :, :4], given_X[rows.source[len(y) :], :4])


def test_rows_without_two_words_are_not_copied():
    frame, y = rows_of()
    frame.loc[(y == 2) & (np.arange(len(y)) % 2 == 0), "notes"] = "robbery"
    rows, _ = made_of(frame, y)
    starts = rows.source[len(y) :]
    assert all(len(texts_of(frame[["notes"]])[row].split()) > 1 for row in np.unique(starts))
    assert rows.adaptations == ()
    frame.loc[y == 2, "notes"] = None
    rows, _ = made_of(frame, y)
    assert rows.adaptations == ("robbery: no row has a text of two words; the class is not grown",)
    frame.loc[y > 0, "notes"] = "word"
    with pytest.raises(CannotResample, match="text_augment: no row of fraud, robbery has a text of two words"):
        made_of(frame, y)


def test_without_a_text_column_it_is_skipped_with_a_reason_and_balanced_rows_stay():
    frame, y = rows_of()
    outcome = experiment_of(frame, y, FeatureSet(categorical=["place"])).run(Candidate(PLAIN, AUGMENT), 0)
    assert outcome.skipped == "text_augment: the feature set has no text column"
    even = np.arange(600) % 3
    assert made_of(frame, even)[0].adaptations == (UNCHANGED,)


def test_several_text_columns_are_altered():
    frame, y = rows_of()
    frame["more"] = rows_of(seed=5)[0]["notes"].fillna("the street")
    features = FeatureSet.model_validate(
        {"text": [{"column": c, "components": 3, "top_terms": 1} for c in ("notes", "more")]}
    )
    rows, given_X = made_of(frame, y, features=features)
    differs = rows.X[len(y) :] != given_X[rows.source[len(y) :]]
    assert rows.X.shape[1] == 8
    assert differs[:, :4].any(axis=1).mean() > 0.8
    assert differs[:, 4:].any(axis=1).mean() > 0.8


def test_only_training_rows_of_the_fold_are_altered():
    frame, y = rows_of()
    made = experiment_of(frame, y)
    fold = made.folds[0]
    outcome = made.run(Candidate(PLAIN, AUGMENT), 0)
    assert outcome.leaks == ()
    assert sum(outcome.resampling.before.values()) == len(fold.train)
    assert set(outcome.resampling.after.values()) == {max(outcome.resampling.before.values())}
    assert len(outcome.probabilities) == len(fold.valid)


def test_other_strategies_take_text_columns_as_numbers():
    frame, y = rows_of()
    rows, _ = made_of(frame, y, SmoteStrategy(kind="smote"))
    assert set(np.bincount(rows.y)) == {np.bincount(y).max()}


def test_the_full_preset_tries_it_where_there_is_text():
    problem = load_problem("toronto")
    base = problem.features["base"].model_copy(update={"text": (TextFeature(column="notes"),)})
    with_text = problem.model_copy(update={"features": {**problem.features, "base": base}})
    for asked, found in ((problem, False), (with_text, True)):
        kinds = {candidate.strategy.kind for candidate in preset_candidates(asked, "full")}
        assert ("text_augment" in kinds) is found


def test_texts_are_a_frame_of_the_text_columns_alone():
    frame, y = rows_of(30)
    texts = TrainingTexts.of(FEATURES, frame, y, np.array([3, 1]))
    pd.testing.assert_frame_equal(texts.frame, frame[["notes"]].iloc[[3, 1]])
    assert np.array_equal(texts.y, y[[3, 1]])
