"""Figures on demand, of the candidates that a training drew none of.

``python -m tasks.local.figures --help`` lists the options.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from evenhand.errors import EvenhandError
from evenhand.text.printable import printable
from tasks.local.command_line import run_command
from tasks.reporting.curves_file import CURVES, read_curves
from tasks.settings import settings
from tasks.storage.files import write_bytes

METRICS = "model_metrics.json"


class FiguresRequest(BaseModel):
    """Draw the figures of a training's candidates into their folders."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str = Field(default="latest", description="name of a training's folder in runs/, or its path")
    candidate: str = Field(default="", description="only folders with this in their name, such as lightgbm-smote")


def draw_run(request: FiguresRequest) -> None:
    """Draw what is kept of every fit, and the confusion matrix of every candidate, where there is no figure yet.

    Raises
    ------
    EvenhandError
        When there is no such training, or no such candidate.
    """
    from evenhand.report.figures import confusion_matrix, to_png  # matplotlib, for which a refusal need not wait
    from tasks.reporting.draw import draw_fit

    folders = _folders(request)
    for folder in folders:
        figures, scores, note = {}, _out_of_fold(folder), ""
        if (folder / CURVES).exists():
            found = read_curves(folder / CURVES)
            figures, note = draw_fit(found), found.note
        if scores:
            figures["confusion_matrix"] = confusion_matrix(np.asarray(scores["confusion"]), scores["classes"], note)
        new = {name: figure for name, figure in figures.items() if not (folder / f"{name}.png").exists()}
        for name, figure in new.items():
            write_bytes(folder / f"{name}.png", to_png(figure))
        _say(f"{len(new)} figures drawn, {len(list(folder.glob('*.png')))} there: {folder}")


def _folders(request: FiguresRequest) -> list[Path]:
    named = Path(request.run)
    run = named if (named / "candidates").is_dir() else settings().runs / request.run
    known = sorted(path for path in (run / "candidates").glob("*") if path.is_dir())
    if not known:
        there = sorted({path.parent.name for path in settings().runs.glob("*/candidates")} - {"latest"})
        newest = f"such as {there[-1]}" if there else "where there is none yet: make train"
        raise EvenhandError(f"no candidates in {run}; RUN is the name of a folder in {settings().runs}, {newest}")
    found = [path for path in known if request.candidate in path.name]
    if not found:
        names = ", ".join(path.name for path in known)
        raise EvenhandError(f"no candidate of {run} has {request.candidate!r} in its name; there are {names}")
    return found


def _out_of_fold(folder: Path) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] | None = json.loads((folder / METRICS).read_text(encoding="utf-8"))["oof"]
    except (OSError, ValueError, KeyError) as error:
        raise EvenhandError(f"{folder / METRICS} can't be read: {type(error).__name__}: {error}") from None
    return found


def _say(text: str) -> None:
    print(printable(text), flush=True)  # noqa: T201 - a command prints


if __name__ == "__main__":
    run_command(FiguresRequest, draw_run)
