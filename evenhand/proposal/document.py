"""A proposal as the text of a problem file, and as one screen for who asked."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from evenhand.proposal.cells import listed
from evenhand.proposal.methods import DEFAULTS
from evenhand.proposal.noted_yaml import comment, write_yaml
from evenhand.proposal.proposal import Proposal
from evenhand.text.printable import printable

WIDTH = 118
_LABEL = 11
_ASIDE = {"out": "not used", "sensitive": "sensitive, not used", "text": "free text, not used"}


def problem_file(proposal: Proposal) -> str:
    """Write the problem file: a reason on each line, what is left out, and what to check."""
    lines = ["# Proposed by `make init` from the file alone: read each reason, and change what you know better."]
    if proposal.recipe:
        lines.append(comment(f"The columns are those of: {proposal.recipe}."))
    for question in proposal.questions:
        lines += [comment(f"check: {question}")]
    head, tail = write_yaml(proposal.head), write_yaml(proposal.tail)
    return "\n".join([*lines, comment(DEFAULTS)]) + "\n" + head + _left_out(proposal) + tail


def _left_out(proposal: Proposal) -> str:
    found = {name: role for name, role in proposal.roles.items() if role.role in _ASIDE}
    lines = [comment("Columns that are not used:")] if found else []
    lines += [f"#   {comment(f'{name}: {role.why}').removeprefix('# ')}" for name, role in found.items()]
    sensitive = [name for name, role in found.items() if role.role == "sensitive"]
    if sensitive:
        lines.append(comment("To have groups of them compared, without a model seeing them, take the # away:"))
        lines.append(f"# {write_yaml({'sensitive': sensitive}).strip()}")
    return "".join(f"{line}\n" for line in lines)


def summary(proposal: Proposal, what: str, written: Sequence[str]) -> str:
    """Write one screen: what was found, what is proposed, what to check, and the next command.

    Parameters
    ----------
    proposal : Proposal
    what : str
        The file and its rows.
    written : sequence of str
        Paths of the files.
    """
    roles, classes = proposal.roles, proposal.classes
    used = [name for name, role in roles.items() if role.role not in (*_ASIDE, "leak")]
    methods = proposal.problem
    tried = (
        f"{len(methods.models)} models, {len(methods.strategies)} strategies, {len(methods.decisions)} decision rules"
    )
    lines = [printable(what)]
    lines += _line("recognised", proposal.recipe) if proposal.recipe else []
    lines += _line("predict", f"{methods.target.column}: {classes.counts()}")
    lines += _line("from", listed(used, 12))
    for role, why in (("leak", "known only with or after the class"), ("sensitive", "sensitive")):
        names = [name for name, found in roles.items() if found.role == role]
        lines += _line("left out", f"{why}: {listed(names, 8)}") if names else []
    aside = [name for name, found in roles.items() if found.role in ("out", "text")]
    lines += _line("left out", f"identifiers, copies, constants, texts: {listed(aside, 8)}") if aside else []
    lines += _line("hold out", proposal.split.about)
    lines += _line("try", f"{tried}; judged by {methods.metric}")
    for number, question in enumerate(proposal.questions[:8], 1):
        lines += _line("check" if number == 1 else "", f"{number}. {question}")
    if len(proposal.questions) > 8:
        lines += _line("", f"and {len(proposal.questions) - 8} more, in the file")
    lines += _line("written", ", ".join(written))
    lines += ["", f"Next: make train PROBLEM={methods.name} QUICK=1"]
    return "\n".join(lines)


def _line(label: str, text: str | None) -> list[str]:
    first, *rest = wrap(printable(text or ""), WIDTH - _LABEL, break_long_words=False, break_on_hyphens=False) or [""]
    return [f"{label:<{_LABEL}}{first}", *(f"{'':<{_LABEL}}{line}" for line in rest)]
