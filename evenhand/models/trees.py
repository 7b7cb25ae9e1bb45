"""A grown tree in little memory, for files and other processes."""

from __future__ import annotations

import copy
import io

import numpy as np
import pyarrow as pa
from sklearn.tree import DecisionTreeClassifier
from sklearn.tree._tree import Tree

CODEC = pa.Codec("zstd", 1)


def packed(grown: DecisionTreeClassifier) -> DecisionTreeClassifier:
    """Copy a classifier of one output; its nodes become compressed bytes, an array of uint8, if they are none yet.

    A full-grown forest of Toronto's 210,000 rows holds 1.3 GB of nodes. Whatever writes or reads them as they are
    holds them two or three times; packed, they are a sixth.
    """
    if not isinstance(grown.tree_, Tree):
        return grown
    state = grown.tree_.__getstate__()
    file = io.BytesIO()
    sizes = np.array([state["max_depth"], state["node_count"]])
    np.savez(file, sizes=sizes, nodes=state["nodes"], values=state["values"])
    small = copy.copy(grown)
    # As bytes: Arrow's own buffer holds more than it shows.
    small.tree_ = np.frombuffer(CODEC.compress(file.getbuffer(), asbytes=True), dtype=np.uint8)
    return small


def unpacked(small: DecisionTreeClassifier) -> DecisionTreeClassifier:
    """Undo :func:`packed`; a tree that was not packed stays as it is.

    Raises
    ------
    ValueError, OSError, EOFError, KeyError
        When the bytes are no such tree.
    """
    if isinstance(small.tree_, Tree):
        return small
    with pa.CompressedInputStream(pa.py_buffer(small.tree_.tobytes()), CODEC.name) as stream:
        held = np.load(io.BytesIO(stream.read()), allow_pickle=False)
    depth, n_nodes = held["sizes"].tolist()
    tree = Tree(small.n_features_in_, np.array([small.n_classes_], dtype=np.intp), small.n_outputs_)
    tree.__setstate__({"max_depth": depth, "node_count": n_nodes, "nodes": held["nodes"], "values": held["values"]})
    grown = copy.copy(small)
    grown.tree_ = tree
    return grown
