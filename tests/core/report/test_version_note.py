"""The description of a registered version."""

import numpy as np

from evenhand.gate.verdict import Case, Verdict, VersionPredictions
from evenhand.report.gate.version_note import version_note

LINKS = {"gate report": "#/a", "training": "#/b"}


def verdict(*reasons):
    return Verdict(outcome="reject", reasons=reasons, metric="macro_f1", review="required")


def case(names, truth, predicted):
    proba = np.full((len(truth), len(names)), 1 / len(names))
    model = VersionPredictions("the challenger", tuple(names), proba, np.array(predicted, dtype=object), "d")
    return Case(np.array(truth, dtype=object), model, None, "macro_f1")


def test_it_has_the_verdict_the_reasons_the_pages_and_every_class():
    truth, predicted = ["Theft"] * 4 + ["Robbery"] * 2, ["Theft"] * 3 + ["Robbery"] * 2 + ["Theft"]
    note = version_note(verdict("Recall of Robbery fell."), LINKS, case(["Theft", "Robbery"], truth, predicted), 4_000)
    assert note.startswith("**reject**: [gate report](#/a), [training](#/b)\n\n- Recall of Robbery fell.\n\n")
    assert "| Robbery | 2 | 50 % | 50 % |" in note
    assert note.index("| Robbery |") < note.index("| Theft | 4 | 75 % | 75 % |"), "the rarest class first"


def test_text_from_outside_is_text():
    name = "[me](http://x) | \x1b[2J"
    note = version_note(verdict(f"No {name}"), LINKS, case([name, "b"], [name, "b"], [name, "b"]), 4_000)
    assert "\x1b" not in note
    assert "\\[me](http" in note
    assert note.count("[me](http") == note.count("\\[me](http")


def test_it_is_never_longer_than_the_registry_takes():
    names = [f"class {i} " + "of a long name " * 9 for i in range(120)]
    note = version_note(verdict(*["why " * 100] * 20), LINKS, case(names, names, names), 4_000)
    assert len(note) <= 4_000
    assert note.rstrip().endswith("|") or "rarest of" in note
