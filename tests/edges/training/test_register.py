"""The winner's way into the registry: from its file, once it was seen to load."""

import numpy as np
import pytest

from evenhand.errors import EvenhandError
from evenhand.postprocess.choose_calibration import Calibration
from evenhand.postprocess.postprocessing import Postprocessing
from evenhand.training.candidates import candidates
from evenhand.training.leak_checks import LeakReport
from tasks.data.split import split
from tasks.storage.store import write_frame
from tasks.tracking.client import connect
from tasks.training.fit import Winner, refit
from tasks.training.outcome import TrainingData
from tasks.training.register import register_winner
from tasks.training.training import open_training
from tests.edges.tiny_registry import PROBLEM, rows


def refitted(training):
    """Refit a candidate; its refit, and what registers it."""
    frame = rows(1)
    snapshot = write_frame(frame.assign(year=np.where(np.arange(len(frame)) % 4, 2020.0, 2021.0)), "good/rows.parquet")
    parts, winner = split.fn(snapshot, PROBLEM), candidates(PROBLEM)[0]
    ending = Postprocessing(None, Calibration(prior=False, calibrator=None), "calibrated")
    whole = refit.fn(training.context(parts), Winner(winner, ending, ()))
    assert whole.model.path.stat().st_size > 0
    clean = LeakReport(rows=len(frame), fits=1, twins={})
    data = TrainingData(snapshot, None, parts, ())
    args = (training, data, winner, whole, clean)
    return whole.model.path, lambda: register_winner.fn(*args)


def test_the_file_goes_once_it_is_registered():
    with open_training(PROBLEM, "standard", 0) as training:
        for new in (True, False):  # the second time the registry has these rows, settings and code
            path, register = refitted(training)
            registered = register()
            assert registered.created is new
            assert connect().get_model_version(registered.name, registered.version).tags["trained_before"] == "2021"
            assert not path.exists()


def test_what_can_not_be_loaded_becomes_no_version(monkeypatch):
    def damaged(uri, sha256):
        raise EvenhandError(f"{uri}: not a readable model")

    paths = []

    def train():
        with open_training(PROBLEM, "standard", 0) as training:
            path, register = refitted(training)
            paths.append(path)
            register()

    monkeypatch.setattr("tasks.training.register.load_model", damaged)
    with pytest.raises(EvenhandError, match="not a readable model"):
        train()
    assert not connect().search_model_versions("")
    assert not paths[0].exists()
