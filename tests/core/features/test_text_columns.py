"""Text columns: bounded, fitted in the fold, and refused with a message where there is no term."""

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier

from evenhand.data.schema import column_types
from evenhand.data.split import make_folds
from evenhand.data.suite_spec import derived_suite
from evenhand.errors import ProblemError
from evenhand.features.encoder import build_encoder
from evenhand.features.text_columns import TextColumns, TrainingTexts, texts_of
from evenhand.metrics.scores import score
from evenhand.problem import FeatureSet, ModelSpec, SimpleStrategy, StratifiedFolds, TextAugmentStrategy, parse_problem
from evenhand.scoring.model import FittedCandidate
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from tasks.registry.trusted_types import TRUSTED_TYPES

CLASSES = ["burglary", "fraud", "robbery"]
COMMON = str.split("victim reports that the suspect was seen on street near house and left before officers arrived")
DISCRIMINATING = {
    0: ["window", "broken", "garage"],
    1: ["card", "online", "bank"],
    2: ["knife", "threatened", "wallet"],
}
FEATURES = FeatureSet.model_validate(
    {"categorical": ["place"], "rates": ["place"], "text": [{"column": "notes", "components": 4, "top_terms": 10}]}
)
N_TEXT = 14
PLAIN = ModelSpec(kind="lightgbm", params={"n_estimators": 15})


def rows_of(n=600, seed=0, signal=True):
    """Reports with common words, three of four of them with a word of their class."""
    generator = np.random.default_rng(seed)
    y = generator.choice(3, n, p=[0.7, 0.2, 0.1])
    labels = y if signal else generator.permutation(y)
    notes = []
    for code in labels:
        words = list(generator.choice(COMMON, generator.integers(3, 9)))
        if generator.random() < 0.75:
            words.insert(int(generator.integers(len(words))), str(generator.choice(DISCRIMINATING[int(code)])))
        notes.append(" ".join(words))
    frame = pd.DataFrame({"place": generator.choice(list("abc"), n), "notes": pd.Series(notes, dtype="str")})
    frame.loc[::40, "notes"] = None
    return frame, y


def names_of(y):
    return np.asarray(CLASSES, dtype=object)[y]


def experiment_of(frame, y, features=FEATURES):
    folds = make_folds(frame, y, StratifiedFolds(kind="stratified", n=3), 0)
    return Experiment(frame, y, CLASSES, folds, {"base": features}, 0)


def precision(experiment, strategy):
    outcome = experiment.run(Candidate(PLAIN, strategy), 0)
    assert outcome.leaks == ()
    return score(experiment.y[experiment.folds[0].valid], outcome.probabilities, CLASSES).metrics["average_precision"]


STRATEGIES = [SimpleStrategy(kind="none"), TextAugmentStrategy(kind="text_augment")]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.kind)
def test_a_signal_in_the_words_is_found_and_shuffled_ones_stay_at_chance(strategy):
    assert precision(experiment_of(*rows_of()), strategy) > 0.7
    assert precision(experiment_of(*rows_of(signal=False)), strategy) < 1 / 3 + 0.08


def test_the_words_of_a_rare_class_are_lost_in_topics_alone():
    topics = FeatureSet.model_validate({"text": [{"column": "notes", "components": 8, "top_terms": 0}]})
    assert precision(experiment_of(*rows_of(), topics), STRATEGIES[0]) < 0.5


def test_texts_of_evaluated_rows_change_no_training_column():
    frame, y = rows_of()
    honest = experiment_of(frame, y)
    fold = honest.folds[0]
    other = experiment_of(frame.assign(notes=frame["notes"].where(~frame.index.isin(fold.valid), "alien words")), y)
    np.testing.assert_array_equal(honest._encode("base", fold).train, other._encode("base", fold).train)


def test_columns_come_last_are_bounded_and_named():
    frame, y = rows_of()
    encoder = build_encoder(FEATURES)
    encoded = encoder.fit_transform(frame, names_of(y))
    names = list(encoder.get_feature_names_out())
    assert encoded.shape == (600, 1 + 3 + N_TEXT)
    assert names[-N_TEXT:-10] == [f"notes topic {i}" for i in range(1, 5)]
    own = {f"notes: {word}" for words in DISCRIMINATING.values() for word in words}
    assert len(own & set(names[-10:])) >= 8
    assert names[0] == "place"
    few = TextColumns(max_features=10, components=4).fit(frame[["notes"]])
    assert len(few.vectorizer_.vocabulary_) == 10


def test_columns_of_new_texts_are_those_the_encoder_gives():
    frame, y = rows_of()
    encoder = build_encoder(FEATURES)
    encoded = encoder.fit_transform(frame, names_of(y))
    texts = TrainingTexts.of(FEATURES, frame, names_of(y), np.arange(600))
    np.testing.assert_array_equal(texts.encoded(frame[["notes"]]), encoded[:, -N_TEXT:])
    new = rows_of(50, seed=9)[0]
    np.testing.assert_array_equal(texts.encoded(new[["notes"]]), encoder.transform(new)[:, -N_TEXT:])
    assert TrainingTexts.of(FeatureSet(categorical=["place"]), frame, y, np.arange(600)) is None


def test_a_missing_text_and_one_of_unknown_words_are_zero():
    frame, y = rows_of()
    encoder = build_encoder(FEATURES).fit(frame, names_of(y))
    odd = pd.DataFrame({"place": "a", "notes": [None, "", "   ", "zebra quokka", "?!"]})
    assert not encoder.transform(odd)[:, -N_TEXT:].any()


def test_few_terms_are_columns_themselves():
    notes = pd.DataFrame({"notes": ["red car", "blue car", "red bike"] * 5})
    topics = TextColumns(words=1).fit(notes)
    assert topics.topics_ is None
    assert list(topics.get_feature_names_out()) == ["notes: bike", "notes: blue", "notes: car", "notes: red"]
    assert topics.transform(notes).shape == (15, 4)


@pytest.mark.parametrize("cells", [["a b"] * 20, [f"word{i}" for i in range(20)]])
def test_a_column_without_a_term_is_a_clear_error(cells):
    frame = pd.DataFrame({"notes": pd.Series(cells, dtype="str")})
    with pytest.raises(
        ProblemError, match=r"text column 'notes': no word .* occurs in 5 of 20 training rows; lower min_count"
    ):
        TextColumns().fit(frame)


def test_a_number_is_its_one_text():
    assert texts_of(pd.DataFrame({"notes": [12.5, None, 7]})) == ["12.5", "", "7"]
    mixed = pd.DataFrame({"notes": pd.Series(["two words", 5, None, b"raw", True], dtype=object)})
    assert texts_of(mixed)[:3] == ["two words", "5", ""]
    assert all(isinstance(text, str) for text in texts_of(mixed))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=60)), min_size=1, max_size=8))
def test_any_text_at_prediction_time_gives_numbers_of_the_same_shape(cells):
    found = FITTED.transform(pd.DataFrame({"notes": pd.Series(cells, dtype=object)}))
    assert found.shape == (len(cells), 4)
    assert np.isfinite(found).all()
    assert (np.abs(found) <= 1 + 1e-9).all()


FITTED = TextColumns(components=4).fit(rows_of()[0][["notes"]])


def test_fewer_rows_than_topics():
    frame = pd.DataFrame({"notes": [" ".join(COMMON), " ".join(COMMON[::-1]), "suspect left"]})
    topics = TextColumns(min_count=1, components=20).fit(frame)
    assert topics.transform(frame).shape[1] == len(topics.get_feature_names_out())


def test_a_stored_model_predicts_the_same_probabilities():
    frame, y = rows_of()
    encoder = build_encoder(FEATURES)
    model = LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1).fit(encoder.fit_transform(frame, names_of(y)), y)
    whole = FittedCandidate(encoder, model, CLASSES)
    packed = skops.io.dumps(whole)
    assert set(skops.io.get_untrusted_types(data=packed)) <= set(TRUSTED_TYPES)
    again = skops.io.loads(packed, trusted=list(TRUSTED_TYPES))
    new = rows_of(50, seed=9)[0]
    np.testing.assert_array_equal(again.predict_proba(new), whole.predict_proba(new))
    assert not any(text in packed.decode("latin1") for text in frame["notes"].dropna()[:20]), "no report is stored"


# --- as declared --------------------------------------------------------------------------------------------------


def problem_with(features, strategies=("none",), leaks=()):
    return parse_problem(
        {
            "name": "toy",
            "title": "Toy",
            "source": {"kind": "csv", "path": "x.csv"},
            "target": {"column": "class"},
            "leaks": list(leaks),
            "features": {"base": features},
            "split": {"holdout": {"column": "year", "start": 2020}},
            "strategies": list(strategies),
        },
        "toy.yaml",
    )


def test_a_text_column_is_text_to_schema_and_suite_and_may_be_long():
    problem = problem_with({"categorical": ["place"], "text": ["notes", {"column": "more", "words": 1}]})
    assert problem.features["base"].columns == ("place", "notes", "more")
    assert {column_types(problem)[name].kind for name in ("notes", "more")} == {"text"}
    longest = {
        rule.columns[0]: rule.kwargs["max_value"]
        for rule in derived_suite(problem).expectations
        if rule.type == "expect_column_value_lengths_to_be_between"
    }
    assert longest == {"place": 1000, "notes": 9000, "more": 9000, "class": 1000}


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"text": ["class"]}, "column 'class' is the target"),
        ({"text": ["verdict"]}, "column 'verdict' is a declared leak"),
        ({"categorical": ["notes"], "text": ["notes"]}, "column notes has two roles"),
        ({"text": [{"column": "notes", "words": 3}]}, "Input should be 1 or 2"),
        ({"text": [{"column": "notes", "max_features": 10**6}]}, "less than or equal to 100000"),
        ({"text": [{"column": "notes", "stop": "english"}]}, "stop: unknown key; allowed: column, components, max_f"),
        ({"text": ["notes"], "anomaly": ["ecod"]}, "needs a column of the set that is no rate and no text"),
    ],
)
def test_an_impossible_text_column_is_refused(features, message):
    with pytest.raises(ProblemError, match=message):
        problem_with(features, leaks=["verdict"])


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ({"dropout": 0, "swap": 0}, "changes nothing"),
        ({"dropout": 1.0}, "less than 1"),
        ({"ratio": 2}, "a ratio is a share"),
        ({"shuffle": 1}, "shuffle: unknown key; allowed: dropout, kind, label, ratio, swap"),
    ],
)
def test_an_impossible_text_strategy_is_refused(strategy, message):
    with pytest.raises(ProblemError, match=message):
        problem_with({"text": ["notes"]}, [{"kind": "text_augment", **strategy}])
