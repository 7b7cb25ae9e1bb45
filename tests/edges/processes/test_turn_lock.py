"""Turns: nothing runs beside what asked to be alone."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.processes.turn_lock import Turns


@settings(max_examples=20, deadline=None)
@given(st.lists(st.booleans(), min_size=2, max_size=24))
def test_nothing_runs_beside_what_is_alone(asked):
    turns, guard, running, seen = Turns(), threading.Lock(), {True: 0, False: 0}, []

    def work(alone):
        with turns.alone() if alone else turns.beside_others():
            with guard:
                running[alone] += 1
                seen.append(dict(running))
            time.sleep(0.001)
            with guard:
                running[alone] -= 1

    with ThreadPoolExecutor(len(asked)) as pool:
        for done in [pool.submit(work, alone) for alone in asked]:
            done.result(10)
    assert len(seen) == len(asked)
    assert all(now[True] <= 1 and not (now[True] and now[False]) for now in seen)


def test_others_run_side_by_side():
    turns, both = Turns(), threading.Barrier(2)

    def work():
        with turns.beside_others():
            both.wait(10)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(work), pool.submit(work)]:
            done.result(10)


def test_who_waits_to_be_alone_goes_before_who_comes_later():
    turns, order, begun = Turns(), [], threading.Event()
    release = threading.Event()

    def first():
        with turns.beside_others():
            begun.set()
            release.wait(10)

    def alone():
        with turns.alone():
            order.append("alone")

    def late():
        with turns.beside_others():
            order.append("late")

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(first)]
        assert begun.wait(10)
        futures.append(pool.submit(alone))
        while not turns._alone:
            time.sleep(0.001)
        futures.append(pool.submit(late))
        time.sleep(0.05)
        assert order == []
        release.set()
        for done in futures:
            done.result(10)
    assert order == ["alone", "late"]


def test_an_error_ends_a_turn():
    turns = Turns()
    for turn in (turns.alone, turns.beside_others, turns.alone):
        try:
            with turn():
                raise ValueError
        except ValueError:
            pass
    with turns.alone():
        assert turns._taken
