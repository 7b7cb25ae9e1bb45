"""Counts the trees that are alive while a forest grows."""

import weakref

from sklearn.tree import DecisionTreeClassifier


def trees_alive(monkeypatch):
    """Watch from now on; return a list that gets, before each tree is fitted, how many there are."""
    trees, alive, fit = weakref.WeakSet(), [], DecisionTreeClassifier._fit

    def watched(tree, *args, **given):
        trees.add(tree)
        alive.append(len(trees))
        return fit(tree, *args, **given)

    monkeypatch.setattr(DecisionTreeClassifier, "_fit", watched)
    return alive
