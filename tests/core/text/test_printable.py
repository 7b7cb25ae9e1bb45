"""Text from outside can't steer a terminal, begin a false line or hide, and any alphabet stays readable."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.errors import ProblemError
from evenhand.problem import parse_problem
from evenhand.report.figures.style import short
from evenhand.report.rendering import _html
from evenhand.report.table_text import plain_markdown, render_markdown, render_text
from evenhand.text.printable import printable


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[2J\x1b[31mred", r"\x1b[2J\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),
        ("a\rb\x07\x08\x7f\x00", r"a\rb\x07\x08\x7f\x00"),
        ("one\ntwo\u2028three\u2029\x85", r"one\ntwo\u2028three\u2029\x85"),
        ("\u202egnp.exe\u2066", r"\u202egnp.exe\u2066"),
        ("\ud800", r"\ud800"),
        ("tab\there", r"tab\there"),
    ],
    ids=ascii,
)
def test_what_a_terminal_would_obey_is_written_as_its_escape(raw, shown):
    assert printable(raw) == shown


@pytest.mark.parametrize(
    "text", ["Кража", "窃盗", "चोरी", "سرقة", "Cafe\u0301", "👩‍🚒", "no\u00a0break", "แจ้ง", "\\x1b", ""]
)
def test_any_alphabet_stays_as_it_is(text):
    assert printable(text) == text


@given(st.text(st.characters()))
def test_no_control_character_is_left_and_lines_stay_where_they_are_asked_for(text):
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in printable(text))
    assert printable(text, lines=True).count("\n") == text.count("\n")
    assert printable(printable(text)) == printable(text)
    printable(text).encode()  # can be written anywhere


ESCAPE = "Theft\x1b[2J\nPromoted"


def test_tables_for_terminal_markdown_and_page_are_safe():
    frame = pd.DataFrame({"model": [ESCAPE, "b"], "macro_f1": [0.4, np.nan], "skipped": ["", f"no {ESCAPE}"]})
    for text in (render_text(frame), render_markdown(frame), plain_markdown(ESCAPE)):
        assert "\x1b" not in text
        assert "\nPromoted" not in text
    page = _html().from_string("<p>{{ name }}</p>").render(name=ESCAPE)
    assert page == "<p>Theft\\x1b[2J\nPromoted</p>"
    assert short(ESCAPE) == r"Theft\x1b[2J\nPromoted"


def test_a_training_prints_no_control_character(capsys, tmp_path):
    from tasks.training.training import Training

    training = Training("id", tmp_path, problem(), "quick", 0, "p", "run")
    training.say(f"warning: {ESCAPE}")
    assert capsys.readouterr().out == "warning: Theft\\x1b[2J\nPromoted\n"


def test_an_error_of_a_command_prints_no_control_character(capsys, monkeypatch):
    from pydantic import BaseModel

    from tasks.local import command_line

    class Nothing(BaseModel):
        pass

    def fails(request):
        raise ProblemError(f"no column {ESCAPE}")

    monkeypatch.setattr("sys.argv", ["command"])
    monkeypatch.setattr(command_line.signal, "signal", lambda *args: None)
    with pytest.raises(SystemExit):
        command_line.run_command(Nothing, fails)
    assert capsys.readouterr().err == "\nProblemError: no column Theft\\x1b[2J\nPromoted\n"


def test_an_error_that_quotes_a_cell_is_safe_wherever_it_is_shown():
    error = pickle.loads(pickle.dumps(ProblemError(f"no column {ESCAPE}")))  # noqa: S301 - made here
    assert str(error) == "no column Theft\\x1b[2J\nPromoted"


def problem(**changes):
    described = {
        "name": "p",
        "title": "P",
        "source": {"kind": "csv", "path": "x.csv"},
        "target": {"column": "kind"},
        "features": {"base": {"numeric": ["x"]}},
        "split": {"holdout": {"column": "year", "start": 2021}},
        "strategies": ["none"],
    }
    return parse_problem(described | changes, "p.yaml")


@pytest.mark.parametrize(
    "changes",
    [
        {"models": [{"kind": "lightgbm", "label": ESCAPE}]},
        {"features": {"base": {"numeric": ["x"]}, ESCAPE: {"extend": "base", "numeric": ["y"]}}},
        {"decisions": ["argmax", {"kind": "multipliers", "label": ESCAPE}]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_name_in_a_problem_is_one_line(changes):
    with pytest.raises(ProblemError, match=r"x1b.* holds characters that can't be shown in a line") as found:
        problem(**changes)
    assert "\x1b" not in str(found.value)
