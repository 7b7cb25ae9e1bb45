"""Reviewers who prove by the tracking server who they are: its answer counts, and nothing that is claimed here."""

import http.server
import json
import os
import shutil
import sys
import threading
from contextlib import contextmanager

import pytest
import requests

from evenhand.errors import GateError, ProblemError
from evenhand.problem import parse_problem
from flows.rollback import rollback
from tasks.registry.accounts import tracking_account, tracking_user, who_trains
from tasks.registry.client import connect
from tasks.registry.ledger import read_ledger
from tasks.review.cases import find_pending
from tasks.review.decide import decide_review
from tasks.review.rollback import RollbackRequest, roll_back, rollback_code
from tasks.review.terminal import form_text
from tasks.settings import settings
from tests.edges.registry_world import MODEL, PROBLEM, World, stocked_store
from tests.edges.servers import answers, free_ports, serve

PASSWORDS = {name: f"{name}-has-a-password" for name in ("admin", "alee", "bcruz", "guest")}
CREATE = "/api/2.0/mlflow/users/create"
WHO = {"Ann Lee": "alee", "Bo Cruz": "bcruz"}


def problem(**rules):
    raw = PROBLEM.model_dump(mode="json", exclude_unset=True)
    reviewers = [{"name": name, "user": user} for name, user in WHO.items()]
    return parse_problem({**raw, "reviewers": reviewers, **rules}, "tiny.yaml")


def filed(folder):
    """Make a store in which alee trained what waits for a decision."""
    database, logged = stocked_store()
    shutil.copy(database, folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENHAND_HOME", str(folder))
        patch.setenv("EVENHAND_USER", "alee")
        settings.cache_clear()
        local = World(logged)
        local.champion("faint")
        verdict, _ = local.judge(local.version("clear"), problem())
        assert verdict.passes
    settings.cache_clear()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A tracking server that authenticates its users, with a champion and a version that waits for a decision."""
    pytest.importorskip("flask_wtf", reason="mlflow[auth] is not installed")
    folder = tmp_path_factory.mktemp("basic-auth")
    filed(folder)
    (folder / "auth.ini").write_text(
        "[mlflow]\ndefault_permission = MANAGE\nadmin_username = admin\n"
        f"database_uri = sqlite:///{folder / 'auth.db'}\nauth_cache_ttl_seconds = 600\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    own = {"MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"), "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORDS["admin"]}
    own |= {"MLFLOW_FLASK_SERVER_SECRET_KEY": "of this test", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    with serve(command, lambda: answers(f"{address}/health"), folder / "log", {**os.environ, **own}, timeout=300):
        for name in ("alee", "bcruz", "guest"):
            account = {"username": name, "password": PASSWORDS[name]}
            made = requests.post(f"{address}{CREATE}", json=account, auth=("admin", PASSWORDS["admin"]), timeout=60)
            made.raise_for_status()
        yield address


@pytest.fixture
def as_user(home, server, monkeypatch):
    """Become somebody on the server."""

    def become(name, password=None):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", name)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password or PASSWORDS[name])
        settings.cache_clear()

    return become


@contextmanager
def pretending(status, body, guarded=False):
    """A server that answers everybody alike, whoever they say they are; a guarded one wants to be told."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            unknown = guarded and "Authorization" not in self.headers
            self.send_response(401 if unknown else status)
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_args):
            """Stay silent."""

    there = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=there.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{there.server_port}"
    finally:
        there.shutdown()
        there.server_close()


class TestServerKnows:
    def test_who_is_logged_in_and_not_who_is_claimed(self, as_user, monkeypatch):
        as_user("bcruz")
        monkeypatch.setenv("EVENHAND_USER", "alee")
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "alee")
        assert (tracking_user(), tracking_account()) == ("bcruz", "bcruz")

    def test_a_wrong_password_is_nobody(self, as_user):
        as_user("alee", "not-her-password")
        for asked in (tracking_user, tracking_account):
            with pytest.raises(GateError, match="does not let us in: set MLFLOW_TRACKING_USERNAME"):
                asked()

    def test_who_trains_is_named_by_the_server_too(self, as_user, monkeypatch):
        as_user("alee")
        monkeypatch.setenv("EVENHAND_USER", "somebody")
        assert {"alee", "somebody"} < set(who_trains().split(", "))


class TestDecisions:
    """One case from the form to the rollback, in order: the server is slow to start."""

    def test_nobody_decides_in_the_name_of_another(self, as_user):
        for name in ("alee", "guest", "admin"):
            as_user(name)
            with pytest.raises(GateError, match=f"Bo Cruz is user bcruz of the tracking server, .* as {name}"):
                decide_review("tiny", "2", "approve", "Bo Cruz")
        as_user("bcruz")
        for code in ("", "0" * 64):
            with pytest.raises(GateError, match="Bo Cruz has no key and needs no code"):
                decide_review("tiny", "2", "approve", "Bo Cruz", signature=code)
        assert "approval" not in kinds()

    def test_who_trained_does_not_approve_alone_and_another_one_does(self, as_user, server):
        as_user("alee")
        alone = decide_review("tiny", "2", "approve", "Ann Lee")
        assert (alone.state, alone.lacks) == ("pending", "who trained it can't approve it alone")
        assert decide_review("tiny", "2", "approve", "Ann Lee", signature="").state == "pending"  # carried by a form
        assert kinds().count("approval") == 1
        case = find_pending("tiny", "2")
        text = form_text(case)
        assert case.report.startswith(f"{server}/#/experiments/")
        assert f"[Gate report]({case.report})" in text
        assert "This form can't tell who fills it in: Ann Lee, Bo Cruz decide with `make review`" in text
        assert "--code" not in text
        as_user("bcruz")
        decided = decide_review("tiny", "2", "approve", "Bo Cruz")
        assert (decided.state, decided.aliases) == ("approved", ("champion",))
        assert [record.facts["tracking_user"] for record in records("approval")] == ["alee", "bcruz"]

    def test_a_rollback_is_proved_alike(self, as_user):
        asked = RollbackRequest(problem="tiny", reason="errs at night", reviewer="Ann Lee")
        as_user("bcruz")
        with pytest.raises(GateError, match="Ann Lee is user alee"):
            roll_back(asked)
        as_user("alee")
        with pytest.raises(GateError, match="no key and needs no code"):
            rollback_code(asked)
        with pytest.raises(GateError, match="no key and needs no code"):
            rollback.fn(asked)
        assert roll_back(asked).version == "1"
        assert records("rollback")[0].facts["tracking_user"] == "alee"


def records(kind):
    return [record for record in read_ledger(connect(), MODEL).sound() if record.kind == kind]


def kinds():
    return [record.kind for record in read_ledger(connect(), MODEL).sound()]


class TestNobodyIsProved:
    @pytest.mark.parametrize("status", [200, 404, 500, 302])
    def test_by_a_server_that_lets_everybody_in(self, home, monkeypatch, status):
        body = json.dumps({"user": {"username": "bcruz"}})
        with pretending(status, body) as address:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
            monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
            settings.cache_clear()
            with pytest.raises(GateError, match="lets in who does not say who they are, so it proves nobody"):
                tracking_user()
            assert tracking_account() == ""

    def test_by_a_file(self, world_of_files):
        with pytest.raises(GateError, match="the tracking store is no server"):
            decide_review("tiny", "2", "approve", "Bo Cruz")
        assert "approval" not in kinds()

    def test_by_a_server_that_is_not_there(self, home, monkeypatch):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://bcruz:secret@127.0.0.1:9")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        settings.cache_clear()
        for asked in (tracking_user, tracking_account):
            with pytest.raises(GateError, match="can't be asked who we are") as refused:
                asked()
            assert "secret" not in str(refused.value)

    @pytest.mark.parametrize("body", ["", "[]", '{"user": null}', '{"user": {"username": ""}}', "<html>bcruz</html>"])
    def test_by_an_answer_that_names_nobody(self, home, monkeypatch, body):
        with pretending(200, body, guarded=True) as address:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
            monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "bcruz")
            monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "anything")
            settings.cache_clear()
            with pytest.raises(GateError, match="does not tell who we are"):
                tracking_user()


@pytest.fixture
def world_of_files(home):
    settings().home.mkdir(parents=True, exist_ok=True)
    filed(settings().home)


@pytest.mark.parametrize(
    ("reviewers", "reason"),
    [
        ([{"name": "Ann"}], "Ann: give key and fingerprint, or the tracking server's user"),
        ([{"name": "Ann", "user": "alee", "key": "env:A"}], "Ann: give both key and fingerprint"),
        ([{"name": "Ann", "user": "alee"}, {"name": "Bo", "user": "ALEE"}], "users of reviewers: alee is named twice"),
    ],
)
def test_a_reviewer_without_a_proof_is_refused(reviewers, reason):
    with pytest.raises(ProblemError, match=reason):
        problem(reviewers=reviewers)
