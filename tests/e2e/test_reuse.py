"""A second training fits nothing: the same one, after a failure, with another gate; and what is new alone is fitted."""

import json
import re

from tasks.settings import settings
from tests.e2e.test_kill import outcome, start, versions


def fits_of(done):
    """Return how many fits were made and how many were read, as the command printed it."""
    found = re.search(r"(\d+) made here, (\d+) kept from earlier trainings", done.stdout)
    return tuple(map(int, found.groups())) if found else None


def seconds(runs):
    summary = json.loads((runs / "latest" / "summary.json").read_text())
    return [candidate["fit_seconds"] for candidate in summary["candidates"]]


def models(home):
    """Return the bytes of the models of all versions."""
    from tasks.tracking.client import connect

    client = connect()
    found = client.search_model_versions("name = 'evenhand-small'")
    ids = [client.get_model_version("evenhand-small", one.version).source.rpartition("/")[2] for one in found]
    return [next(home.glob(f"artifacts/**/{one}/**/model.skops")).read_bytes() for one in ids]


def test_what_is_finished_is_never_fitted_again(small, tmp_path):
    (tmp_path / "tmp").mkdir()
    home, runs = settings().home, settings().runs
    failed = start(small(), tmp_path, "tasks.tracking.run_writer:log_files:1:before", "fail")
    assert failed.returncode == 1
    assert "No space left" in failed.stderr
    done = start(small(), tmp_path)
    assert (done.returncode, fits_of(done)) == (0, (0, 6)), done.stdout + done.stderr
    before, first = outcome(home, runs), seconds(runs)
    again = start(small(), tmp_path)
    assert (again.returncode, fits_of(again)) == (0, (0, 6)), again.stdout + again.stderr
    assert (outcome(home, runs), seconds(runs)) == (before, first)
    assert versions() == ["1"]
    strategies = ["none", "random_over", "random_under"]
    more = start(small(strategies=strategies, gate={"min_positives": 40}), tmp_path)
    assert (more.returncode, fits_of(more)) == (0, (3, 6)), more.stdout + more.stderr
    assert sorted(versions()) == ["1", "2"]
    one, other = models(home)
    assert one == other
