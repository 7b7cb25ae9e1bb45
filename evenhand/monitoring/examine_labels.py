"""Examine the labels of a mature period: from the state before to the state after, with new alarms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.monitoring.alarms import performance_alarm, raised, share_alarms
from evenhand.monitoring.class_shares import ClassShare, class_shares
from evenhand.monitoring.detector import walk
from evenhand.monitoring.expected_scores import macro_f1_of
from evenhand.monitoring.monitor import Monitor
from evenhand.monitoring.state import LabelFinding, MonitorAlarm, MonitorState, ShareFinding


@dataclass(frozen=True, eq=False)
class Cohort:
    """The labelled rows of a period, in the order of time.

    Attributes
    ----------
    period : str
    rows : int
        With and without a label.
    y : ndarray of int, shape (n,)
        Negative for a class that the model does not know: such a row is wrong, and of no class.
    predicted : ndarray of int, shape (n,)
    """

    period: str
    rows: int
    y: np.ndarray
    predicted: np.ndarray


def examine_labels(monitor: Monitor, state: MonitorState, cohort: Cohort) -> MonitorState:
    """Continue the detectors over the labelled rows of a mature period, and test its class shares.

    Returns
    -------
    MonitorState
        With the findings, and with alarms that were not there before; unchanged for a cohort without a label. Rows of
        a period with a broken column move no detector: a training would not mend them.
    """
    if not len(cohort.y):
        return state
    broken = any(one.broken for one in state.inputs if one.period == cohort.period)
    levels, highest, alarms = dict(state.levels), dict[str, float](), list[MonitorAlarm]()
    for name, detector in {} if broken else monitor.detectors.items():
        losses = _losses(monitor, name, cohort)
        walked = walk(detector, levels.get(name, (0.0,) * len(detector.bets)), losses)
        levels[name], highest[name] = walked.levels, walked.highest
        if walked.alarms and not raised(state, "performance", name):
            alarms.append(performance_alarm(cohort.period, name, float(losses.mean()), detector))
    confusion = _confusion(cohort, len(monitor.reference.classes))
    found = _shares(monitor, confusion)
    alarms += share_alarms(state, cohort.period, found, monitor.share_alpha)
    finding = _finding(monitor, cohort, confusion, found).model_copy(update={"levels": highest})
    return state.model_copy(
        update={"levels": levels, "labels": (*state.labels, finding), "alarms": (*state.alarms, *alarms)}
    )


def _finding(monitor: Monitor, cohort: Cohort, confusion: np.ndarray, found: list[ClassShare]) -> LabelFinding:
    rows = confusion.sum(1)
    return LabelFinding(
        period=cohort.period,
        rows=cohort.rows,
        labelled=len(cohort.y),
        error=float((cohort.y != cohort.predicted).mean()),
        macro_f1=macro_f1_of(confusion) if rows.any() else 0.0,
        recall={
            name: float(confusion[at, at] / rows[at]) if rows[at] else None
            for at, name in enumerate(monitor.reference.classes)
        },
        shares={s.name: ShareFinding(share=s.share, before=s.before, low=s.low, high=s.high, p=s.p) for s in found},
    )


def _losses(monitor: Monitor, name: str, cohort: Cohort) -> np.ndarray:
    wrong = (cohort.y != cohort.predicted).astype(float)
    return wrong if name == "" else wrong[cohort.y == monitor.reference.classes.index(name)]


def _confusion(cohort: Cohort, k: int) -> np.ndarray:
    known = (cohort.y >= 0) & (cohort.predicted >= 0)
    joint = np.bincount(cohort.y[known] * k + cohort.predicted[known], minlength=k * k)
    return joint.reshape(k, k).astype(float)


def _shares(monitor: Monitor, confusion: np.ndarray) -> list[ClassShare]:
    if confusion.sum() < monitor.fewest_rows:
        return []
    before = np.stack([one.confusion.sum(1) for one in monitor.reference.held_out])
    return class_shares(monitor.reference.classes, before, confusion.sum(1), monitor.share_alpha)
