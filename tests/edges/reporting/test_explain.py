"""What the winner goes by decides nothing: a fault in measuring it costs a section of the report, not the training."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from evenhand.data.fold_names import HOLDOUT_FOLD
from tasks.reporting import explain


def test_a_fault_is_a_warning(tmp_path, monkeypatch, capsys):
    fold = SimpleNamespace(valid=np.arange(2))
    experiment = SimpleNamespace(folds={HOLDOUT_FOLD: fold}, frame=pd.DataFrame({"a": [1, 2]}), y=np.array([0, 1]))
    problem = SimpleNamespace(features={"base": None}, metric="macro_f1")
    context = SimpleNamespace(experiment=experiment, problem=problem, folder=tmp_path)
    monkeypatch.setattr(explain, "load_file", lambda path: None)
    monkeypatch.setattr(explain, "explain", lambda *args: 1 / 0)
    refitted = SimpleNamespace(model=SimpleNamespace(path=tmp_path / "model"))
    assert explain.explain_winner(context, SimpleNamespace(features="base"), refitted) is None
    assert "warning: what the winner goes by could not be measured (ZeroDivisionError" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
