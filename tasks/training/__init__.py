"""The steps of a training between split and report: fits, race, stack, tuning, evaluation, comparison."""
