"""The deployment as an operator sees it: a Prefect server, a work pool, `make deploy`'s command, a worker, a run."""

import json

from deployed import deployed

from tasks.settings import settings


def test_a_worker_runs_what_is_deployed_and_its_words_are_in_the_log(small, tmp_path):
    problem = small()
    with deployed(tmp_path) as place:
        place.start_server()
        place.deploy()
        deployment = place.api.get("/deployments/name/train/train-weekly").raise_for_status().json()
        assert deployment["parameters"] == {"request": {"problem": "toronto"}}
        assert deployment["concurrency_options"]["collision_strategy"] == "ENQUEUE"
        assert deployment["global_concurrency_limit"]["limit"] == 1
        (schedule,) = deployment["schedules"]
        assert schedule["active"]
        assert schedule["schedule"]["cron"] == "0 3 * * 1"
        assert schedule["schedule"]["timezone"] == "America/Toronto"

        asked = {"parameters": {"request": {"problem": str(problem), "seed": 7}}}
        answer = place.api.post(f"/deployments/{deployment['id']}/create_flow_run", json=asked)
        started = answer.raise_for_status().json()["id"]
        place.start_worker()
        done = place.ended(started)
        assert done["state_type"] == "COMPLETED", (tmp_path / "worker.log").read_text()
        summary = json.loads((settings().runs / "latest" / "summary.json").read_text())
        last = str(settings().runs / summary["id"] / "summary.json")
        said = place.said(started, last)

    assert (summary["problem"], summary["seed"]) == ("small", 7)
    assert done["name"] == f"{problem} standard"
    assert any("Baseline against resampled" in message for message in said), said
    assert said.count(last) == 1
