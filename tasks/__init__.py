"""Edges: each task reads a reference, calls ``evenhand`` and writes a reference."""
