"""What every command does, whatever it runs."""

import os
import subprocess
import sys

import pytest

# A command in which threads have lost the filters that Python begins with.
COMMAND = """
import warnings
from pydantic import BaseModel
from tasks.local.command_line import run_command

class Request(BaseModel):
    pass

def run(request):
    warnings.resetwarnings()
    exec(compile("import warnings; warnings.warn('old call', DeprecationWarning)", "library.py", "exec"), {})
    warnings.warn("worth a look", UserWarning)

run_command(Request, run)
"""


@pytest.mark.parametrize(("asked", "shown"), [((), False), (("-W", "always"), True)])
def test_warnings_for_a_librarys_developers_are_shown_where_asked_for(asked, shown):
    command = [sys.executable, *asked, "-c", COMMAND]
    own = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    done = subprocess.run(command, env=own, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "UserWarning: worth a look" in done.stderr
    assert ("DeprecationWarning: old call" in done.stderr) == shown
