"""Trees in little memory: what is packed is the same tree."""

import copy

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier

from evenhand.models import build_model, importances, judge_first
from evenhand.models.forest import Forest
from evenhand.models.prepared import Prepared
from evenhand.models.trees import packed, unpacked
from evenhand.problem import ModelSpec
from tasks.registry.trusted_types import TRUSTED_TYPES


@pytest.fixture(scope="module")
def forest():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(3_000, 4)).round(2)
    X[::9, 1] = np.nan
    return Forest(4, random_state=0).fit(X, generator.integers(0, 3, len(X)), generator.random(len(X)) + 0.5), X


def nodes(tree):
    return tree.tree_.__getstate__()


def test_a_tree_comes_back_to_the_last_bit(forest):
    for grown in forest[0].estimators_:
        before, after = nodes(grown), nodes(unpacked(packed(grown)))
        assert before.keys() == after.keys()
        for name in before:
            np.testing.assert_array_equal(before[name], after[name])


def test_packed_it_takes_a_third_or_less_and_the_tree_itself_stays(forest):
    grown = forest[0].estimators_[0]
    small, state = packed(grown), nodes(grown)
    assert small.tree_.nbytes < (state["nodes"].nbytes + state["values"].nbytes) / 3
    assert grown.tree_.node_count == state["node_count"]
    assert unpacked(grown) is grown


@pytest.mark.parametrize("tampered", [b"", b"no tree", bytes(range(256))])
def test_bytes_that_are_no_tree_are_refused(forest, tampered):
    small = packed(forest[0].estimators_[0])
    small.tree_ = np.frombuffer(tampered, dtype=np.uint8)
    with pytest.raises((ValueError, OSError, EOFError)):
        unpacked(small)


def test_a_forest_answers_the_same_from_a_file_and_as_a_copy(forest, tmp_path):
    whole, X = forest
    skops.io.dump(whole, tmp_path / "forest.skops")
    stored = skops.io.load(tmp_path / "forest.skops", trusted=list(TRUSTED_TYPES))
    for other in (stored, copy.deepcopy(whole)):
        assert type(other) is Forest
        np.testing.assert_array_equal(other.predict_proba(X), whole.predict_proba(X))
        np.testing.assert_array_equal(other.feature_importances_, whole.feature_importances_)
    assert whole.estimators_[0].predict_proba(X).shape == (len(X), 3), "its own trees stay as they are"


def test_a_file_of_trees_as_they_are_is_still_read(forest, tmp_path, monkeypatch):
    whole, X = forest
    with monkeypatch.context() as patch:
        patch.setattr(Forest, "__getstate__", RandomForestClassifier.__getstate__)
        skops.io.dump(whole, tmp_path / "older.skops")
    older = skops.io.load(tmp_path / "older.skops", trusted=list(TRUSTED_TYPES))
    np.testing.assert_array_equal(older.predict_proba(X), whole.predict_proba(X))


@pytest.mark.parametrize("max_rows", [None, 2_000])
def test_a_forest_that_judges_and_keeps_its_trees_packed_is_the_same_forest(max_rows, tmp_path):
    generator = np.random.default_rng(1)
    X, y = generator.normal(size=(2_500, 3)), generator.integers(0, 3, 2_500)
    judged, others = X[:300] + 0.1, X[300:900] - 0.1
    spec = ModelSpec(kind="random_forest", params={"n_estimators": 4}, max_rows=max_rows)
    plain, judging = (build_model(spec, 0, len(y)) for _ in range(2))
    judge_first(judging, judged, keep=True)
    plain.fit(X, y)
    judging.fit(X, y)
    inner = getattr(judging, "model_", judging)
    assert (type(judging) is Prepared) is (max_rows is not None)
    assert all(tree.tree_.dtype == np.uint8 for tree in inner.estimators_)
    np.testing.assert_array_equal(judging.predict_proba(judged), plain.predict_proba(judged))
    np.testing.assert_array_equal(importances(judging), importances(plain))
    skops.io.dump(judging, tmp_path / "forest.skops")
    stored = skops.io.load(tmp_path / "forest.skops", trusted=list(TRUSTED_TYPES))
    for other in (judging, stored):
        np.testing.assert_array_equal(other.predict_proba(others), plain.predict_proba(others))
        np.testing.assert_array_equal(other.predict_proba(judged), plain.predict_proba(judged))
        np.testing.assert_array_equal(importances(other), importances(plain))
    for part in (stored, getattr(stored, "model_", stored)):
        assert not vars(part).keys() & {"_judged", "_sum", "_gains"}, "no rows go into the file"
