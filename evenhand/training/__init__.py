"""What a training tries and how: candidates, their fits on a fold, racing, stacking, tuned settings, leak checks.

One fit runs on one thread and needs no process of its own; where fits run is decided by ``tasks.training``.
"""
