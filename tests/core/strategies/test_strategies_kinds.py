"""Each kind does what its paper describes, a wrong one is refused with what is allowed, and none leaks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn import over_sampling, under_sampling

from evenhand.data.stratified_sample import largest_remainder_sizes
from evenhand.errors import ProblemError
from evenhand.problem import (
    AdasynStrategy,
    BorderlineSmoteStrategy,
    CostWeightStrategy,
    EffectiveNumberStrategy,
    EnnStrategy,
    NearMissStrategy,
    RoseStrategy,
    SimpleStrategy,
    SmoteEnnStrategy,
    SmoteStrategy,
    TomekStrategy,
    check_classes,
    parse_problem,
)
from evenhand.problem.strategies import FULL
from evenhand.strategies import CannotResample, resample, resampling_record
from evenhand.strategies.expected_rows import search_note
from evenhand.strategies.neighbour_search import neighbours
from evenhand.training.candidates import Candidate
from tests.core.training.test_experiment import MODELS, looks_better_than_chance, made, out_of_fold

CLASSES = ["a", "b", "c"]


def rows(counts=(90, 45, 15), seed=0):
    generator = np.random.default_rng(seed)
    y = generator.permutation(np.repeat(np.arange(len(counts)), counts))
    return generator.normal(size=(len(y), 3)) + 0.8 * y[:, None], y


def counts(strategy, X, y, **more):
    return np.bincount(resample(strategy, X, y, CLASSES, 0, **more).y).tolist()


@pytest.mark.parametrize(
    ("kind", "ratio", "expected"),
    [
        ("random_over", 0.5, [90, 45, 45]),
        ("random_over", {"c": 0.4}, [90, 45, 36]),
        ("random_over", {"a": 0.1}, [90, 45, 15]),
        ("random_under", 0.5, [45, 45, 15]),
        ("random_under", {"a": 0.3}, [27, 45, 15]),
    ],
)
def test_a_ratio_is_a_share_of_the_largest_class(kind, ratio, expected):
    assert counts(SimpleStrategy(kind=kind, ratio=ratio), *rows()) == expected


def test_a_ratio_that_changes_nothing_is_recorded():
    X, y = rows()
    assert "nothing changed" in resample(SimpleStrategy(kind="random_over", ratio=0.1), X, y, CLASSES, 0).adaptations[0]


GROWING = ("random_over", "rose", "smote", "borderline_smote", "adasyn")


@pytest.mark.parametrize(
    "strategy",
    [s for s in FULL if s.kind in (*GROWING, "random_under") or s.name in ("near_miss", "near_miss 2")],
    ids=lambda s: s.name,
)
def test_every_sampler_takes_a_ratio(strategy):
    found = counts(strategy.model_copy(update={"ratio": 0.6}), *rows())
    assert found == ([90, 54, 54] if strategy.kind in GROWING else [54, 45, 15])


def test_square_root_weights_lie_between_none_and_balanced():
    X, y = rows()
    weight = {k: resample(SimpleStrategy(kind=k), X, y, CLASSES, 0).weight for k in ("class_weight", "sqrt_weight")}
    np.testing.assert_allclose(weight["sqrt_weight"].mean(), 1)
    rare, common = np.flatnonzero(y == 2)[0], np.flatnonzero(y == 0)[0]
    ratio = {k: w[rare] / w[common] for k, w in weight.items()}
    assert ratio == pytest.approx({"class_weight": 6.0, "sqrt_weight": 6.0**0.5})


def test_effective_numbers_are_those_of_the_paper_and_reach_both_ends():
    X, y = rows()
    weight = resample(EffectiveNumberStrategy(kind="effective_number", beta=0.9), X, y, CLASSES, 0).weight
    effective = [(1 - 0.9**n) / (1 - 0.9) for n in (90, 45, 15)]
    by_class = np.array([weight[y == code][0] for code in range(3)])
    np.testing.assert_allclose(by_class / by_class[0], effective[0] / np.array(effective))
    flat = resample(EffectiveNumberStrategy(kind="effective_number", beta=1e-9), X, y, CLASSES, 0).weight
    np.testing.assert_allclose(flat, 1)
    steep = resample(EffectiveNumberStrategy(kind="effective_number", beta=1 - 1e-9), X, y, CLASSES, 0).weight
    np.testing.assert_allclose(steep, resample(SimpleStrategy(kind="class_weight"), X, y, CLASSES, 0).weight, rtol=1e-4)


@pytest.mark.parametrize("costs", [{"c": {"a": 7, "b": 5}}, [[0, 1, 1], [1, 0, 1], [7, 5, 0]]])
def test_cost_weights_are_the_costs_of_a_class_s_mistakes(costs):
    X, y = rows()
    weight = resample(CostWeightStrategy(kind="cost_weight", costs=costs), X, y, CLASSES, 0).weight
    assert weight[y == 2][0] / weight[y == 0][0] == pytest.approx(6)
    assert weight.mean() == pytest.approx(1)


def test_a_class_whose_mistakes_cost_nothing_is_refused():
    strategy = CostWeightStrategy(kind="cost_weight", costs={"b": {"a": 0, "c": 0}})
    with pytest.raises(CannotResample, match="mistakes about b cost nothing"):
        resample(strategy, *rows(), CLASSES, 0)


def test_the_weight_of_each_class_is_recorded():
    X, y = rows()
    strategy = SimpleStrategy(kind="class_weight")
    entry = resampling_record(strategy, "0", y, resample(strategy, X, y, CLASSES, 0), CLASSES)
    assert entry.weight == pytest.approx({"a": 50, "b": 50, "c": 50})


def test_rose_adds_noise_of_the_papers_width_and_copies_missing_values_and_categories():
    X, y = rows((3000, 1000, 500))
    X[:, 0] = np.arange(len(y)) % 4
    X[::3, 1] = np.nan
    made_rows = resample(RoseStrategy(kind="rose"), X, y, CLASSES, 0, n_categorical=1)
    new, source = made_rows.X[len(y) :], X[made_rows.source[len(y) :]]
    np.testing.assert_array_equal(new[:, 0], source[:, 0])
    np.testing.assert_array_equal(np.isnan(new), np.isnan(source))
    wide = (4 / ((2 + 2) * len(y))) ** (1 / (2 + 4))
    for code in (1, 2):
        noise = (new - source)[made_rows.y[len(y) :] == code, 2]
        assert noise.std() == pytest.approx(wide * X[y == code, 2].std(), rel=0.06)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_near_miss_keeps_rows_by_their_distance_to_the_smallest_class(version):
    X, y = rows()
    kept = resample(NearMissStrategy(kind="near_miss", version=version, standardise=False), X, y, CLASSES, 0)
    assert np.bincount(kept.y).max() == 15
    if version == 3:
        return
    distance = np.sort(np.linalg.norm(X[:, None] - X[y == 2][None], axis=2), axis=1)
    mean = distance[:, :3].mean(axis=1) if version == 1 else distance[:, -3:].mean(axis=1)
    for code in (0, 1):
        members = np.flatnonzero(y == code)
        nearest = members[np.argsort(mean[members])[:15]]
        assert set(kept.source[kept.y == code]) == set(nearest)


def test_tomek_and_enn_leave_out_what_imbalanced_learn_does():
    X, y = rows()
    X += y[:, None]
    for ours, theirs in (
        (TomekStrategy(kind="tomek", standardise=False), under_sampling.TomekLinks()),
        (
            EnnStrategy(kind="enn", kind_sel="all", standardise=False),
            under_sampling.EditedNearestNeighbours(kind_sel="all"),
        ),
    ):
        theirs.fit_resample(X, y)
        found = resample(ours, X, y, CLASSES, 0)
        assert set(found.source) == set(theirs.sample_indices_) < set(range(len(y)))


def test_two_crimes_at_one_place_are_a_tomek_link():
    X = np.array([[0.0, 0], [0, 0], [5, 5], [5, 6], [9, 9], [9, 8]])
    found = resample(TomekStrategy(kind="tomek"), X, np.array([0, 1, 0, 0, 1, 0]), ["a", "b"], 0)
    assert found.source.tolist() == [1, 2, 3, 4]


def test_a_class_that_cleaning_would_empty_stays_whole():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(260, 2))
    y = np.r_[np.zeros(200, int), np.ones(40, int), np.full(20, 2)]
    for strategy in (EnnStrategy(kind="enn"), SmoteEnnStrategy(kind="smote_enn", ratio={"b": 0.3}, kind_sel="all")):
        found = resample(strategy, X, y, CLASSES, 0)
        assert np.bincount(found.y).min() >= 20
        assert "stays whole" in " ".join(found.adaptations)


def test_adasyn_grows_every_row_by_its_foreign_neighbours():
    X, y = rows()
    found = resample(AdasynStrategy(kind="adasyn", standardise=False), X, y, CLASSES, 0)
    assert np.bincount(found.y).tolist() == [90, 90, 90]
    foreign = (y[neighbours(X, 5)] != y[:, None]).sum(axis=1)
    grown = np.bincount(found.source[len(y) :], minlength=len(y))
    for code in (1, 2):
        share = foreign[y == code] / foreign[y == code].sum()
        assert np.abs(grown[y == code] - share * grown[y == code].sum()).max() < 1


def test_adasyn_leaves_an_easy_class_and_grows_the_others():
    X, y = rows()
    X[y == 2] += 100
    found = resample(AdasynStrategy(kind="adasyn"), X, y, CLASSES, 0)
    assert np.bincount(found.y)[2] == 15
    assert np.bincount(found.y)[1] > 80
    assert "c: no row has foreign neighbours to start from" in found.adaptations[0]


def test_borderline_smote_starts_from_rows_with_foreign_neighbours_alone():
    X, y = rows()
    found = resample(BorderlineSmoteStrategy(kind="borderline_smote", standardise=False), X, y, CLASSES, 0)
    foreign = (y[neighbours(X, 10)] != y[:, None]).sum(axis=1)[found.source[len(y) :]]
    assert foreign.min() >= 5
    assert foreign.max() < 10
    assert found.n_synthetic > 60


def test_without_a_border_borderline_smote_is_refused_with_a_reason():
    X, y = rows()
    with pytest.raises(CannotResample, match="borderline_smote: no row of a class to grow has foreign neighbours"):
        resample(BorderlineSmoteStrategy(kind="borderline_smote"), X + 100 * y[:, None], y, CLASSES, 0)


@pytest.mark.parametrize(
    "strategy",
    [TomekStrategy(kind="tomek"), NearMissStrategy(kind="near_miss"), SmoteStrategy(kind="smote", standardise=True)],
    ids=lambda s: s.kind,
)
def test_standardised_distances_do_not_depend_on_units(strategy):
    X, y = rows()
    metres = X * [1, 1000, 1] + [0, 5, 0]
    plain, scaled = (resample(strategy, given_rows, y, CLASSES, 0) for given_rows in (X, metres))
    np.testing.assert_array_equal(plain.source, scaled.source)
    np.testing.assert_allclose(plain.X * [1, 1000, 1] + [0, 5, 0], scaled.X)
    bare = strategy.model_copy(update={"standardise": False})
    other = resample(bare, metres, y, CLASSES, 0)
    assert other.X.shape != plain.X.shape or not np.allclose(other.X, scaled.X)


@pytest.mark.parametrize("kind", ["smote", "smotenc", "borderline_smote", "adasyn", "smote_tomek", "smote_enn"])
def test_a_synthetic_row_has_exactly_the_values_that_its_parents_share(kind):
    X, y = rows()
    X = np.column_stack([np.arange(len(y)) % 3, X, np.array([43.7, 79.1, 0.1])[y]])
    strategy = next(s for s in FULL if s.kind == kind).model_copy(update={"standardise": True})
    found = resample(strategy, X, y, CLASSES, 0, n_categorical=1)
    new = found.X[len(found.y) - found.n_synthetic :, -1]
    assert len(new) > 0
    assert set(new) <= {79.1, 0.1}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5000), min_size=2, max_size=15), st.integers(100, 3000))
def test_a_bounded_sample_is_full_and_keeps_rare_classes(sizes, max_rows):
    sizes = np.array(sizes)
    if sizes.sum() <= max_rows:
        return
    found = largest_remainder_sizes(sizes, max_rows)
    assert found.sum() == max_rows
    assert np.all(found <= sizes)
    rare = sizes <= min(500, max_rows // (2 * len(sizes)))
    np.testing.assert_array_equal(found[rare], sizes[rare])


def test_a_search_among_many_rows_has_a_note_and_a_bounded_one_has_none():
    strategy = SmoteEnnStrategy(kind="smote_enn")
    assert search_note(strategy, 300_000).startswith("searches neighbours among 300,000 rows in each fold; ")
    assert search_note(strategy, 10_000) is None
    assert all(search_note(bounded, 638_454) is None for bounded in FULL)


@pytest.mark.parametrize(
    "strategy",
    [
        SmoteEnnStrategy(kind="smote_enn", max_rows=700),
        AdasynStrategy(kind="adasyn"),
        RoseStrategy(kind="rose"),
        SimpleStrategy(kind="sqrt_weight"),
    ],
    ids=lambda s: s.name,
)
def test_shuffled_labels_stay_at_chance(strategy):
    assert not looks_better_than_chance(out_of_fold(made(), Candidate(MODELS[2], strategy)))


def problem(*strategies):
    raw = {
        "name": "small",
        "title": "Small",
        "source": {"kind": "csv", "path": "x.csv"},
        "target": {"column": "kind"},
        "features": {"base": {"numeric": ["hour"]}},
        "split": {"holdout": {"column": "when", "start": "2021-01-01"}, "folds": {"kind": "stratified", "n": 2}},
        "strategies": list(strategies),
    }
    return parse_problem(raw, "my.yaml")


def test_every_kind_is_named_in_yaml_by_its_kind_alone_or_with_settings():
    dumped = [strategy.model_dump(mode="json") for strategy in FULL]
    assert problem(*dumped).strategies == FULL
    alone = [kind for kind in {strategy.kind for strategy in FULL} if kind != "capped"]
    assert {strategy.kind for strategy in problem(*sorted(alone)).strategies} == set(alone)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ("smoke", "'borderline_smote', 'adasyn', 'near_miss', 'tomek', 'enn', 'smote_tomek', 'smote_enn'"),
        ({"kind": "near_miss", "version": 4}, "near_miss.version: Input should be 1, 2 or 3, found 4"),
        (
            {"kind": "enn", "k": 3},
            "unknown key; allowed: kind, kind_sel, label, max_rows, n_neighbors, skip_above_rows",
        ),
        ({"kind": "class_weight", "ratio": 0.5}, "`ratio` belongs to random_over and random_under"),
        ({"kind": "random_over", "ratio": 2}, "2: a ratio is a share of the largest class, above 0 and at most 1"),
        ({"kind": "random_over", "ratio": {"a": 0}}, "0: a ratio is a share"),
        ({"kind": "smote", "ratio": {}}, "a ratio is a share"),
        ({"kind": "rose", "shrinkage": 0}, "rose.shrinkage: Input should be greater than 0"),
        ({"kind": "effective_number", "beta": 1}, "effective_number.beta: Input should be less than 1"),
        ({"kind": "tomek", "max_rows": 20}, "tomek.max_rows: Input should be greater than or equal to 100"),
        ({"kind": "none", "label": "plain"}, "`none` is the name of the baseline"),
        ({"kind": "smote", "label": "none"}, "`none` is the name of the baseline"),
        ("cost_weight", "cost_weight.costs: required, but missing"),
    ],
)
def test_a_wrong_strategy_is_refused_with_what_is_allowed(strategy, message):
    with pytest.raises(ProblemError) as caught:
        problem("none", strategy)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("strategy", "where"),
    [
        ({"kind": "random_over", "ratio": {"Arson": 0.5}}, "strategies.random_over per class.ratio"),
        ({"kind": "cost_weight", "costs": {"a": {"Arson": 2}}}, "strategies.cost_weight.costs"),
    ],
)
def test_a_class_that_the_data_lack_is_named_before_anything_is_fitted(strategy, where):
    with pytest.raises(ProblemError, match=f"{where}: no class 'Arson'; classes are a, b, c"):
        check_classes(problem("none", strategy), CLASSES)


def test_a_cost_matrix_of_another_size_is_refused():
    strategy = CostWeightStrategy(kind="cost_weight", costs=[[0, 1], [1, 0]])
    with pytest.raises(ProblemError, match="strategies: cost_weight: needed 3 rows of 3 costs"):
        resample(strategy, *rows(), CLASSES, 0)


@pytest.mark.parametrize("kind", ["smote", "smotenc"])
def test_smote_makes_the_rows_that_imbalanced_learn_makes(kind):
    X, y = rows()
    X = np.column_stack([np.arange(len(y)) % 3, X])
    theirs = (
        over_sampling.SMOTE(random_state=0) if kind == "smote" else over_sampling.SMOTENC([0], random_state=0)
    ).fit_resample(X, y)
    ours = resample(SmoteStrategy(kind=kind), X, y, CLASSES, 0, n_categorical=1)
    np.testing.assert_array_equal(ours.X, theirs[0])
    np.testing.assert_array_equal(ours.y, theirs[1])
