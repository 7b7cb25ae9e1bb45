"""The benchmark reads the lines that a training prints at its steps, so these must stay what it looks for."""

import pytest

from benchmarks.meter import Metered
from benchmarks.variants import AFTER_GRID, BEFORE_GRID, Trained
from tasks.settings import ROOT


@pytest.mark.parametrize("text", [BEFORE_GRID, AFTER_GRID])
def test_the_training_prints_the_lines_that_bound_the_grid(text):
    flow = (ROOT / "flows" / "train.py").read_text(encoding="utf-8")
    assert f'"{text.removeprefix("] ")}' in flow


def test_the_grid_takes_the_seconds_between_them():
    lines = [("[  2 s] validate", 1.0, 2.0), (f"[  3 s{BEFORE_GRID}30", 2.0, 3.0), (f"[  9 s{AFTER_GRID}", 8.0, 7.0)]
    trained = Trained(Metered(output=lines), {})
    assert (trained.grid_cpu, trained.grid_wall) == (6.0, 4.0)
