"""The files that were judged are those in use: a swapped model is never judged, approved, scored with or restored."""

import pandas as pd
import pytest

from evenhand.errors import EvenhandError, GateError
from tasks.review.decide import ReviewAnswer, decide_review
from tasks.review.rollback import RollbackRequest, roll_back
from tasks.scoring.score_file import ScoreRequest
from tasks.scoring.score_file import score as score_task
from tests.edges.tiny_registry import MODEL, log, registry, rows
from tests.edges.trust.attacks import files_of, swap_files

__all__ = ["registry"]
APPROVE = ReviewAnswer("approve", "A. Person")
ROLLBACK = RollbackRequest(problem="tiny", reason="worse", reviewer="A. Person")


@pytest.fixture
def champion(registry):
    """A champion whose files can be changed: they are its own."""
    return registry.champion(logged=log(["clear"]))


@pytest.fixture
def new_rows(tmp_path):
    path = tmp_path / "new.csv"
    rows(5).to_csv(path, index=False)
    return ScoreRequest(problem="tiny", data=str(path), out=str(tmp_path / "out.csv"))


class TestSwappedFiles:
    def test_a_pending_version_is_not_approved(self, registry):
        worse, made = registry.version("faint"), registry.version(logged=log(["clear"]))
        registry.evaluate(made)
        swap_files(registry, made.version, worse.version)
        with pytest.raises(GateError, match="files were changed after it was registered"):
            decide_review(MODEL, made.version, APPROVE)
        assert "champion" not in registry.aliases()
        with pytest.raises(GateError, match="void"):
            decide_review(MODEL, made.version, APPROVE)

    def test_the_same_training_again_is_registered_and_judged_again(self, registry):
        worse, made = registry.version("faint"), registry.version(logged=log(["clear"]), identity="one")
        first, _ = registry.evaluate(made)
        swap_files(registry, made.version, worse.version)
        again = registry.version(logged=log(["clear"]), identity="one")
        assert again.version != made.version
        second, _ = registry.evaluate(again)
        assert (first.outcome, second.outcome) == ("promote (first)", "promote (first)")
        assert decide_review(MODEL, again.version, APPROVE).aliases == ("champion",)

    def test_a_swapped_challenger_is_not_judged(self, registry):
        worse, made = registry.version("faint"), registry.version(logged=log(["clear"]))
        swap_files(registry, made.version, worse.version)
        verdict, _ = registry.evaluate(made)
        assert verdict.outcome == "error"
        assert "files were changed" in verdict.reasons[0]

    def test_nothing_is_held_against_a_swapped_champion(self, registry, champion):
        worse = registry.version("faint")
        swap_files(registry, champion.version, worse.version)
        verdict, _ = registry.evaluate(worse)
        assert verdict.outcome == "error"
        assert f"champion {MODEL} version {champion.version} can't be loaded" in verdict.reasons[0]
        assert "files were changed" in verdict.reasons[0]

    def test_a_swapped_champion_scores_nothing(self, registry, champion, new_rows, tmp_path):
        assert score_task.fn(new_rows).version == champion.version
        (tmp_path / "out.csv").unlink()
        swap_files(registry, champion.version, registry.version("faint").version)
        with pytest.raises(EvenhandError, match="files were changed"):
            score_task.fn(new_rows)
        with pytest.raises(EvenhandError, match="files were changed"):
            score_task.fn(new_rows.model_copy(update={"version": champion.version}))
        assert not (tmp_path / "out.csv").exists()

    def test_a_rollback_restores_no_swapped_files(self, registry, champion):
        other = registry.champion("faint", "clear")
        swap_files(registry, champion.version, registry.version("faint").version)
        with pytest.raises(GateError, match="files were changed"):
            roll_back(ROLLBACK)
        assert registry.aliases()["champion"] == other.version


@pytest.mark.parametrize("change", ["added", "removed", "renamed", "one byte"])
def test_any_change_of_the_files_is_noticed(registry, change):
    made = registry.version(logged=log(["clear"]))
    folder = files_of(registry, made.version)
    if change == "added":
        (folder / "more.txt").write_text("more")
    elif change == "removed":
        (folder / "requirements.txt").unlink()
    elif change == "renamed":
        (folder / "requirements.txt").rename(folder / "requirement.txt")
    else:
        path = folder / "model.skops"
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert registry.evaluate(made)[0].outcome == "error"


def test_files_that_did_not_change_are_read(registry, champion, new_rows):
    assert pd.read_csv(score_task.fn(new_rows).path)["predicted"].notna().all()
