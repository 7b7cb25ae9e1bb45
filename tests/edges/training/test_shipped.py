"""What ships is what was judged: the stored model answers, in a fresh process, as its candidate was scored."""

import struct
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.metrics.scores import score, to_record
from evenhand.problem import Problem
from evenhand.report.figures import to_png
from evenhand.training.candidates import candidates, fits
from tasks.data.split import split
from tasks.registry.store_model import log_model, write_model
from tasks.reporting.candidates import draw
from tasks.reporting.curves import curves_of
from tasks.reporting.draw import draw_fit
from tasks.settings import ROOT, settings
from tasks.storage.store import read_frame, write_frame
from tasks.tracking import training_runs
from tasks.training.context import TrainingContext
from tasks.training.evaluate import evaluate_all, score_all, winning_postprocessing
from tasks.training.fit import fit, fit_on_all
from tasks.training.results import read_predictions

PROBLEM = Problem.model_validate(
    {
        "name": "p",
        "title": "P",
        "source": {"kind": "csv", "path": "x.csv"},
        "target": {"column": "kind"},
        "features": {"base": {"numeric": ["x", "z"]}},
        "split": {"holdout": {"column": "year", "start": 2021}, "folds": {"kind": "stratified", "n": 3}},
        # A few large trees are far too sure of themselves.
        "models": [{"kind": "random_forest", "params": {"n_estimators": 4}}],
        "strategies": ["none", "class_weight", "random_under"],
        "decisions": ["argmax", "multipliers", "prior_correction"],
        "calibration": ["none", "prior", "temperature", "sigmoid", "isotonic"],
    }
)
PREDICT_ELSEWHERE = """
import sys
import numpy as np, pandas as pd
from tasks.registry.load_model import load_model
rows, out = pd.read_parquet(sys.argv[1]), {}
for i, logged in enumerate(sys.argv[3:]):
    model = load_model(*logged.split())
    out[f"proba{i}"], out[f"names{i}"] = model.predict_proba(rows), model.predict(rows).astype(str)
np.savez(sys.argv[2], **out)
"""


def rows(n=1200):
    rng = np.random.default_rng(0)
    y = rng.choice(3, n, p=[0.7, 0.2, 0.1])
    return pd.DataFrame(
        {
            "x": rng.normal(y, 1.0),
            "z": rng.normal(0, 1.0, n),
            "kind": np.array(["common", "rare", "rarest"])[y],
            "year": np.where(np.arange(n) < 0.75 * n, 2020.0, 2021.0),
        }
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Every candidate judged out of fold and on the held-out rows, and stored as the model that would ship."""
    patch, home = pytest.MonkeyPatch(), tmp_path_factory.mktemp("shipped")
    patch.setenv("EVENHAND_HOME", str(home))
    patch.delenv("MLFLOW_TRACKING_URI", raising=False)
    settings.cache_clear()
    parts = split.fn(write_frame(rows(), "good/{sha256}.parquet"), PROBLEM)
    context = TrainingContext(parts, PROBLEM, 0, home / "training")
    grid = candidates(PROBLEM)
    units = {c.fit_name: [fit.fn(context, c, n) for n in context.fold_numbers] for c in fits(grid)}
    holdout_units = {c.fit_name: [fit.fn(context, c, HOLDOUT_FOLD)] for c in fits(grid)}
    scored = evaluate_all.fn(context, grid, units)
    results = score_all.fn(context, scored, holdout_units)
    run_id, wholes = training_runs.start_training("toy", "shipped", {"seed": 0}, {}), []
    for candidate in grid:
        ending = winning_postprocessing(context, candidate, units[candidate.fit_name])
        wholes.append(fit_on_all(context, candidate, ending))
    files = [write_model(whole.fitted, home / f"{i}.skops") for i, whole in enumerate(wholes)]
    logged = [log_model(run_id, file, whole.example) for file, whole in zip(files, wholes, strict=True)]
    holdout = read_frame(parts.holdout)
    yield SimpleNamespace(
        home=home,
        context=context,
        parts=parts,
        units=units,
        grid=grid,
        results=results,
        wholes=wholes,
        logged=logged,
        holdout=holdout,
    )
    patch.undo()
    settings.cache_clear()


@pytest.fixture(autouse=True)
def store(world, home, monkeypatch):
    monkeypatch.setenv("EVENHAND_HOME", str(world.home))
    settings.cache_clear()


def test_the_stored_model_gives_the_judged_probabilities_and_classes_in_a_fresh_process(world, tmp_path):
    source, target = tmp_path / "rows.parquet", tmp_path / "out.npz"
    world.holdout.to_parquet(source)
    models = [f"{model.uri} {model.sha256}" for model in world.logged]
    command = [sys.executable, "-c", PREDICT_ELSEWHERE, str(source), str(target), *models]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    y = pd.Categorical(world.holdout.kind, categories=world.parts.classes).codes
    with np.load(target) as out:
        for i, (result, whole) in enumerate(zip(world.results, world.wholes, strict=True)):
            proba, names = out[f"proba{i}"], out[f"names{i}"]
            codes = pd.Categorical(names, categories=world.parts.classes).codes
            answered = score(y, proba, world.parts.classes, codes.astype(int))
            assert to_record(answered) == to_record(result.shipped.test), result.candidate.name
            assert np.array_equal(proba, whole.fitted.predict_proba(world.holdout))
            assert (answered.confusion == result.test.confusion).all()


def test_every_overconfident_fit_is_corrected_and_better_for_it(world):
    message = {r.candidate.name: r.shipped.calibration for r in world.results}
    assert message["random_forest / none"] != "none"
    for result in world.results:
        for raw, corrected in ((result.oof, result.shipped.oof), (result.test, result.shipped.test)):
            assert corrected.metrics["log_loss"] < raw.metrics["log_loss"] - 0.1, result.candidate.name
            assert corrected.metrics["ece"] < raw.metrics["ece"], result.candidate.name
            assert (corrected.confusion == raw.confusion).all()


def test_an_argmax_candidate_keeps_the_classes_of_its_model(world):
    experiment = world.context.experiment
    for result in world.results:
        if result.candidate.decision.kind != "argmax":
            continue
        raw = np.concatenate([np.load(unit.probabilities) for unit in result.fold_units])
        y = experiment.y[np.concatenate([experiment.folds[unit.fold].valid for unit in result.fold_units])]
        assert to_record(result.oof) == to_record(score(y, raw, world.parts.classes))


def test_candidates_of_a_fit_share_its_correction_and_everything_repeats(world):
    again = evaluate_all.fn(world.context, world.grid, world.units)
    for first, second in zip(world.results, again, strict=True):
        assert first.shipped.calibration == second.shipped.calibration
        assert to_record(first.shipped.oof) == to_record(second.shipped.oof)
        assert first.calibration.final.calibrator == second.calibration.final.calibrator
    probabilities = {}
    for result in world.results:
        found = tuple(result.shipped.test.metrics[name] for name in ("log_loss", "brier", "ece"))
        assert probabilities.setdefault(result.candidate.fit_name, found) == found


def test_the_figure_of_a_fit_shows_both(world):
    png = to_png(draw_fit(curves_of(world.context, world.results[0]))["calibration"])
    assert struct.unpack(">II", png[16:24])[0] >= 800
    unchanged = PROBLEM.model_copy(update={"calibration": ("none",)})
    plain = evaluate_all.fn(TrainingContext(world.parts, unchanged, 0, Path()), world.grid[:1], world.units)[0]
    assert plain.shipped.oof is plain.oof
    assert to_png(draw_fit(curves_of(replace(world.context, problem=unchanged), plain))["calibration"]) != png


@pytest.mark.parametrize(("at_once", "expected"), [(4_000_000, 2), (1, 1)], ids=["few rows", "many rows"])
def test_fits_of_many_rows_are_drawn_one_after_the_other(world, monkeypatch, at_once, expected):
    side_by_side, most, lock = 0, 0, threading.Lock()

    def drawing(work, results):
        nonlocal side_by_side, most
        with lock:
            side_by_side += 1
            most = max(most, side_by_side)
        time.sleep(0.2)
        with lock:
            side_by_side -= 1

    monkeypatch.setattr("tasks.training.results.cores", lambda: 2)
    monkeypatch.setattr("tasks.training.results.PROBABILITIES_AT_ONCE", at_once)
    draw.fn(world.context, [(drawing, [result]) for result in world.results[:3]])
    assert most == expected


def test_probabilities_of_other_rows_are_refused(world, tmp_path):
    units = world.results[0].fold_units
    for rows_too_many in (-1, 1):
        wrong = np.resize(np.load(units[1].probabilities), (300 + rows_too_many, 3))
        np.save(tmp_path / "wrong.npy", wrong)
        with pytest.raises(ValueError, match="reshape"):
            read_predictions(
                world.context.experiment,
                [units[0], replace(units[1], probabilities=tmp_path / "wrong.npy"), units[2]],
            )
