"""Statements of a training that contradict each other, found in its files as a reader would find them."""

import json
import re
from pathlib import Path

NUMBER = r"([+-]?\d+(?:\.\d+)?)"
# `0.438 (0.401 to 0.463)`, `25 % (20 % to 30 %)`, `+0.03 (95 % interval 0.01 to 0.05)`, `0.10 below a / b [0.02, 0.18]`
PRINTED = (
    re.compile(rf"{NUMBER}(?: %)? \((?:95 % (?:interval|of scores:) )?{NUMBER}(?: %)? to {NUMBER}(?: %)?\)"),
    re.compile(rf"{NUMBER} below [^\[\]]* \[{NUMBER}, {NUMBER}\]"),
)
EXPECTED = re.compile(rf"Expect \S+ {NUMBER}, not {NUMBER} \(95 % of scores: {NUMBER} to {NUMBER}\)")


def text_of(page: str) -> str:
    """Return the text of a page or a Markdown file, a cell and its bounds in one line."""
    return re.sub(r"\s+", " ", re.sub(r"<(?:style|svg).*?</(?:style|svg)>|<[^>]+>", " ", page, flags=re.DOTALL))


def intervals_that_miss(text: str) -> list[str]:
    """Return the printed intervals that do not hold their estimate."""
    found = [match for pattern in PRINTED for match in pattern.finditer(text)]
    return [match[0] for match in found if not float(match[2]) <= float(match[1]) <= float(match[3])]


def stored_intervals_that_miss(value, path="") -> list[str]:
    """Return the paths of all intervals of a JSON document that do not hold their estimate."""
    if isinstance(value, list):
        return [one for at, inner in enumerate(value) for one in stored_intervals_that_miss(inner, f"{path}[{at}]")]
    if not isinstance(value, dict):
        return []
    missed = [one for key, inner in value.items() for one in stored_intervals_that_miss(inner, f"{path}.{key}")]
    estimate, low, high = (value.get(name) for name in ("estimate", "low", "high"))
    if None not in (estimate, low, high) and not low <= estimate <= high:
        missed.append(path)
    inner = value.get("interval")
    if isinstance(inner, dict) and None not in (estimate, inner["low"], inner["high"]):
        missed += [] if inner["low"] <= estimate <= inner["high"] else [f"{path}: estimate and interval"]
    return missed


def unfounded(summary: dict, text: str) -> list[str]:
    """Return the sentences of a training that do not follow from the numbers of its summary."""
    found, verdict, expected = [], summary["verdict"], summary["expected"]
    winner = next(
        one for one in summary["candidates"]
        if all(one[key] == summary["winner"][key] for key in ("model", "strategy", "features", "decision"))
    )  # fmt: skip
    if verdict["outcome"] not in ("promote", "promote (first)") and "A named reviewer decides" in text:
        found.append(f"a reviewer decides after {verdict['outcome']}")
    metric = summary["metric"]
    if abs(expected["out_of_fold"] - winner["oof"][metric]) > 1e-9:
        found.append("the score that is corrected is not the winner's")
    sign = -1 if metric in ("log_loss", "brier", "ece") else 1
    if sign * expected["value"] > sign * expected["out_of_fold"] + 1e-12:
        found.append("more is expected than out of fold")
    warned = EXPECTED.search(" ".join(summary["warnings"]))
    if warned:
        score, _, low, high = map(float, warned.groups())
        found += ["a warning that the interval does not give"] if low <= score <= high else []
    shipped = winner["shipped"]
    if shipped["calibration"] != "none" and not shipped["oof"]["log_loss"] < winner["oof"]["log_loss"]:
        found.append("a calibration is shipped whose log-loss out of fold is worse")
    for name, gap in summary["evidence"]["no_difference_larger_than"].items():
        found += [f"{name}: helps and shows no difference ({gap})"] if name in summary["evidence"]["helps"] else []
    return found


def contradictions(folder: Path) -> list[str]:
    """Read everything that a training wrote, and return what does not fit together."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    pages = ("report.html", "model_card.md", "model_card.html", "comparison.md")
    texts = {name: text_of((folder / name).read_text(encoding="utf-8")) for name in pages}
    found = [f"{name}: {one}" for name, text in texts.items() for one in intervals_that_miss(text)]
    for name in ("evidence.json", "verdict.json"):
        stored = json.loads((folder / name).read_text(encoding="utf-8"))
        found += [f"{name}{one}" for one in stored_intervals_that_miss(stored)]
    return found + [one for text in texts.values() for one in unfounded(summary, text)]
