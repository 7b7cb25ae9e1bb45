"""The training command answers before it loads what takes seconds."""

import json
import subprocess
import sys

from tasks.settings import ROOT

# As `python -m flows.train`, until it prints: then, what has been imported.
UNTIL_FIRST_LINE = """
import json, os, runpy, sys
slow = ("great_expectations", "lightgbm", "matplotlib", "mlflow", "numpy", "pandas", "prefect", "scipy", "sklearn")
real = sys.stdout

class Shown:
    def write(self, text):
        real.write(json.dumps([text, [name for name in slow if name in sys.modules]]))
        real.flush()
        os._exit(0)

    def flush(self):
        pass

sys.argv[1:] = ["--problem", "toronto"]
sys.stdout = Shown()
runpy.run_module("flows.train", run_name="__main__", alter_sys=True)
"""


def test_the_first_line_of_a_training_waits_for_no_large_library(home):
    done = subprocess.run(
        [sys.executable, "-c", UNTIL_FIRST_LINE], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    line, imported = json.loads(done.stdout)
    assert line.startswith("Train on Toronto major crime indicators"), done.stderr
    assert imported == []
