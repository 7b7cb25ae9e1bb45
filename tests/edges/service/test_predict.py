"""What a request is answered with: the predictions of batch scoring, or a refusal that says what to send instead."""

import asyncio
import io
import json
import threading
from hashlib import sha256

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.limits import Limits
from service.reading import ARROW, CSV, JSON, PARQUET
from service.watch import Sighting
from tasks.scoring.prediction_log import PredictionLog
from tasks.scoring.predictions import predict_table
from tasks.storage.store import open_store
from tests.edges.service.tiny_service import (
    FRAME,
    MODEL,
    ROWS,
    arrow,
    champion_of,
    client_of,
    parquet,
    problem,
    served,
)

EXPECTED = predict_table(problem(), MODEL, FRAME)
P = [f"p_{name}" for name in MODEL.class_names]


@pytest.fixture
def client(tmp_path):
    return client_of(champion_of(tmp_path, served()))


def refused(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert found["request_id"] == answer.headers["x-request-id"]
    return found["detail"]


# --- answers -----------------------------------------------------------------------------------------------------


def test_one_row_and_many_get_what_batch_scoring_gives(client):
    many = client.post("/predict", json=ROWS).json()
    assert [one["class"] for one in many["predictions"]] == EXPECTED["predicted"].to_pylist()
    found = np.array([list(one["probabilities"].values()) for one in many["predictions"]])
    np.testing.assert_array_equal(found, EXPECTED.select(P).to_pandas())
    assert (many["model"], many["version"], many["rows"], many["not_scored"]) == ("evenhand-rows", "1", 40, 0)
    for row, expected in zip(ROWS[:5], many["predictions"], strict=False):
        answer = client.post("/predict", json=row)
        about = {"model": "evenhand-rows", "version": "1", "request_id": answer.headers["x-request-id"]}
        assert answer.json() == {**about, **expected}


@pytest.mark.parametrize(
    ("kind", "body"),
    [(CSV, FRAME.to_csv(index=False).encode()), (PARQUET, parquet(FRAME)), (ARROW, arrow(FRAME))],
    ids=["csv", "parquet", "arrow"],
)
def test_a_table_is_answered_with_the_table_that_batch_scoring_writes(client, kind, body):
    answer = client.post("/predict", content=body, headers={"Content-Type": kind})
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["x-model-version"] == "1"
    if kind == CSV:
        made = pd.read_csv(io.BytesIO(answer.content))
        expected = pd.read_csv(io.BytesIO(_csv(EXPECTED)))
        pd.testing.assert_frame_equal(made, expected)
        return
    sent = io.BytesIO(answer.content)
    made = pq.read_table(sent) if kind == PARQUET else pa.ipc.open_stream(sent).read_all()
    assert made.equals(EXPECTED)
    assert json.loads(made.schema.metadata[b"evenhand"])["version"] == "1"


def _csv(table):
    sink = io.BytesIO()
    pa.csv.write_csv(table, sink)
    return sink.getvalue()


def test_accept_names_the_format_of_the_answer_and_reasons_are_a_column_on_request(client):
    body = FRAME.to_csv(index=False)
    as_json = client.post("/predict", content=body, headers={"Content-Type": CSV, "Accept": JSON}).json()
    assert [one["class"] for one in as_json["predictions"]] == EXPECTED["predicted"].to_pylist()
    table = client.post("/predict?reasons=true", content=body, headers={"Content-Type": CSV}).text
    reasons = pd.read_csv(io.StringIO(table))["reason"]
    assert reasons.fillna("").tolist() == [one["reason"] or "" for one in as_json["predictions"]]


def test_a_class_that_is_not_the_likeliest_has_a_reason(client):
    found = client.post("/predict", json=ROWS).json()["predictions"]
    for one in found:
        likeliest = max(one["probabilities"], key=one["probabilities"].get)
        assert (one["reason"] is None) == (one["class"] == likeliest)
    reasons = [one["reason"] for one in found if one["reason"]]
    assert reasons
    assert all(reason.startswith("rule multipliers: ") for reason in reasons)


def test_a_row_that_cannot_be_read_has_no_class_and_is_named_and_the_others_are_scored(client):
    rows = [ROWS[0], ROWS[1] | {"age": "about noon"}, ROWS[2]]
    found = client.post("/predict", json=rows).json()
    assert found["not_scored"] == 1
    assert [one["not_scored"] for one in found["predictions"]] == [None, "age: not a number", None]
    assert found["predictions"][1]["class"] is found["predictions"][1]["probabilities"] is None
    assert [found["predictions"][i]["class"] for i in (0, 2)] == [EXPECTED["predicted"].to_pylist()[i] for i in (0, 2)]


def test_further_columns_are_ignored(client):
    row = ROWS[0] | {"x": [1]}
    assert client.post("/predict", json=row).json()["class"] == EXPECTED["predicted"].to_pylist()[0]


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (b"{", 422, "not JSON"),
        (b"[]", 422, "a list of at least one"),
        (b"3", 422, "one row, an object"),
        (b"[1]", 422, "one row, an object"),
        (b'{"a": NaN}', 422, "not JSON"),
        (b"{}", 422, "row 0: missing column"),
        (json.dumps([ROWS[0], {"premises": "bar"}]).encode(), 422, "row 1: missing column"),
        (json.dumps(ROWS[0] | {"age": [1]}).encode(), 422, "row 0: 'age' is an object or a list"),
        (b"\x1f\x8b\x08", 415, "gzipped"),
        (b" " * 3000, 413, "longer than 2,000 bytes"),
        (b"[" + b"{}," * 10 + b"{}]", 413, "11 rows are more than 10"),
    ],
)
def test_a_body_that_is_no_row_is_refused_with_what_to_send(tmp_path, body, status, text):
    client = client_of(champion_of(tmp_path, served()), limits=Limits(max_bytes=2_000, max_rows=10))
    assert text in refused(client.post("/predict", content=body, headers={"Content-Type": JSON}), status)


@pytest.mark.parametrize("kind", [CSV, PARQUET, ARROW])
@pytest.mark.parametrize("body", [b"", b"\x00\x01", b"a,b\n1\n", b"PAR1", parquet(FRAME)[:-9], arrow(FRAME)[:-40]])
def test_a_damaged_table_is_refused_in_a_sentence(client, kind, body):
    detail = refused(client.post("/predict", content=body, headers={"Content-Type": kind}), 422)
    assert detail.startswith("the body")
    assert "Traceback" not in detail


def test_a_table_that_unpacks_to_far_more_than_it_was_is_refused(tmp_path):
    client = client_of(champion_of(tmp_path, served()), limits=Limits(max_bytes=20_000))
    long = FRAME.iloc[[0] * 5000].assign(premises="x" * 10_000)
    for kind, body in ((PARQUET, parquet(long)), (ARROW, arrow(long.astype({"premises": "category"})[["premises"]]))):
        assert len(body) <= 20_000
        detail = refused(client.post("/predict", content=body, headers={"Content-Type": kind}), 413)
        assert "once it is unpacked" in detail


def test_formats_that_are_not_read_or_written_are_refused(client):
    assert "allowed: application/json" in refused(client.post("/predict", content=b"x"), 415)
    headers = {"Content-Type": JSON, "Accept": "text/html"}
    assert "allowed: application/json" in refused(client.post("/predict", content=b"{}", headers=headers), 406)


def test_a_slow_answer_is_given_up_and_too_much_work_is_refused(tmp_path, monkeypatch):
    one, free = served(), threading.Event()
    monkeypatch.setattr(type(one.scorer), "score", lambda *_: free.wait(20))
    client = client_of(champion_of(tmp_path, one), limits=Limits(max_seconds=0.3, max_waiting=1))
    asked = {"content": FRAME.to_csv(index=False), "headers": {"Content-Type": CSV}}
    try:
        with client:
            assert "no answer within 0.3 s" in refused(client.post("/predict", **asked), 503)
            assert "too many" in refused(client.post("/predict", **asked), 503)
    finally:
        free.set()


def test_a_failure_is_answered_without_a_word_of_the_inside(tmp_path, monkeypatch, capfdbinary):
    one = served()
    monkeypatch.setattr(type(one.scorer), "score", lambda *_: 1 / 0)
    client = client_of(champion_of(tmp_path, one))
    answer = client.post("/predict", json=ROWS[0], headers={"X-Request-ID": "mine-7"})
    assert "its log has the reason" in refused(answer, 500)
    assert not {"ZeroDivision", "Traceback", "premises"} & set(answer.text.split())
    lines = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    (failed,) = [line for line in lines if line["level"] == "error"]
    assert failed["request_id"] == "mine-7"
    assert "ZeroDivisionError" in failed["traceback"]


# --- keys --------------------------------------------------------------------------------------------------------

KEY = "a-long-secret"


def test_with_keys_a_stranger_learns_nothing_but_whether_it_is_alive(tmp_path):
    keys = f"bob:{'1' * 64},alice:{sha256(KEY.encode()).hexdigest()}"
    client = client_of(champion_of(tmp_path, served()), keys)
    for path in ("/predict", "/metrics", "/openapi.json", "/nothing"):
        ask = client.post if path == "/predict" else client.get
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"X-API-Key": "1" * 64}):
            assert "premises" not in refused(ask(path, headers=headers), 401)
    assert client.get("/health").json() == {"status": "alive"}
    assert client.get("/ready").json() == {"ready": True}
    for headers in ({"Authorization": f"Bearer {KEY}"}, {"X-API-Key": KEY}):
        assert client.post("/predict", json=ROWS[0], headers=headers).status_code == 200
        assert client.get("/ready", headers=headers).json()["version"] == "1"


def test_without_keys_a_page_of_the_web_cannot_ask_by_a_name_of_its_own(client):
    assert client.get("/health", headers={"Host": "evil.example.org"}).status_code == 403
    for name in ("localhost:8000", "127.0.0.1", "[::1]:8000"):
        assert client.get("/health", headers={"Host": name}).status_code == 200


# --- readiness ---------------------------------------------------------------------------------------------------


def test_without_a_champion_nothing_is_predicted_and_the_sentence_of_scoring_says_why(tmp_path):
    champion = champion_of(tmp_path)
    client = client_of(champion)
    sentence = "evenhand-rows has no champion: approve a version (make review), or choose one with --version"
    asyncio.run(champion.take(Sighting(state="none", text=sentence)))
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["ready"], answer.json()["detail"]) == (503, False, sentence)
    assert refused(client.post("/predict", json=ROWS[0]), 503) == sentence


def test_while_ledger_and_mlflow_disagree_the_last_settled_champion_answers_for_a_time(tmp_path):
    now = [0.0]
    champion = champion_of(tmp_path, served("4"), unsettled_seconds=600.0, clock=lambda: now[0])
    client = client_of(champion)
    fault = Sighting(state="fault", text="the ledger has version 4, but alias champion points to version 5")
    for now[0] in (0.0, 300.0, 599.0):
        asyncio.run(champion.take(fault))
        answer = client.get("/ready")
        assert answer.status_code == 200
        assert not answer.json()["settled"]
        assert "Version 4, the last settled champion, answers for another" in answer.json()["detail"]
        assert client.post("/predict", json=ROWS[0]).json()["version"] == "4"
        assert "evenhand_champion_settled 0.0" in client.get("/metrics").text
    now[0] = 601.0
    assert client.get("/ready").status_code == 503
    assert "does not answer" in refused(client.post("/predict", json=ROWS[0]), 503)


def test_a_rollback_to_no_champion_ends_the_answers_at_once(tmp_path):
    champion = champion_of(tmp_path, served("4"))
    asyncio.run(champion.take(Sighting(state="none", text="no champion")))
    assert client_of(champion).post("/predict", json=ROWS[0]).status_code == 503


# --- metrics, log and description --------------------------------------------------------------------------------


def test_metrics_count_requests_classes_and_unknown_cells(client):
    client.post("/predict", json=[ROWS[0], ROWS[1] | {"premises": "moon"}, ROWS[2] | {"age": "old"}])
    client.post("/predict", content=b"{")
    text = client.get("/metrics").text
    assert 'evenhand_requests_total{path="/predict",status="200"} 1.0' in text
    assert 'evenhand_requests_total{path="/predict",status="415"} 1.0' in text
    assert 'evenhand_request_seconds_count{path="/predict"} 2.0' in text
    assert 'evenhand_unknown_cells_total{column="premises"} 1.0' in text
    assert "evenhand_rows_not_scored_total 1.0" in text
    assert 'evenhand_champion{model="evenhand-rows",version="1"} 1.0' in text
    predicted = [line for line in text.splitlines() if line.startswith("evenhand_predictions_total{")]
    assert sum(float(line.rpartition(" ")[2]) for line in predicted) == 2


def test_a_request_is_one_line_of_json(client, capfdbinary):
    client.post("/predict", json=ROWS[:3])
    (line,) = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert {name: line[name] for name in ("path", "status", "rows", "version", "caller")} == {
        "path": "/predict", "status": 200, "rows": 3, "version": "1", "caller": "this machine",
    }  # fmt: skip


def test_the_description_has_the_columns_the_classes_and_an_example_that_is_answered(client):
    description = client.get("/openapi.json").json()
    row = description["components"]["schemas"]["Row"]
    assert set(row["required"]) == set(FRAME)
    assert row["properties"]["age"] == {"type": ["number", "null"]}
    example = description["paths"]["/predict"]["post"]["requestBody"]["content"][JSON]["examples"]["one"]["value"]
    assert client.post("/predict", json=example).status_code == 200


def test_predictions_are_kept_with_the_id_of_their_row_and_survive_a_killed_process(home, tmp_path):
    kept = PredictionLog("evenhand-rows", tmp_path / "log", "Event_ID")
    client = client_of(champion_of(tmp_path, served()), kept=kept)
    assert "Event_ID" in refused(client.post("/predict", json=ROWS[0]), 422)
    rows = [row | {"Event_ID": 7.0 + i} for i, row in enumerate(ROWS[:3])]
    found = client.post("/predict", json=rows).json()
    # The process is killed here: its file is closed by the system, and the next process sends it.
    kept._file.close()
    (left,) = (tmp_path / "log").iterdir()
    left.write_bytes(left.read_bytes() + b'{"cut')
    following = PredictionLog("evenhand-rows", tmp_path / "log", "Event_ID")
    following.add([b'{"row_id": "99"}'])
    another = PredictionLog("evenhand-rows", tmp_path / "log", "Event_ID")
    assert another.send() == 3  # not the line of the process that is alive
    (key,) = open_store().list("served/")
    table = pq.read_table(open_store().local(key)).to_pandas()
    assert table["row_id"].tolist() == ["7", "8", "9"]
    assert table["predicted"].tolist() == [one["class"] for one in found["predictions"]]
    assert set(table["request_id"]) == {found["request_id"]}
    assert following.send() == 1
    assert not list((tmp_path / "log").iterdir())


# --- whatever a stranger sends -----------------------------------------------------------------------------------


def find_server_errors(folder, cases):
    """Send what the description allows and what it does not; return the statuses of the answers."""
    app = client_of(champion_of(folder, served())).app
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers={"Host": "127.0.0.1"})
    operations = [found.ok() for found in schema.get_all_operations()]
    statuses = []

    @given(st.data())
    @settings(max_examples=cases, deadline=None, suppress_health_check=list(HealthCheck))
    def send(data):
        operation = data.draw(st.sampled_from(operations))
        mode = data.draw(st.sampled_from(list(schemathesis.GenerationMode)))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        answer = case.call(headers={"Host": "127.0.0.1"})
        statuses.append(answer.status_code)
        assert answer.status_code < 500, answer.text

    send()
    return statuses


def test_schemathesis_finds_no_server_error(tmp_path):
    statuses = find_server_errors(tmp_path, 100)
    assert len(statuses) >= 100
    assert {200, 422} <= set(statuses)


@pytest.mark.soak
def test_schemathesis_finds_no_server_error_in_2000_cases(tmp_path):
    assert len(find_server_errors(tmp_path, 2_000)) >= 2_000
