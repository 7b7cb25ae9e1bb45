"""The command line of a check by simulation; it prints each line as it is known and writes all of them to a file."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tasks.settings import settings


def run_simulations(
    about: str, name: str, usual: int, check: Callable[[int], Iterator[tuple[str, dict[str, Any]]]]
) -> int:
    """Read the command line, run the simulations and write the figures.

    Parameters
    ----------
    about : str
        For ``--help``.
    name : str
        Of the file in ``EVENHAND_HOME``.
    usual : int
        Number of simulations, if none is given.
    check : callable
        Takes the number of simulations; yields the text and the figures of each line. Its ``met`` is whether the
        target is met.

    Returns
    -------
    int
        Exit code: 1 when a target is missed.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--simulations", type=int, default=usual)
    given = parser.parse_args()
    begun, lines = time.process_time(), []
    for text, line in check(given.simulations):
        lines.append(line)
        print(f"{text}  {'met' if line['met'] else 'MISSED'}", flush=True)
    path = Path(settings().home) / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"simulations": given.simulations, "lines": lines}, indent=2) + "\n")
    print(f"{time.process_time() - begun:.0f} CPU s; figures: {path}")
    return 0 if all(line["met"] for line in lines) else 1
