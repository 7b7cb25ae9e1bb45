"""Rows before anything is learned from them: columns and their types, split, folds, lineage, findings of a validation.

No file is read here: sources, snapshots and suites are read by ``tasks.data``. Encoders are in ``evenhand.features``.
"""
