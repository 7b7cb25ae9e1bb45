"""`make figures`: what a training kept of a fit is drawn when it is asked for."""

import json

import numpy as np
import pytest

from evenhand.errors import EvenhandError
from evenhand.metrics.predictions import Predictions
from evenhand.metrics.scores import score, to_record
from evenhand.report.fit_curves import fit_curves, precision_recall_curves
from tasks.local.figures import FiguresRequest, draw_run
from tasks.reporting.curves_file import CURVES, read_curves, write_curves
from tasks.settings import settings

SHARED = (
    "calibration",
    "confusion_matrix",
    "feature_importance",
    "precision_recall",
    "precision_recall_held_out",
    "roc",
)


def predictions(k, n=1500):
    generator = np.random.default_rng(0)
    y = generator.integers(0, k, n)
    proba = generator.dirichlet(np.ones(k), n) + np.eye(k)[y]
    return Predictions(y, proba / proba.sum(axis=1, keepdims=True))


def curves(k):
    from dataclasses import replace

    known, classes = predictions(k), [f"class {i}" for i in range(k)]
    found = fit_curves(classes, "A town (synthetic data)", known, known.proba**2)
    held_out = precision_recall_curves(known.y, known.proba, classes)
    return replace(
        found, precision_recall_held_out=held_out, features=["hour", "place"], importances=np.array([0.7, 0.3])
    )


@pytest.fixture
def run(home):
    folder = settings().runs / "20261201-000000-town"
    for name in ("forest-none-1", "forest-none-multipliers-2"):  # which share a fit
        (folder / "candidates" / name).mkdir(parents=True)
        scores = to_record(score(predictions(3).y, predictions(3).proba, ["a", "b", "c"]))
        text = json.dumps({"oof": scores, "test": None})
        (folder / "candidates" / name / "model_metrics.json").write_text(text, encoding="utf-8")
    write_curves(folder / "candidates" / "forest-none-1" / CURVES, curves(3))
    (folder.parent / "latest").symlink_to(folder.name)
    return folder


def test_all_figures_of_a_fit_are_drawn_and_a_second_time_none(run, capsys):
    draw_run(FiguresRequest())
    drawn = sorted(path.stem for path in (run / "candidates" / "forest-none-1").glob("*.png"))
    assert tuple(drawn) == SHARED
    assert [p.stem for p in (run / "candidates" / "forest-none-multipliers-2").glob("*.png")] == ["confusion_matrix"]
    assert "6 figures drawn, 6 there" in capsys.readouterr().out
    draw_run(FiguresRequest(run=run.name, candidate="none-1"))
    assert capsys.readouterr().out.startswith("0 figures drawn, 6 there")


@pytest.mark.parametrize("k", [2, 120])
def test_curves_are_read_as_they_were_written_and_stay_small(tmp_path, k):
    written = curves(k)
    write_curves(tmp_path / CURVES, written)
    assert (tmp_path / CURVES).stat().st_size < 8_000 * k
    found = read_curves(tmp_path / CURVES)
    assert (found.classes, found.note, found.features) == (written.classes, written.note, written.features)
    for name in ("precision_recall", "roc", "precision_recall_held_out"):
        for one, other in zip(getattr(found, name), getattr(written, name), strict=True):
            assert (one.name, one.label, one.chance) == (other.name, other.label, other.chance)
            np.testing.assert_allclose(one.x, other.x, atol=1e-6)
            np.testing.assert_allclose(one.y, other.y, atol=1e-6)
    for one, other in zip(found.calibration, written.calibration, strict=True):
        np.testing.assert_allclose(one.spread, other.spread)
        assert [line.label for line in one.lines] == ["raw", "calibrated"]
        np.testing.assert_allclose(one.lines[1].observed, other.lines[1].observed, atol=1e-6)


def test_what_is_not_there_is_one_sentence(run, tmp_path):
    with pytest.raises(EvenhandError, match=r"no candidates in .*RUN is the name of a folder .*20261201-000000-town"):
        draw_run(FiguresRequest(run="none-such"))
    with pytest.raises(EvenhandError, match=r"has 'smote' in its name; there are forest-none-1, forest-none-mult"):
        draw_run(FiguresRequest(candidate="smote"))
    (run / "candidates" / "forest-none-1" / CURVES).write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(EvenhandError, match=r"holds no curves of a fit: BadZipFile"):
        draw_run(FiguresRequest())
