"""The champion's files where it is served: fetched once, never read unchecked, fetched again when damaged."""

import asyncio

import pytest

from service.watch import WatchRequest, sight
from tests.edges.service.tiny_service import champion_of
from tests.edges.tiny_registry import PROBLEM, registry, write_problem  # noqa: F401


@pytest.fixture
def watched(home):
    return WatchRequest(problem="tiny", folder=home / "served")


def follow(champion, request):
    seen = sight(request)
    asyncio.run(champion.take(seen))
    return seen


def test_without_a_champion_the_watch_reports_none(registry, watched):  # noqa: F811
    registry.version("clear")
    seen = sight(watched)
    assert (seen.state, seen.text) == (
        "none",
        "evenhand-tiny has no champion: approve a version (make review), or choose one with --version",
    )


def test_a_damaged_copy_is_never_served_and_is_fetched_again(registry, watched):  # noqa: F811
    registry.champion("clear")
    champion = champion_of(watched.folder)
    champion.watched = watched
    seen = sight(watched)
    file = watched.folder / seen.sha256 / "model.skops"
    file.write_bytes(file.read_bytes() + b"x")
    asyncio.run(champion.take(seen))
    assert champion.serving is None
    assert "its files were changed after it was registered" in champion.status
    follow(champion, watched)
    assert (champion.serving.version, champion.status) == ("1", None)


def test_a_changed_problem_file_is_read_again_and_the_same_champion_is_not(registry, watched):  # noqa: F811
    registry.champion("clear")
    champion = champion_of(watched.folder)
    champion.watched = watched
    follow(champion, watched)
    first = champion.serving
    follow(champion, watched)
    assert champion.serving is first
    write_problem(PROBLEM.model_copy(update={"time_zone": "America/Toronto"}))
    follow(champion, watched)
    assert champion.serving is not first
    assert champion.serving.problem.time_zone == "America/Toronto"


def test_files_of_versions_long_gone_are_removed(registry, watched):  # noqa: F811
    champion = champion_of(watched.folder)
    champion.watched = watched
    for columns in (("clear",), ("faint",), ("faint", "clear")):
        registry.champion(*columns)
        follow(champion, watched)
    assert champion.serving.version == "3"
    assert len(list(watched.folder.iterdir())) == 2


def test_a_registry_that_cannot_be_used_is_a_fault_and_no_decision(registry, watched, monkeypatch):  # noqa: F811
    registry.champion("clear")
    champion = champion_of(watched.folder)
    champion.watched = watched
    follow(champion, watched)
    monkeypatch.setattr("tasks.scoring.choose_version.connect", lambda: 1 / 0)
    assert follow(champion, watched).state == "fault"
    assert champion.serving.version == "1"
    assert "ZeroDivisionError" in champion.status
