"""Promotions at the same time, or killed in the middle, give the same result as undisturbed ones."""

import json
import os
import pwd
import re
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.edges.servers import answers, executable, free_ports, serve

WORKER = Path(__file__).parents[1] / "registry_worker.py"
PEOPLE = 8


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Return a function that runs a job in forked processes; their parent is started once for the module."""
    log = tmp_path_factory.mktemp("work") / "stderr"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as worker,
    ):

        def run(job, folder, *arguments):
            timeout = threading.Timer(1_200, worker.kill)
            timeout.daemon = True
            timeout.start()
            try:
                worker.stdin.write(json.dumps([job, str(folder), *arguments]) + "\n")
                worker.stdin.flush()
                assert worker.stdout.readline().strip() == "0", log.read_text()[-3_000:]
            finally:
                timeout.cancel()

        yield run


@contextmanager
def postgres():
    """Run PostgreSQL on a loopback port; root runs it as user nobody, because PostgreSQL refuses root."""
    commands, prefix = {name: executable(name) for name in ("initdb", "pg_ctl")}, []
    (port,) = free_ports(1)
    # Not in the folder of pytest, which other users may not enter.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        if os.geteuid() == 0:
            account = pwd.getpwnam("nobody")
            prefix = [executable("setpriv"), f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
            os.chown(folder, account.pw_uid, account.pw_gid)

        def run(*arguments):
            command, log = [*prefix, *arguments], Path(folder, "out")
            with log.open("w") as out:  # not a pipe, which the server would keep open
                code = subprocess.run(command, cwd=folder, stdout=out, stderr=out, timeout=120, check=False).returncode
            return code, log.read_text()[-500:]

        data, options = str(Path(folder, "data")), f"-p {port} -h 127.0.0.1 -k {folder} -F"
        for arguments in (
            (commands["initdb"], "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"),
            (commands["pg_ctl"], "-D", data, "-o", options, "-w", "-l", str(Path(folder, "log")), "start"),
        ):
            code, output = run(*arguments)
            if code:
                pytest.skip(f"PostgreSQL does not start: {output}")
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            run(commands["pg_ctl"], "-D", data, "-m", "immediate", "-w", "stop")


def check_rounds(folder, rounds):
    champion = ""
    for number in range(rounds):
        results = folder / f"round-{number}"
        state, made = (json.loads((results / f"{name}.json").read_text()) for name in ("state", "made"))
        decisions = [json.loads((results / f"person-{i}.json").read_text()) for i in range(PEOPLE)]
        assert state["aliases"]["champion"] == state["ledger"]
        assert state["ledger"] in made
        assert state["ledger"] != champion
        champion = state["ledger"]
        assert int(state["head"]) == len(state["records"])
        new = [record for record in state["records"] if record[1] in made]
        assert [record[1] for record in new if record[0] == "promotion"] == [champion]
        assert [d["version"] for d in decisions if d["result"] == "approved"].count(champion) >= 1
        assert {d["version"] for d in decisions if d["result"] == "approved"} == {champion}
        # Every decision is in the ledger, as an approval or as a late one.
        recorded = {record[2] for record in new if record[0] in ("approval", "void")}
        assert recorded >= {f"Person {i}" for i in range(PEOPLE)}
        assert all(re.search("void|has no pending review", d["result"]) for d in decisions if d["result"] != "approved")


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_eight_approvals_at_the_same_time_on_sqlite(work, tmp_path, rounds):
    work("race", tmp_path, rounds, PEOPLE, "")
    check_rounds(tmp_path, rounds)


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_eight_approvals_at_the_same_time_on_postgresql(work, tmp_path, rounds):
    pytest.importorskip("psycopg2")
    with postgres() as uri:
        work("race", tmp_path, rounds, PEOPLE, uri)
    check_rounds(tmp_path, rounds)


@pytest.mark.soak
def test_eight_approvals_at_the_same_time_through_a_server(work, tmp_path):
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    stores = ["--backend-store-uri", f"sqlite:///{tmp_path / 'mlflow.db'}"]
    stores += ["--artifacts-destination", str(tmp_path / "artifacts")]
    command = [executable("mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "2", *stores]
    with serve(command, lambda: answers(f"{address}/health"), tmp_path / "log", timeout=600):
        work("race", tmp_path, 5, PEOPLE, address)
    check_rounds(tmp_path, 5)


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.soak)])
def test_a_promotion_killed_before_a_write_and_repeated_ends_the_same(work, tmp_path, every):
    work("kill", tmp_path, every)
    ends = json.loads((tmp_path / "ends.json").read_text())
    undisturbed = ends["states"].pop("0")
    assert undisturbed["aliases"] == {"champion": "1"}
    assert undisturbed["witness"] == [["announced", "written"]] * 5
    kinds = ["registration", "verdict", "request", "approval", "promotion"]
    assert [record[0] for record in undisturbed["records"]] == kinds
    assert len(ends["states"]) >= ends["writes"] // every > 7
    for step, state in ends["states"].items():
        assert state == undisturbed, f"killed before write {step}"
