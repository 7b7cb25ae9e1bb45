"""Text of values, names and messages: the one text of a cell, and what a terminal or a page may show.

Features that are made of words are in ``evenhand.features``.
"""
