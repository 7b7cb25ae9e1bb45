"""Processes and memory of this machine: a pool of worker processes, shared caches, turns between processes.

What the workers compute is in ``tasks.training``.
"""
