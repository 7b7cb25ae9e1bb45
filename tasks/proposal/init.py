"""Read a file, propose a problem and a suite for it, and write both, or neither."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from evenhand.errors import ProblemError, StorageError
from evenhand.problem import Source
from evenhand.proposal.document import problem_file, summary
from evenhand.proposal.draft import ProposalRequest
from evenhand.proposal.proposal import Proposal, propose
from evenhand.proposal.suite import first_suite
from tasks.data.sources.fetch import fetch
from tasks.proposal.sniff import plain_source, sniff
from tasks.settings import settings
from tasks.storage.files import write_text


class InitRequest(BaseModel):
    """Propose a problem for a file that nobody has described; nothing is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str = Field(description="a CSV, Parquet, Excel or GeoJSON file, a glob, or a folder of such files")
    target: str = Field(default="", description="the column to predict")
    name: str | None = Field(default=None, description="name of the problem; that of the file if not given")
    force: bool = Field(default=False, description="write over an existing problem file and suite")
    recipes: bool = Field(default=True, description="let what is known of well-known portals pre-fill the file")


@dataclass(frozen=True, eq=False)
class Written:
    """What was proposed, and the files that hold it."""

    proposal: Proposal
    problem: Path
    suite: Path
    text: str


def init(request: InitRequest) -> Written:
    """Write ``problems/<name>.yaml`` and ``expectations/<name>.json``.

    Raises
    ------
    SourceError
        When the file can't be read.
    ProblemError
        When the name is taken or can't be one, or nothing can be predicted from the file.
    StorageError
        When the files can't be written; neither is left then.
    """
    if not request.data:
        raise ProblemError("DATA: name a file, such as make init DATA=city.csv TARGET=kind")
    name = _name(request)
    problem, suite = settings().problems / f"{name}.yaml", settings().expectations / f"{name}.json"
    taken = [str(path) for path in (problem, suite) if path.exists()]
    if taken and not request.force:
        raise ProblemError(f"{' and '.join(taken)} exist already; give another NAME, or FORCE=1 to write over them")
    source, questions = sniff(request.data)
    fetched = fetch(TypeAdapter(Source).validate_python(plain_source(source)), settings().cache)
    proposal = propose(fetched.frame, ProposalRequest(name, request.target, source, request.recipes))
    proposal = replace(proposal, questions=(*questions, *proposal.questions))
    texts = {problem: problem_file(proposal), suite: json.dumps(first_suite(proposal), indent=1, ensure_ascii=False)}
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, text)
    except OSError as error:
        raise StorageError(f"{error.filename or problem} can't be written: {error.strerror}") from None
    files = f" ({len(fetched.files)} files)" if len(fetched.files) > 1 else ""
    what = f"{request.data}{files}: {len(fetched.frame):,} rows, {fetched.frame.shape[1]} columns"
    return Written(proposal, problem, suite, summary(proposal, what, [_shown(problem), _shown(suite)]))


def _name(request: InitRequest) -> str:
    if request.name is not None:
        if not re.fullmatch(r"[a-z0-9_]+", request.name):
            raise ProblemError(
                f"NAME: {request.name!r} may hold small letters, digits and _; try {_slug(request.name)!r}"
            )
        return request.name
    path = Path(request.data)
    return _slug(path.name.split(".")[0] or path.parent.name)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_") or "problem"


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
