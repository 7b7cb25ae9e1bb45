"""Kills a training at a named moment. Python imports this at its start, where a test has put its folder on the path.

``KILL_AT`` is ``module:function:n:before`` or ``...:after``: the n-th call of a function. ``KILL_HOW`` is the signal
and whom it goes to, or ``fail`` for a full disk. ``KEPT_LOG`` names a file with a line for every fit that was kept. The
product knows nothing of it.
"""

import errno
import importlib.abc
import importlib.machinery
import os
import signal
import subprocess
import sys
from pathlib import Path

AT, HOW, LOG = (os.environ.get(name, "") for name in ("KILL_AT", "KILL_HOW", "KEPT_LOG"))
CHILDREN = {"server": "server_process", "worker": "popen_loky_posix"}


def strike():
    if HOW == "fail":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a full disk")
    number, whom = HOW.split("-")
    number = getattr(signal, f"SIG{number}")
    if whom == "process":
        os.kill(os.getpid(), number)
    elif whom == "group":
        os.killpg(os.getpgrp(), number)
    else:
        listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
        for pid, parent, args in (line.split(maxsplit=2) for line in listed.splitlines()):
            if int(parent) == os.getpid() and CHILDREN[whom] in args:
                os.kill(int(pid), number)
                return


def wrap(function, nth, when):
    calls = [0]

    def wrapped(*args, **kwargs):
        calls[0] += 1
        now = calls[0] == nth
        if now and when == "before":
            strike()
        result = function(*args, **kwargs)
        if now and when == "after":
            strike()
        return result

    return wrapped


def patch(module, name, make):
    owner = module
    *path, last = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    found = getattr(owner, last)
    if hasattr(found, "fn"):  # a task of Prefect
        found.fn = make(found.fn)
    else:
        setattr(owner, last, make(found))


def noted(function):
    def wrapped(self, kept, what):
        function(self, kept, what)
        with Path(LOG).open("a") as file:
            file.write(f"{kept.key} {what}\n")

    return wrapped


class Finder(importlib.abc.MetaPathFinder):
    def __init__(self, patches):
        self.patches = patches

    def find_spec(self, name, path=None, target=None):
        if name not in self.patches:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            for function, make in self.patches[name]:
                patch(module, function, make)

        spec.loader.exec_module = exec_module
        return spec


if "flows.train" in sys.orig_argv:
    patches = {}
    if LOG:
        patches.setdefault("tasks.training.kept.kept_fits", []).append(("KeptFits._keep", noted))
    if AT:
        where, function, nth, when = AT.split(":")
        patches.setdefault(where, []).append((function, lambda found: wrap(found, int(nth), when)))
    sys.meta_path.insert(0, Finder(patches))
