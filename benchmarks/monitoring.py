"""Measure the monitor: false alarms without drift, delays with it, past years of a problem, and its cost.

``make bench-monitor PROBLEM=toronto``. The design and its limits are in docs/monitoring.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats
from threadpoolctl import threadpool_limits

from benchmarks.monitored_years import MonitoredYears, read_years
from benchmarks.simulated_periods import World, simulated_world
from evenhand.monitoring.broken_columns import broken_columns
from evenhand.monitoring.columns import learn_bins
from evenhand.monitoring.detector import walk
from evenhand.monitoring.examine_labels import Cohort, examine_labels
from evenhand.monitoring.examine_rows import examine_rows
from evenhand.monitoring.limits import held_out_losses, periods_between
from evenhand.monitoring.monitor import Monitor
from evenhand.monitoring.rows import MonitoredRows, summarise
from evenhand.monitoring.state import MonitorState
from evenhand.monitoring.summaries import MonitorReference, PeriodSummary
from evenhand.problem import MonitorPolicy

PERIODS, RUN, ALLOWED = 20_000, 100, 1.25
PARTS = ("simulated", "permuted", "years", "injected", "broken", "size")
EMPTY = MonitorState(model="m", version="1", model_sha256="")


def count_alarms(monitor: Monitor, periods: Iterator[tuple[PeriodSummary, Cohort]]) -> Counter[str]:
    """Run the monitor over periods; every alarm counts, as if each were the first of its kind."""
    state, found = EMPTY, Counter[str]()
    for summary, cohort in periods:
        state = examine_labels(monitor, examine_rows(monitor, state, summary), cohort)
        found.update(alarm.kind for alarm in state.alarms)
        state = state.model_copy(update={"alarms": (), "inputs": state.inputs[-1:], "labels": ()})
    return found


def false_alarms(title: str, draw: Callable[[np.random.Generator], World], periods: int, policy: MonitorPolicy) -> bool:
    """Count alarms of periods without drift, each run with a reference of its own, against the declared rate."""
    found, begun, done = Counter[str](), time.process_time(), 0
    between = 1.0
    for run in range(max(1, periods // RUN)):
        rng = np.random.default_rng([run, 7])
        world = draw(rng)
        monitor = Monitor.of(world.reference, policy)
        between = periods_between(world.reference, policy)
        found += count_alarms(monitor, (world.new(rng) for _ in range(RUN)))
        done += RUN
    fine = True
    print(f"\n{title}: {done:,} periods, declared {policy.false_alarm}, which is {done / between:.0f} alarms")
    kinds = {
        "warnings": ("drift", "class share"),
        "requests for a training": ("performance", "expected performance"),
        "repairs": ("broken column", "rows"),
    }
    for name, of in kinds.items():
        count = sum(found[kind] for kind in of)
        upper = float(stats.chi2.ppf(0.95, 2 * count + 2) / 2)
        allowed = ALLOWED * done / between
        fine &= upper <= allowed
        parts = ", ".join(f"{kind} {found[kind]}" for kind in of)
        holds = "holds" if upper <= allowed else "DOES NOT HOLD"
        print(f"  {name}: {count} ({parts}); upper 95 % bound {upper:.0f}, allowed {allowed:.0f}: {holds}")
    print(f"  {time.process_time() - begun:.0f} CPU seconds")
    return fine


def permuted_world(years: MonitoredYears, rng: np.random.Generator) -> World:
    """Draw whole weeks of all predicted years with replacement: nothing drifts, and weeks keep what they have."""
    pool = years.pool
    names = years.week_names

    def drawn(number: int) -> tuple[PeriodSummary, Cohort]:
        summary, cohort = pool[int(rng.integers(len(pool)))]
        name = names(number)
        return replace(summary, name=name), replace(cohort, period=name)

    past = [drawn(number)[0] for number in range(104)]
    earlier = tuple(replace(one, predicted=np.zeros(0), expected=np.zeros((0, 0))) for one in past[:52])
    reference = replace(years.monitor_reference, held_out=tuple(past[52:]), earlier=earlier)
    counter = iter(range(104, 10**9))
    return World(reference, lambda _: drawn(next(counter)))


def past_years(years: MonitoredYears, policy: MonitorPolicy) -> None:
    """Say for each year after the reference what the monitor would have done, every year with fresh detectors."""
    monitor = Monitor.of(years.monitor_reference, policy)
    losses = held_out_losses(years.monitor_reference)
    print(f"\n{years.name}: model of rows before {years.reference_year}, reference {years.reference_year}")
    for name, loss in losses.items():
        limit = monitor.detectors[name].limit
        print(
            f"  {name or 'error':22} {loss.mean:.3f}, upper bound {loss.upper:.3f}, spread {loss.shock:.3f}, "
            f"m0 {limit:.3f}"
        )
    for year, weeks in years.after.items():
        state = EMPTY
        for summary, cohort in weeks:
            state = examine_labels(monitor, examine_rows(monitor, state, summary), cohort)
        asks = [alarm for alarm in state.alarms if alarm.action == "train"]
        rows = sum(one.labelled for one in state.labels)
        error = sum(one.error * one.labelled for one in state.labels) / rows
        print(
            f"  {year}: {'asks for a training' if asks else 'asks for no training'}; error {error:.3f}, {rows:,} rows"
        )
        for alarm in state.alarms:
            print(f"    {alarm.action:6} {alarm.period} {alarm.text}")


def injected(years: MonitoredYears, policy: MonitorPolicy, repeats: int = 400) -> bool:
    """Measure the rows until a loss of 0.05 above the limit is found, after weeks as in the reference."""
    monitor, rng = Monitor.of(years.monitor_reference, policy), np.random.default_rng(5)
    detector, loss = monitor.detectors[""], held_out_losses(years.monitor_reference)[""]
    delays = []
    for _ in range(repeats):
        before = np.repeat(np.clip(rng.normal(loss.mean, loss.shock, 26), 0, 1), int(loss.rows))
        levels = walk(detector, (0.0,) * len(detector.bets), (rng.random(len(before)) < before).astype(float)).levels
        walked = walk(detector, levels, (rng.random(20_000) < detector.limit + 0.05).astype(float))
        delays.append(walked.alarms[0] + 1 if walked.alarms else 20_000)
    median, ninety = np.median(delays), np.quantile(delays, 0.9)
    print(
        f"\nInjected: a loss of {detector.limit + 0.05:.3f}, 0.05 above m0; alarm at a level of "
        f"{detector.threshold:,.0f}"
    )
    print(f"  found after {median:,.0f} rows (median), {ninety:,.0f} (90 %); allowed 1,500: {median <= 1500}")
    return bool(median <= 1500)


BREAKS: Mapping[str, Callable[[pd.Series], pd.Series]] = {
    "all missing": lambda column: column.mask(np.ones(len(column), dtype=bool)),
    "a constant": lambda column: pd.Series(column.dropna().iloc[0], index=column.index, name=column.name),
    "unknown categories": lambda column: column.where(column.isna(), "code " + column.astype("str")),
    "thousandfold": lambda column: column * 1000,
    "a thousandth": lambda column: column / 1000,
    "Fahrenheit": lambda column: column * 1.8 + 32,
}


def broken(years: MonitoredYears) -> bool:
    """Break each column of the first new week in every manner, and count what the rules find there."""
    reference = years.monitor_reference
    known = (*reference.earlier, *reference.held_out)
    counts = {name: np.stack([one.inputs[name] for one in known]) for name in reference.bins}
    missed, tried = [], 0
    for name, one in reference.bins.items():
        column = years.first_week[name]
        for how, broke in BREAKS.items():
            if how == "a constant" and (counts[name][:, 1:].max(1) == counts[name][:, 1:].sum(1)).any():
                continue  # so was a reference period
            if (how == "unknown categories") != (one.values is not None) and how not in ("all missing", "a constant"):
                continue
            rows = MonitoredRows({name: broke(column)}, np.full(len(column), "0"))
            (summary,) = summarise(rows, {name: one}, 1)
            tried += 1
            if not broken_columns({name: one}, {name: counts[name]}, summary.inputs):
                missed.append(f"{name} ({how})")
    print(
        f"\nBroken columns: {tried - len(missed)} of {tried} found at the first period; missed: "
        f"{', '.join(missed) or 'none'}"
    )
    return not missed


def size(rows: int = 1_000_000, columns: int = 20) -> bool:
    """Measure time and memory of summaries and tests of many rows."""
    rng = np.random.default_rng(0)
    period = np.sort(rng.integers(0, 52, rows))
    frame: dict[str, pd.Series] = {}
    kinds = np.array([f"v{number}" for number in range(100)])
    for at in range(columns):
        name = f"c{at}"
        cells = kinds[rng.integers(0, 100, rows)] if at % 2 else rng.normal(size=rows)
        frame[name] = pd.Series(cells, dtype="str" if at % 2 else "float64", name=name)
    proba = rng.dirichlet(np.ones(5), rows)
    predicted = proba.argmax(1)
    begun, cpu = time.monotonic(), time.process_time()
    bins = {name: learned for name, column in frame.items() if (learned := learn_bins(column, period)) is not None}
    names = np.array([f"2021-{1 + i // 4:02}-{1 + 7 * (i % 4):02}" for i in range(52)], dtype=object)
    monitored = MonitoredRows(frame, names[period % 48], predicted, proba, predicted)
    found = summarise(monitored, bins, 5)
    reference = MonitorReference("week", tuple("abcde"), bins, tuple(found[:-1]))
    examine_rows(Monitor.of(reference, MonitorPolicy()), EMPTY, found[-1])
    took, used = time.monotonic() - begun, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"\nSize: {rows:,} rows x {columns} columns: {took:.0f} s ({used:.0f} CPU seconds), peak {peak:.2f} GB with "
        "the rows"
    )
    return took < 60 and peak < 2


def main() -> None:
    """Run the parts that are asked for; exit code 1 when one does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problem", default="toronto")
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--periods", type=int, default=PERIODS)
    asked = parser.parse_args()
    threadpool_limits(1)
    parts, policy, fine = asked.only or PARTS, MonitorPolicy(), True
    if "size" in parts:
        fine &= size()
    if "simulated" in parts:
        fine &= false_alarms("Simulated", simulated_world, asked.periods, policy)
    if {"permuted", "years", "injected", "broken"} & set(parts):
        years = read_years(asked.problem)
        if "years" in parts:
            past_years(years, policy)
        if "injected" in parts:
            fine &= injected(years, policy)
        if "broken" in parts:
            fine &= broken(years)
        if "permuted" in parts:
            fine &= false_alarms("Permuted weeks", lambda rng: permuted_world(years, rng), asked.periods, policy)
    print(json.dumps({"holds": bool(fine)}))
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
