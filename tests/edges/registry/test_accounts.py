"""Reviewers identified by their login to the tracking server: only the server's answer counts."""

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
from tasks.registry.accounts import tracking_account, tracking_user, training_accounts
from tasks.registry.ledger_store import read_ledger
from tasks.review.decide import ReviewAnswer, decide_review
from tasks.review.pending_reviews import pending_review
from tasks.review.reviewers import Proof
from tasks.review.rollback import RollbackRequest, roll_back, signed_rollback
from tasks.review.terminal import form_text
from tasks.settings import settings
from tasks.tracking.client import connect
from tests.edges.servers import answers, free_ports, serve
from tests.edges.tiny_registry import MODEL, PROBLEM, TinyRegistry, store_with_models

PASSWORDS = {name: f"{name}-has-a-password" for name in ("admin", "alee", "bcruz", "guest")}
CREATE = "/api/2.0/mlflow/users/create"
USERS = {"Ann Lee": "alee", "Bo Cruz": "bcruz"}


def problem(**rules):
    raw = PROBLEM.model_dump(mode="json", exclude_unset=True)
    reviewers = [{"name": name, "user": user} for name, user in USERS.items()]
    return parse_problem({**raw, "reviewers": reviewers, **rules}, "tiny.yaml")


def make_pending_review(folder):
    """Create a store with a pending review of a version that alee trained."""
    database, logged = store_with_models()
    shutil.copy(database, folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENHAND_HOME", str(folder))
        patch.setenv("EVENHAND_PROBLEMS", str(folder / "problems"))
        patch.setenv("EVENHAND_USER", "alee")
        settings.cache_clear()
        local = TinyRegistry(logged)
        local.champion("faint")
        verdict, _ = local.evaluate(local.version("clear"), problem())
        assert verdict.passes
    settings.cache_clear()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of the server, of the problem file and of the witness."""
    return tmp_path_factory.mktemp("basic-auth")


@pytest.fixture(scope="module")
def server(folder):
    """A tracking server that requires a login, with a champion and a pending review."""
    pytest.importorskip("flask_wtf", reason="mlflow[auth] is not installed")
    make_pending_review(folder)
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
def log_in(home, folder, server, monkeypatch):
    """Return a function that sets the login of this process to the server."""
    monkeypatch.setenv("EVENHAND_PROBLEMS", str(folder / "problems"))
    monkeypatch.setenv("EVENHAND_WITNESS", str(folder / "witness"))

    def log_in(name, password=None):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", name)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password or PASSWORDS[name])
        settings.cache_clear()

    return log_in


@contextmanager
def fake_server(status, body, login=False):
    """A server with one answer for everybody; with ``login`` it refuses requests without credentials."""

    class FakeServerHandler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            refused = login and "Authorization" not in self.headers
            self.send_response(401 if refused else status)
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_args):
            """Log nothing."""

    fake = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FakeServerHandler)
    threading.Thread(target=fake.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{fake.server_port}"
    finally:
        fake.shutdown()
        fake.server_close()


class TestAuthenticatedUser:
    def test_it_is_the_login_and_not_a_name_in_the_environment(self, log_in, monkeypatch):
        log_in("bcruz")
        monkeypatch.setenv("EVENHAND_USER", "alee")
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "alee")
        assert (tracking_user(), tracking_account()) == ("bcruz", "bcruz")

    def test_a_wrong_password_is_an_error(self, log_in):
        log_in("alee", "not-her-password")
        for function in (tracking_user, tracking_account):
            with pytest.raises(GateError, match="refused the login: set MLFLOW_TRACKING_USERNAME"):
                function()

    def test_it_is_one_of_the_training_accounts(self, log_in, monkeypatch):
        log_in("alee")
        monkeypatch.setenv("EVENHAND_USER", "somebody")
        assert {"alee", "somebody"} < set(training_accounts().split(", "))


class TestDecisions:
    """One case, from the first decision to the rollback; in order, because starting the server is slow."""

    def test_a_reviewer_can_not_decide_in_the_name_of_another(self, log_in):
        for name in ("alee", "guest", "admin"):
            log_in(name)
            with pytest.raises(GateError, match=f"Bo Cruz is user bcruz of the tracking server, .* that of {name}"):
                decide_review(MODEL, "2", ReviewAnswer("approve", "Bo Cruz"))
        log_in("bcruz")
        for proof in (Proof(here=False), Proof("signed"), Proof("signed", here=False)):
            with pytest.raises(GateError, match="Bo Cruz is declared without a key, so nothing signed is accepted"):
                decide_review(MODEL, "2", ReviewAnswer("approve", "Bo Cruz", proof=proof))
        assert "approval" not in kinds()

    def test_the_trainer_can_not_approve_alone_and_another_reviewer_can(self, log_in, server):
        log_in("alee")
        alone = decide_review(MODEL, "2", ReviewAnswer("approve", "Ann Lee"))
        assert (alone.state, alone.lacks) == ("pending", "the approval of somebody who did not train it")
        from_a_form = ReviewAnswer("approve", "Ann Lee", proof=Proof(here=False))
        assert decide_review(MODEL, "2", from_a_form).state == "pending"
        assert kinds().count("approval") == 1
        case = pending_review(MODEL, "2")
        text = form_text(case)
        assert case.report.startswith(f"{server}/#/experiments/")
        assert f"[Gate report]({case.report})" in text
        assert (
            "This form can't identify the person who fills it in. Ann Lee, Bo Cruz: decide with `make review`" in text
        )
        assert "--sign" not in text
        log_in("bcruz")
        decided = decide_review(MODEL, "2", ReviewAnswer("approve", "Bo Cruz"))
        assert (decided.state, decided.aliases) == ("approved", ("champion",))
        assert [record.facts["tracking_user"] for record in records("approval")] == ["alee", "bcruz"]

    def test_a_rollback_needs_the_same_login(self, log_in):
        request = RollbackRequest(problem="tiny", reason="errors at night", reviewer="Ann Lee")
        log_in("bcruz")
        with pytest.raises(GateError, match="Ann Lee is user alee"):
            roll_back(request)
        log_in("alee")
        with pytest.raises(GateError, match="has declared no key, so there is nothing to sign"):
            signed_rollback(request)
        with pytest.raises(GateError, match="without a key, so nothing signed is accepted"):
            rollback.fn(request)
        assert roll_back(request) == f"{MODEL} version 1 is the champion again."
        assert records("rollback")[0].facts["tracking_user"] == "alee"


def ledger():
    client = connect()
    return read_ledger(client, MODEL, client.get_registered_model(MODEL)).verified()


def records(kind):
    return [record for record in ledger() if record.kind == kind]


def kinds():
    return [record.kind for record in ledger()]


class TestNobodyIsAuthenticated:
    @pytest.mark.parametrize("status", [200, 404, 500, 302])
    def test_by_a_server_without_a_login(self, home, monkeypatch, status):
        body = json.dumps({"user": {"username": "bcruz"}})
        with fake_server(status, body) as address:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
            monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
            settings.cache_clear()
            with pytest.raises(GateError, match="answers without a login, so it can't authenticate anybody"):
                tracking_user()
            assert tracking_account() == ""

    def test_by_a_file(self, embedded_store):
        with pytest.raises(GateError, match="the tracking store is not a server"):
            decide_review(MODEL, "2", ReviewAnswer("approve", "Bo Cruz"))
        assert "approval" not in kinds()

    def test_by_an_unreachable_server(self, home, monkeypatch):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://bcruz:secret@127.0.0.1:9")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        settings.cache_clear()
        for function in (tracking_user, tracking_account):
            with pytest.raises(GateError, match="can't be asked for the user") as refused:
                function()
            assert "secret" not in str(refused.value)

    @pytest.mark.parametrize("body", ["", "[]", '{"user": null}', '{"user": {"username": ""}}', "<html>bcruz</html>"])
    def test_by_an_answer_without_a_user(self, home, monkeypatch, body):
        with fake_server(200, body, login=True) as address:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
            monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "bcruz")
            monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "anything")
            settings.cache_clear()
            with pytest.raises(GateError, match="did not name the user"):
                tracking_user()


@pytest.fixture
def embedded_store(home, monkeypatch):
    monkeypatch.setenv("EVENHAND_PROBLEMS", str(settings().home / "problems"))
    settings().home.mkdir(parents=True, exist_ok=True)
    make_pending_review(settings().home)


@pytest.mark.parametrize(
    ("reviewers", "reason"),
    [
        ([{"name": "Ann"}], r"Ann: give a key \(a public SSH key\), or the tracking server's user"),
        ([{"name": "Ann", "user": ""}], r"reviewers\.0\.user: .* at least 1 character"),
        ([{"name": "Ann", "user": "alee"}, {"name": "Bo", "user": "ALEE"}], "users of reviewers: alee is named twice"),
    ],
)
def test_a_reviewer_needs_a_key_or_a_user(reviewers, reason):
    with pytest.raises(ProblemError, match=reason):
        problem(reviewers=reviewers)
