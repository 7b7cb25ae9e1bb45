"""The output of the comparison over the KEEL sets: scores and ranks as CSV, diagrams, and a page about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.ranks import StrategyRanks, draw, ranking

HEADLINE = ("macro_f1", "average_precision")
RECOMMENDED = ("random_over 0.5", "none / prior_power", "none / multipliers macro_f1")
WITHIN = 2.0  # mean ranks behind the best


@dataclass(frozen=True)
class MethodScores:
    """One method on one set and one repeat; metrics are nan where it was skipped, with the reason."""

    set: str
    repeat: int
    method: str
    skipped: str
    metrics: dict[str, float]


def write_results(folder: Path, scored: Sequence[MethodScores], sources: Mapping[str, str], repeats: int) -> None:
    """Write ``scores.csv``, ``ranks.csv``, one diagram per metric and ``keel.md``; ``sources`` is by set."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame([{"set": s.set, "method": s.method, "skipped": s.skipped, **s.metrics} for s in scored])
    metrics = list(scored[0].metrics)
    of_set = frame.groupby(["set", "method"], sort=False)
    mean = of_set[metrics].mean().join(of_set["skipped"].first())  # a method that missed one repeat missed the set
    mean.loc[of_set["skipped"].agg(lambda why: (why != "").any()), metrics] = float("nan")
    found = {}
    for metric in metrics:
        table = mean[metric].unstack("method").reindex(list(sources))[list(frame["method"].unique())]
        found[metric] = ranking(table.to_numpy(), list(table.columns), list(sources.values()))
        _replace(folder / f"ranks_{metric}.png", draw(found[metric], metric.replace("_", " "), RECOMMENDED))
    _replace(folder / "scores.csv", mean.reset_index().to_csv(index=False).encode())
    _replace(folder / "ranks.csv", rank_table(found).to_csv(index=False).encode())
    _replace(folder / "keel.md", page(found, mean, len(set(sources.values())), repeats).encode())


def rank_table(found: Mapping[str, StrategyRanks]) -> pd.DataFrame:
    """Return the mean ranks of the methods, sorted by the first metric."""
    first = next(iter(found.values()))
    columns: dict[str, object] = {"method": first.methods}
    for metric, of in found.items():
        columns |= {f"{metric}_rank": of.mean.round(2), f"{metric}_rank_by_source": of.by_source.round(2)}
    table = pd.DataFrame({**columns, "skipped": first.skipped})
    return table.iloc[first.order].reset_index(drop=True)


def page(found: Mapping[str, StrategyRanks], mean: pd.DataFrame, n_sources: int, repeats: int) -> str:
    """Write the page in markdown: what was compared, the ranks, and the ranks of the recommended methods."""
    first = next(iter(found.values()))
    lines = [
        "# Mean ranks over the KEEL imbalanced sets",
        "",
        f"{len(first.methods)} methods on {first.n_sets} sets cut from {n_sources} sources, LightGBM where a model is "
        f"needed, {repeats} x 5 stratified folds, out of fold. 1 is best. "
        "In brackets: ranks with the same weight for every source.",
        "",
    ]
    for metric, of in found.items():
        critical = f"critical difference {of.critical:.1f} (Nemenyi, 0.05)"
        lines.append(f"- {metric}: Friedman's p {of.p:.1e}; {critical}.")
    lines += ["", "| method | " + " | ".join(found) + " | skipped |", "| --- |" + " --- |" * (len(found) + 1)]
    for i in first.order:
        cells = [f"{of.mean[i]:.1f} ({of.by_source[i]:.1f})" for of in found.values()]
        lines.append(f"| {first.methods[i]} | {' | '.join(cells)} | {first.skipped[i] or ''} |")
    return "\n".join([*lines, "", *_verdicts(found), "", *_skips(mean)]) + "\n"


def _verdicts(found: Mapping[str, StrategyRanks]) -> list[str]:
    methods = next(iter(found.values())).methods
    behind = {name: [found[metric].behind(name) for metric in HEADLINE] for name in methods}
    holds = sorted((name for name in methods if max(behind[name]) <= WITHIN), key=lambda name: sum(behind[name]))
    lines = [
        f"- Within {WITHIN:g} mean ranks of the best by both of {', '.join(HEADLINE)}: {', '.join(holds) or 'none'}."
    ]
    for name in RECOMMENDED:
        if name in methods:
            gaps = " and ".join(f"{gap:.1f} by {of}" for gap, of in zip(behind[name], HEADLINE, strict=True))
            lines.append(f"- {name} is behind the best by {gaps} mean ranks.")
    return lines


def _skips(mean: pd.DataFrame) -> list[str]:
    skipped = mean[mean["skipped"] != ""].reset_index()
    if skipped.empty:
        return ["No method was skipped."]
    why = skipped["skipped"].str.replace(r", found .*", "", regex=True)  # how many columns of each kind there were
    counted = skipped.groupby([skipped["method"], why], sort=False).size()
    lines = [f"- {method}: on {n} sets ({reason})" for (method, reason), n in counted.items()]
    return ["Skipped, and ranked last on these sets:", "", *lines]


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(content)
    temporary.replace(path)
