"""`make init`: a file that nobody has described is read, and a proposed problem and suite are written.

What is proposed is decided in ``evenhand.proposal``.
"""
