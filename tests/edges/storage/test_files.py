"""Arrays read by several threads at once.

On Pythons that have the fix (3.11.8, 3.12.2 and newer) nothing here can fail.
"""

import gc
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tasks.storage.files import read_array


@pytest.fixture
def often_interrupted():
    """Threads take turns as often as they can, and collections, in which they do, come all the time."""
    before = gc.get_threshold(), sys.getswitchinterval()
    gc.callbacks.append(print_nothing)
    gc.set_threshold(10)
    sys.setswitchinterval(1e-6)
    yield
    gc.set_threshold(*before[0])
    sys.setswitchinterval(before[1])
    gc.callbacks.remove(print_nothing)


def print_nothing(*_):
    """Python code in a collection, which lets another thread in."""


@pytest.mark.usefixtures("often_interrupted")
def test_threads_that_read_together_all_get_their_array(tmp_path):
    wanted = np.arange(6.0).reshape(3, 2)
    np.save(tmp_path / "a.npy", wanted)
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda _: read_array(tmp_path / "a.npy"), range(1000)))
    assert all(np.array_equal(one, wanted) for one in read)
