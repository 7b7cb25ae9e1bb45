"""A first problem file for rows that nobody has described: roles, classes, leaks, split, from headers and cells.

Reading the rows and writing the files is in ``tasks.proposal``.
"""
