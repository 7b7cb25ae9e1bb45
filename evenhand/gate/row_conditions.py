"""Conditions on the held-out rows themselves: which they are, their blocks, and cells that a model does not know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from evenhand.evidence.draws import FEWEST_BLOCKS
from evenhand.gate.alignment import AlignedCase
from evenhand.gate.verdict import Case, Condition, Status
from evenhand.problem import GatePolicy


def row_conditions(case: Case, aligned: AlignedCase, policy: GatePolicy) -> Iterator[Condition]:
    """Check the rows of a case.

    Parameters
    ----------
    case : Case
    aligned : AlignedCase
        The same case with class codes.
    policy : GatePolicy
    """
    if case.untrained is not None:
        name = "rows that neither model was trained on"
        yield Condition(name=name, status="pass", detail=case.untrained.text, kind="rows")
    if aligned.n_blocks is not None:
        enough = aligned.n_blocks >= FEWEST_BLOCKS
        detail = f"intervals draw {aligned.drawn}, {FEWEST_BLOCKS} are needed"
        status: Status = "pass" if enough else "undecided"
        yield Condition(name="blocks that intervals draw", status=status, detail=detail, kind="blocks")
    if policy.max_unknown is not None:
        for title, version in (("champion", case.champion), ("challenger", case.challenger)):
            if version is not None:
                yield _unknown_cells(title, version.unknown_cells, policy.max_unknown)


def _unknown_cells(title: str, shares: Mapping[str, float] | None, limit: float) -> Condition:
    """Check that a model was not given a column that it does not know: it would predict something else."""
    name, allowed = f"cells that the {title} does not know", f"allowed is at most {limit:.0%} of a column"
    if shares is None:
        return Condition(name=name, status="undecided", detail=f"not measured, {allowed}", kind="unknown cells")
    most = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))
    beyond = [f"{column} {share:.1%}" for column, share in most if share > limit]
    largest = [f"at most {share:.1%} ({column})" for column, share in most[:1]]
    detail = f"{'; '.join(beyond or largest) or 'none'}, {allowed}"
    return Condition(name=name, status="undecided" if beyond else "pass", detail=detail, kind="unknown cells")
