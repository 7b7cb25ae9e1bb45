"""Mean ranks over data sets are as in Demsar (2006); the sets are read as they are; a skipped method is last."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from benchmarks.keel import METRICS, answer, fitted, key, method, ruled, scores
from benchmarks.keel_sets import CLASS, read_set
from benchmarks.keel_tables import MethodScores, write_results
from benchmarks.ranks import ranking, ranks
from evenhand.data.split import make_folds
from evenhand.errors import SourceError
from evenhand.problem import StratifiedFolds
from evenhand.training.experiment import Experiment

NAMES = ("none", "smote", "under", "over")


def test_ranks_and_friedmans_test_are_those_of_the_formulas():
    rng = np.random.default_rng(1)
    scored = rng.normal([0.0, 0.6, 0.2, 0.9], 1, (14, 4))
    found = ranking(scored, NAMES, [str(i) for i in range(14)])
    by_hand = np.array([[1 + sum(other > mine for other in row) for mine in row] for row in scored])
    assert found.mean == pytest.approx(by_hand.mean(axis=0))
    n, k = scored.shape  # without ties: Friedman 1937, as in Demsar 2006, section 3.2.2
    statistic = 12 * n / (k * (k + 1)) * ((by_hand.mean(axis=0) ** 2).sum() - k * (k + 1) ** 2 / 4)
    assert found.p == pytest.approx(chi2.sf(statistic, k - 1))
    assert found.critical == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 14)), abs=1e-3)  # 2.569: table 5 of the same
    best = found.methods[found.order[0]]
    assert found.behind(best) == 0
    assert found.behind("none") == pytest.approx(by_hand.mean(axis=0)[0] - by_hand.mean(axis=0).min())
    assert found.by_source == pytest.approx(found.mean)


def test_equal_scores_share_ranks_and_who_could_not_run_is_last():
    placed = ranks(np.array([[0.5, 0.5 + 1e-13, np.nan, 0.9], [0.1, np.nan, np.nan, 0.2]]))
    assert placed.tolist() == [[2.5, 2.5, 4, 1], [2, 3.5, 3.5, 1]]


def test_a_source_of_many_sets_weighs_as_one():
    scored = np.array([[0.9, 0.1]] * 3 + [[0.1, 0.9]])
    found = ranking(np.column_stack([scored, np.zeros(4)]), "abc", ["yeast"] * 3 + ["car"])
    assert found.mean.tolist() == [1.25, 1.75, 3]
    assert found.by_source.tolist() == [1.5, 1.5, 3]


FILE = b"M, 0.5, 1, negative\nF, .25, 2, negative\nI, 1e-3, 3, positive\n"


def test_a_set_is_read_by_what_its_cells_are():
    found = read_set("abalone9-18", "0" * 64, FILE)
    assert found.source == "abalone"
    assert found.classes == ("negative", "positive")
    assert found.y.tolist() == [0, 0, 1]
    assert found.features.columns == ("c1", "c2", "c3")
    assert [part.column for part in found.features.numeric] == ["c2", "c3"]
    assert found.frame["c2"].tolist() == [0.5, 0.25, 0.001]
    assert CLASS not in found.frame
    with pytest.raises(SourceError, match="abalone"):
        read_set("abalone", "0" * 64, FILE + b"M, 1, negative\n")


def small_set(n=90):
    rng = np.random.default_rng(3)
    rows = [f"{a:.3f},{b:.3f},{'positive' if a > 1.1 else 'negative'}" for a, b in rng.normal(size=(n, 2))]
    return read_set("tiny1", "ab" * 32, "\n".join(rows).encode())


def test_an_answer_is_kept_and_not_fitted_again(tmp_path, monkeypatch):
    data = small_set()
    folds = make_folds(data.frame, data.y, StratifiedFolds(kind="stratified", n=2), 0)
    experiment = Experiment(data.frame, data.y, data.classes, folds, {"base": data.features}, 0)
    first = next(c for c in fitted() if c.name == "lightgbm / none")
    mixed = next(c for c in fitted() if c.strategy.name == "smotenc")
    kept, reason = answer(experiment, first, tmp_path), answer(experiment, mixed, tmp_path)
    assert kept.shape == (len(data.y), 2)
    assert "needs both kinds of columns" in reason
    monkeypatch.setattr(Experiment, "run", None)
    assert np.array_equal(answer(experiment, first, tmp_path), kept)
    assert answer(experiment, mixed, tmp_path) == reason


def test_every_fit_has_a_key_of_its_own_and_every_method_a_name():
    assert len({key(c) for c in fitted()}) == len(fitted())
    names = [method(c) for c in (*fitted(), *ruled())]
    assert len(set(names)) == len(names)
    assert {"none", "none / prior_power", "smote", "balanced_random_forest"} <= set(names)


def test_methods_are_scored_out_of_fold_and_written(tmp_path, monkeypatch):
    few = {"lightgbm / none", "lightgbm / random_over", "lightgbm / smotenc"}
    monkeypatch.setattr("benchmarks.keel.fitted", lambda: [c for c in fitted() if c.name in few])
    scored = list(scores(small_set(), 0, tmp_path))
    of = {found.method: found for found in scored}
    assert set(of) == {"none", "random_over", "smotenc", *(method(c) for c in ruled())}
    assert of["none"].metrics["average_precision"] == of["none / prior_power"].metrics["average_precision"]
    assert np.isnan(of["smotenc"].metrics["macro_f1"])
    second = [MethodScores("tiny2", s.repeat, s.method, s.skipped, s.metrics) for s in scored]
    write_results(tmp_path / "out", [*scored, *second], {"tiny1": "tiny", "tiny2": "tiny"}, 1)
    table = pd.read_csv(tmp_path / "out" / "ranks.csv")
    assert table.set_index("method")["skipped"].to_dict()["smotenc"] == 2
    assert table.set_index("method").loc["smotenc", "macro_f1_rank"] == len(of)
    page = (tmp_path / "out" / "keel.md").read_text()
    assert "- Within 2 mean ranks of the best by both of macro_f1, average_precision: " in page
    assert "- none / prior_power is behind the best by " in page
    assert "- smotenc: on 2 sets (smotenc: needs both kinds of columns" in page
    for metric in METRICS:
        assert (tmp_path / "out" / f"ranks_{metric}.png").read_bytes().startswith(b"\x89PNG")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    write_results(tmp_path / "out", [*scored, *second], {"tiny1": "tiny", "tiny2": "tiny"}, 1)
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
