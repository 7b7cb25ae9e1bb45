"""The description of a registered version: verdict, reasons, links and every class, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from evenhand.gate.alignment import align
from evenhand.gate.verdict import Case, Verdict
from evenhand.report.table_model import Table, numbers, percentage, words
from evenhand.report.table_text import markdown_table, plain_markdown

CLASSES_SHOWN = 25  # of the rarest


def version_note(verdict: Verdict, links: Mapping[str, str], case: Case | None, longest: int) -> str:
    """Write what a version is worth.

    Parameters
    ----------
    verdict : Verdict
    links : mapping of str to str
        Name of a page to its address.
    case : Case, optional
        What was compared; without it no class is described.
    longest : int
        Characters that the registry takes: reasons are cut before the table of classes is.
    """
    where = ", ".join(f"[{name}]({address})" for name, address in links.items())
    head = f"**{plain_markdown(verdict.outcome)}**: {where}\n\n"
    table = "" if case is None else _classes(case, (longest - len(head)) // 2)
    reasons = "\n".join(f"- {plain_markdown(reason)}" for reason in verdict.reasons)
    return head + reasons[: longest - len(head) - len(table) - 2] + (f"\n\n{table}" if table else "")


def _classes(case: Case, longest: int) -> str:
    """Return what the version finds of each class and how often it is right, the rarest first, in whole lines."""
    aligned = align(case)
    model, k = aligned.challenger, len(aligned.classes)
    confusion = np.bincount(aligned.y * k + model.codes, minlength=k * k).reshape(k, k)
    support, called, hit = confusion.sum(axis=1), confusion.sum(axis=0), confusion.diagonal()
    rarest = sorted(np.flatnonzero(support), key=lambda code: (support[code], aligned.classes[code]))
    lines = [
        [aligned.classes[code], f"{support[code]:,}", _share(hit[code], support[code]), _share(hit[code], called[code])]
        for code in rarest[:CLASSES_SHOWN]
    ]
    columns = words("class") + numbers("held-out rows", "found (recall)", "right (precision)")
    text = markdown_table(Table("", columns, lines))
    some = f"\n\nThe {len(lines)} rarest of {len(rarest)} classes." if len(lines) < len(rarest) else ""
    cut = text[:longest]
    return text + some if cut == text else cut[: cut.rfind("\n")]


def _share(part: int, whole: int) -> str:
    return percentage(part / whole) if whole else "never predicted"
