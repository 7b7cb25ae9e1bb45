"""Kept fits: what is fitted again and what is not, damaged and foreign ones, and the limit."""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.errors import StorageError
from evenhand.training.candidates import candidates, fits
from evenhand.training.experiment import Experiment
from tasks.data.split import split
from tasks.settings import ROOT, settings
from tasks.storage.store import open_store, write_frame
from tasks.training import confirm
from tasks.training.context import TrainingContext
from tasks.training.evaluate import winning_postprocessing
from tasks.training.fit import Winner, fit, fit_again, refit
from tasks.training.kept.fit_code import FITTING
from tasks.training.kept.kept_fits import FOLDER, KeptFits
from tasks.training.kept.keys import unit_key
from tasks.training.kept.stamp import FILE
from tests.edges.training.test_units import FEW, problem, rows

SEED = 0


@pytest.fixture
def fitted(monkeypatch):
    """The fits that were made, as (candidate, fold)."""
    made, run = [], Experiment.run

    def counted(self, candidate, fold, *args, **kwargs):
        made.append((candidate.name, fold))
        return run(self, candidate, fold, *args, **kwargs)

    monkeypatch.setattr(Experiment, "run", counted)
    return made


def small(**changes):
    return problem(**{"models": [{"kind": "lightgbm", "params": FEW["lightgbm"]}], "extra": [], **changes})


def context_of(folder, asked=None, seed=SEED, n=1200):
    asked = asked or small()
    parts = split.fn(write_frame(rows(n), "validated/{sha256}/good.parquet"), asked)
    return TrainingContext(parts, asked, seed, folder)


def all_units(context, kept):
    return [
        fit.fn(context, one, fold, None, kept)
        for fold in (*context.fold_numbers, HOLDOUT_FOLD)
        for one in fits(candidates(context.problem))
    ]


def plain(unit):
    return replace(unit, probabilities=None, read=False)


def test_a_second_training_fits_nothing_and_has_the_same_units(tmp_path, fitted):
    first, lines = all_units(context_of(tmp_path / "first"), KeptFits(print)), []
    assert len(fitted) == len(first) == 18
    fitted.clear()
    kept = KeptFits(lines.append)
    second = all_units(context_of(tmp_path / "second"), kept)
    assert (fitted, lines, kept.counts) == ([], [], (18, 0))
    for one, other in zip(first, second, strict=True):
        assert plain(one) == plain(other)
        assert one.probabilities.read_bytes() == other.probabilities.read_bytes()
        assert (one.read, other.read, other.foreign) == (False, True, False)
    all_units(context_of(tmp_path / "third"), KeptFits(print, reuse=False))
    assert len(fitted) == 18


def test_a_skipped_fit_is_kept_with_its_reason(tmp_path, fitted):
    asked = small(strategies=[{"kind": "capped", "cap": 10, "per_class": {"Assault": 1.5}}])
    impossible = asked.strategies[0].model_copy(update={"per_class": {"nowhere": 1.5}})
    context = context_of(tmp_path, asked)
    candidate = replace(fits(candidates(asked))[0], strategy=impossible)
    first, second = (fit.fn(context, candidate, 1, None, KeptFits(print)) for _ in range(2))
    assert len(fitted) == 1
    assert "no class nowhere" in second.skipped
    assert plain(second) == plain(first)


@pytest.mark.parametrize(
    "change",
    [
        {"gate": {"min_positives": 5}},
        {"metric": "balanced_accuracy"},
        {"strategies": ["none", "smote"]},
        {"models": [{"kind": "lightgbm", "params": FEW["lightgbm"]}, {"kind": "random_forest"}]},
        {"decisions": ["argmax", "multipliers"], "calibration": ["none"], "quorum": 1, "title": "Renamed"},
    ],
)
def test_what_does_not_take_part_in_a_fit_is_no_part_of_its_key(tmp_path, change):
    keys = []
    for asked in (small(), small(**change)):
        context = context_of(tmp_path, asked)
        plain_one = next(one for one in fits(candidates(asked)) if one.name == "lightgbm / none")
        keys.append([unit_key(context, plain_one, fold) for fold in (0, HOLDOUT_FOLD)])
    assert keys[0] == keys[1]
    assert keys[0][0] != keys[0][1]


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 1},
        {"n": 1199},
        {"asked": small(models=[{"kind": "lightgbm", "params": {"n_estimators": 6}}])},
        {"asked": small(features={"base": {"categorical": ["place"], "numeric": ["hour"]}})},
        {"asked": small(split={**small().split.model_dump(mode="json"), "folds": {"kind": "stratified", "n": 3}})},
    ],
    ids=["seed", "rows", "model", "features", "folds"],
)
def test_what_takes_part_in_a_fit_changes_its_key(tmp_path, changed):
    before = context_of(tmp_path)
    after = context_of(tmp_path, **changed)
    for fold in (0, 1):
        assert unit_key(before, candidates(before.problem)[0], fold) != unit_key(
            after, candidates(after.problem)[0], fold
        )
    smote = next(one for one in candidates(before.problem) if one.strategy.name == "smote")
    assert unit_key(before, smote, 0) != unit_key(before, candidates(before.problem)[0], 0)


def test_all_code_that_runs_in_a_fit_is_hashed(tmp_path):
    """Of every strategy and model family that the package has: what Python calls during a fit."""
    asked = problem(
        balancing_models=[{"kind": "balanced_random_forest", "params": {"n_estimators": 4}}],
        extra=[{"model": "lightgbm", "features": "enriched", "half_life_days": 200}],
    )
    context, called = context_of(tmp_path, asked), set()
    experiment = context.experiment

    def note(frame, event, _argument):
        if event == "call":
            called.add(frame.f_code.co_filename)

    sys.setprofile(note)
    try:
        for one in fits(candidates(asked)):
            experiment.run(one, HOLDOUT_FOLD, keep_model=True)
    finally:
        sys.setprofile(None)
    here = ROOT / "evenhand"
    packages = {Path(path).relative_to(here).parts[0] for path in called if Path(path).is_relative_to(here)}
    assert {"data", "features", "models", "strategies", "training"} <= packages <= set(FITTING)


@pytest.mark.parametrize("how", ["truncated", "changed", "another", "no array"])
def test_a_damaged_fit_is_made_again_with_one_line(tmp_path, fitted, how):
    context = context_of(tmp_path)
    one, other = candidates(context.problem)[0], candidates(context.problem)[1]
    before = fit.fn(context, one, 0, None, KeptFits(print)).probabilities.read_bytes()
    fit.fn(context, other, 0, None, KeptFits(print))
    store = open_store()
    path = store.local(FOLDER + unit_key(context, one, 0))
    data = path.read_bytes()
    damaged = {
        "truncated": data[:-9],
        "changed": data[:-9] + b"x" + data[-8:],
        "another": store.read_bytes(FOLDER + unit_key(context, other, 0)),
        "no array": b"",
    }
    store.put_bytes(damaged[how], FOLDER + unit_key(context, one, 0), overwrite=True)
    fitted.clear()
    lines = []
    for _ in range(2):
        again = fit.fn(context, one, 0, None, KeptFits(lines.append))
        assert again.probabilities.read_bytes() == before
    assert fitted == [(one.name, 0)]
    assert len(lines) == 1
    assert "it is fitted again" in lines[0]


def trained(folder, kept, asked=None):
    """The winner's units and its model."""
    context = context_of(folder, asked)
    one = candidates(context.problem)[0]
    units = tuple(fit.fn(context, one, fold, None, kept) for fold in context.fold_numbers)
    winner = Winner(one, winning_postprocessing(context, one, units), units)
    return context, winner, refit.fn(context, winner, None, kept)


def test_the_winners_model_is_kept_byte_for_byte_and_follows_its_postprocessing(tmp_path, fitted):
    *_, first = trained(tmp_path / "first", KeptFits(print))
    model = first.model.path.read_bytes()
    fitted.clear()
    *_, second = trained(tmp_path / "second", KeptFits(print))
    assert fitted == []
    assert second.model.path.read_bytes() == model
    assert second.model.columns == first.model.columns
    assert second.example.equals(first.example)
    assert plain(second.unit) == plain(first.unit)
    trained(tmp_path / "third", KeptFits(print), small(calibration=["none"]))
    assert fitted == [("lightgbm / none", HOLDOUT_FOLD)]


def of_another_home(monkeypatch):
    """From here on this is another home with the same store."""
    monkeypatch.setenv("EVENHAND_STORE", settings().store_uri)
    monkeypatch.setenv("EVENHAND_HOME", str(settings().home.parent / "other"))
    settings.cache_clear()


def test_a_model_and_its_units_of_another_home_are_not_trusted(tmp_path, fitted, monkeypatch):
    trained(tmp_path / "first", KeptFits(print))
    of_another_home(monkeypatch)
    fitted.clear()
    context, winner, _ = trained(tmp_path / "second", KeptFits(print))
    assert fitted == [("lightgbm / none", HOLDOUT_FOLD)], "units serve the comparison, the model is fitted here"
    assert all(unit.foreign for unit in winner.fold_units)
    runner = runner_of(context, monkeypatch)
    fitted.clear()
    confirm.confirmed_units(runner, winner.candidate, {winner.candidate.fit_name: winner.fold_units})
    assert fitted == [("lightgbm / none", fold) for fold in context.fold_numbers]
    _, again, _ = trained(tmp_path / "third", KeptFits(print))
    assert not any(unit.foreign for unit in again.fold_units), "they are this home's now"


def test_a_poisoned_unit_becomes_no_model(tmp_path, monkeypatch):
    context = context_of(tmp_path)
    one, other = candidates(context.problem)[:2]
    units = [fit.fn(context, one, fold, None, KeptFits(print)) for fold in context.fold_numbers]
    lie = fit.fn(context, other, 1, None, KeptFits(print))
    kept = KeptFits(print)
    kept.keep_unit(unit_key(context, one, 1), replace(units[1], probabilities=lie.probabilities))
    of_another_home(monkeypatch)
    context = context_of(tmp_path / "other")
    units = [fit.fn(context, one, fold, None, KeptFits(print)) for fold in context.fold_numbers]
    with pytest.raises(StorageError, match=r"the store has other probabilities.*NO_REUSE=1"):
        confirm.confirmed_units(runner_of(context, monkeypatch), one, {one.fit_name: units})


def runner_of(context, monkeypatch):
    """A runner whose units are done as they are submitted: without a flow there is nothing to submit them to."""

    def submit(*args):
        done = fit_again.fn(*args)
        return SimpleNamespace(result=lambda: done)

    monkeypatch.setattr(confirm, "fit_again", SimpleNamespace(submit=submit))
    training = SimpleNamespace(kept=KeptFits(print), say=print)
    return SimpleNamespace(training=training, context=context, workers=None)


def test_the_secret_is_readable_by_its_owner_alone():
    KeptFits(print)
    secret = settings().home / FILE
    assert secret.stat().st_mode & 0o777 == 0o600
    before = secret.read_bytes()
    KeptFits(print)
    assert secret.read_bytes() == before
    secret.write_bytes(b"short")
    with pytest.raises(StorageError, match="damaged: remove it"):
        KeptFits(print)


def test_the_oldest_fits_go_above_the_limit(tmp_path, monkeypatch):
    context = context_of(tmp_path)
    kept, store, keys = KeptFits(print), open_store(), []
    for position, one in enumerate(fits(candidates(context.problem))[:3]):
        fit.fn(context, one, 0, None, kept)
        keys.append(FOLDER + unit_key(context, one, 0))
        moment = time.time() - 100 + position
        os.utime(store.local(keys[-1]), (moment, moment))
    kept.prune()
    assert store.list(FOLDER) == sorted(keys)
    sizes = {one.key: one.bytes for one in store.objects(FOLDER)}
    monkeypatch.setenv("EVENHAND_UNITS_LIMIT", str(sizes[keys[1]] + sizes[keys[2]]))
    settings.cache_clear()
    kept.prune()
    assert store.list(FOLDER) == sorted(keys[1:])


def test_a_store_that_can_not_be_written_costs_one_line_and_no_fit(tmp_path, monkeypatch):
    context, lines = context_of(tmp_path), []
    kept = KeptFits(lines.append)

    def full(*_args, **_kwargs):
        raise StorageError("the disk is full")

    monkeypatch.setattr(type(kept._store), "put_bytes", full)
    monkeypatch.setattr(type(kept._store), "read_bytes", full)
    units = [fit.fn(context, one, 0, None, kept) for one in fits(candidates(context.problem))[:2]]
    assert all(unit.probabilities is not None for unit in units)
    assert len(lines) == 2
    assert all("the disk is full" in line for line in lines)
